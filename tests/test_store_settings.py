"""[store]: which store is meant, where InfluxDB's token comes from, and that nothing ever shows it."""

import json
import traceback
from pathlib import Path

import pytest
from pydantic import SecretStr

from soakwatch.core.configuration import Configuration
from soakwatch.core.configuration_file import load_configuration, load_environment
from soakwatch.core.errors import ConfigurationError
from soakwatch.core.store_settings import StoreKind, StoreSection

TOKEN = "hush-3f9a2c1d77=="  # noqa: S105  (made up)


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def problem() -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_configuration()
    assert TOKEN not in "".join(traceback.format_exception(caught.value))
    return str(caught.value)


# Which store is meant


def test_variables_alone_lead_to_influxdb(monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in {"KIND": "influxdb", "URL": "http://db:8086/", "ORG": "perf", "BUCKET": "nightly"}.items():
        monkeypatch.setenv(f"SOAKWATCH_STORE__{key}", value)
    store = load_configuration().store
    assert (store.kind, store.url, store.org, store.bucket) == (
        StoreKind.INFLUXDB, "http://db:8086", "perf", "nightly",
    )  # fmt: skip
    assert store.address == "http://db:8086 (bucket 'nightly')"


def test_influxdb_is_a_word_and_everything_else_is_a_path() -> None:
    store = StoreSection()
    assert store.named(None) == store
    assert store.named("influxdb").kind is StoreKind.INFLUXDB
    named = store.named("influxdb").named("other.db")
    assert (named.kind, named.path) == (StoreKind.SQLITE, Path("other.db"))
    assert store.named("./influxdb").path == Path("./influxdb")


def test_what_waits_for_one_store_is_not_delivered_to_another() -> None:
    store = StoreSection(spool=Path("waiting"))
    assert store.named("soakwatch.db").spool_folder == Path("waiting")
    assert store.named("other.db").spool_folder == Path("other.db.spool")
    assert store.named("influxdb").spool_folder != Path("waiting")


def test_each_bucket_of_each_server_has_its_own_spool_where_none_is_named() -> None:
    here = StoreSection(kind=StoreKind.INFLUXDB)
    others = [
        here.model_copy(update=change)
        for change in (
            {"url": "http://staging.example.com:8086"},
            {"url": "http://localhost:8087"},
            {"url": "http://localhost:8086/influx"},
            {"org": "another"},
            {"bucket": "nightly"},
            {"bucket": "night/ly"},
            {"bucket": "night_ly"},
        )
    ]
    folders = [store.spool_folder for store in (here, *others)]
    assert len(set(folders)) == len(folders)
    assert all(len(folder.parts) == 1 for folder in folders)
    assert str(folders[0]).startswith("soakwatch.localhost_soakwatch-")
    assert StoreSection(kind=StoreKind.INFLUXDB, url="http://LOCALHOST:8086/").spool_folder == folders[0]


def test_a_process_in_another_folder_finds_the_same_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Path("soakwatch.toml").write_text(
        "[store]\nkind = 'influxdb'\norg = 'perf'\ntoken_file = 'daemon.token'\ntimeout = 3\n", encoding="utf-8"
    )
    Path("daemon.token").write_text(f"{TOKEN}\n", encoding="utf-8")
    here = load_configuration().store
    variables = here.variables
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    found = load_configuration().store
    assert (found.kind, found.org, found.timeout) == (StoreKind.INFLUXDB, "perf", 3)
    assert found.spool_folder == tmp_path / here.spool_folder
    assert found.read_token().get_secret_value() == TOKEN


def test_no_file_is_read_where_only_the_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("soakwatch.toml").write_text("environment = 'file'\n", encoding="utf-8")
    monkeypatch.setenv("SOAKWATCH_STORE__KIND", "influxdb")
    assert (load_environment().environment, load_environment().store.kind) == ("default", StoreKind.INFLUXDB)


@pytest.mark.parametrize(
    ("key", "value", "right"),
    [
        ("kind", "postgres", "'sqlite' or 'influxdb'"),
        ("url", "influxdb:8086", "'http://localhost:8086'"),
        ("url", "ftp://influxdb", "'http://localhost:8086'"),
        ("url", "http://", "'http://localhost:8086'"),
        ("url", "http://[::1", "'http://localhost:8086'"),
        ("url", "http://influxdb:port", "'http://localhost:8086'"),
        ("url", "http://db:8086?token=x", "'http://localhost:8086'"),
        ("bucket", "_monitoring", "does not begin with _"),
        ("bucket", 'a"b', "without spaces, quotes"),
        ("org", "", "at least 1 character"),
        ("timeout", "0", "greater than 0"),
    ],
)
def test_a_wrong_value_says_what_would_be_right(key: str, value: str, right: str) -> None:
    Path("soakwatch.toml").write_text(f"[store]\n{key} = {json.dumps(value)}\n", encoding="utf-8")
    assert problem().startswith(f"soakwatch.toml: store.{key}: ")
    assert right in problem()


# Where the token comes from


def test_the_token_comes_from_the_variable_before_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("writer.token").write_text(f"  {TOKEN}\n\n", encoding="utf-8")
    monkeypatch.setenv("SOAKWATCH_STORE__TOKEN_FILE", "writer.token")
    assert load_configuration().store.read_token().get_secret_value() == TOKEN
    monkeypatch.setenv("SOAKWATCH_STORE__TOKEN", "from-the-variable\n")
    assert load_configuration().store.read_token().get_secret_value() == "from-the-variable"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b" \n", "daemon.token: the token file is empty"),
        (f"{TOKEN}\nand more".encode(), "daemon.token: this is no token"),
        (f"TOKEN={TOKEN} # mine".encode(), "daemon.token: this is no token"),
        (f"{TOKEN}é".encode(), "daemon.token: this is no file with a token"),
        (b"\xff\xfe" + TOKEN.encode("utf-16"), "daemon.token: this is no file with a token"),
    ],
)
def test_a_file_that_holds_no_token_is_named_and_not_shown(content: bytes, said: str) -> None:
    Path("daemon.token").write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        StoreSection(token_file=Path("daemon.token")).read_token()
    assert said in str(caught.value)
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


def test_a_token_file_that_cannot_be_read_is_named() -> None:
    Path("daemon.token").mkdir()
    with pytest.raises(ConfigurationError, match=r"daemon\.token: the token file cannot be read: Is a directory"):
        StoreSection(token_file=Path("daemon.token")).read_token()


@pytest.mark.parametrize("pasted", [TOKEN, f"{TOKEN}/{TOKEN}", TOKEN * 20])
def test_a_token_in_the_place_of_its_file_is_not_shown(pasted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOAKWATCH_STORE__TOKEN_FILE", pasted)
    elsewhere = load_configuration().store.variables["SOAKWATCH_STORE__TOKEN_FILE"]
    for token_file in (pasted, elsewhere):
        with pytest.raises(ConfigurationError) as caught:
            StoreSection(token_file=Path(token_file)).read_token()
        assert "store.token_file (SOAKWATCH_STORE__TOKEN_FILE): no such file" in str(caught.value)
        assert TOKEN not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "url",
    [f"user:{TOKEN}@host/version", f"host/version?key={TOKEN}", TOKEN, f"ftp://user:{TOKEN}@host/", f"http:{TOKEN}"],
)
def test_no_error_shows_the_address_of_a_version(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("soakwatch.toml").write_text(f"[[deploy]]\nversion_url = {json.dumps(url)}\n", encoding="utf-8")
    assert problem().startswith("soakwatch.toml: deploy[0].version_url: it must be an address")
    Path("soakwatch.toml").unlink()
    for value in (json.dumps([{"version_url": url}]), json.dumps(url), url):
        monkeypatch.setenv("SOAKWATCH_DEPLOY", value)
        assert "SOAKWATCH_DEPLOY" in problem()


def test_a_variable_that_holds_no_token_is_named_and_not_shown() -> None:
    with pytest.raises(ConfigurationError, match="SOAKWATCH_STORE__TOKEN: this is no token") as caught:
        StoreSection(token=SecretStr(f"{TOKEN}\udcff")).read_token()
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


def test_without_a_token_it_is_said_where_one_may_be_given() -> None:
    with pytest.raises(ConfigurationError, match=r"SOAKWATCH_STORE__TOKEN .* store\.token_file"):
        StoreSection().read_token()


# That nothing shows it


def test_a_token_in_the_configuration_file_is_refused() -> None:
    Path("soakwatch.toml").write_text(f"[store]\ntoken = '{TOKEN}'\n", encoding="utf-8")
    assert problem().startswith("soakwatch.toml: store.token: a token does not belong into this file")
    assert "SOAKWATCH_STORE__TOKEN" in problem()


def test_the_address_of_a_ledger_in_the_configuration_file_is_refused() -> None:
    Path("soakwatch.toml").write_text(f"[ledger]\nurl = 'postgresql://soak:{TOKEN}@db/watch'\n", encoding="utf-8")
    assert problem().startswith("soakwatch.toml: ledger.url: an address with a password does not belong into this file")
    assert "SOAKWATCH_LEDGER__URL" in problem()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SOAKWATCH_STORE", TOKEN),
        ("SOAKWATCH_STORE", json.dumps(TOKEN)),
        ("SOAKWATCH_STORE", json.dumps([TOKEN])),
        ("SOAKWATCH_STORE", json.dumps({"token": [TOKEN]})),
        ("SOAKWATCH_STORE", json.dumps({"token": TOKEN, "timeout": -1})),
        ("SOAKWATCH_STORE__TOKENS", TOKEN),
        ("SOAKWATCH_STORE", json.dumps({"token_file": [TOKEN]})),
        ("SOAKWATCH_STORE__URL", f"http://admin:{TOKEN}@db:8086"),
        ("SOAKWATCH_STORE__URL", f"admin:{TOKEN}@db:8086"),
        ("SOAKWATCH_STORE__URL", f"http://db:8086?token={TOKEN}"),
        ("SOAKWATCH_LEDGER", f"postgresql://soak:{TOKEN}@db/watch"),
        ("SOAKWATCH_LEDGER", json.dumps(f"postgresql://soak:{TOKEN}@db/watch")),
        ("SOAKWATCH_LEDGER", json.dumps({"url": [TOKEN]})),
        ("SOAKWATCH_LEDGER", json.dumps({"urls": TOKEN})),
    ],
)
def test_no_error_shows_a_token(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)
    assert variable in problem()


def test_a_configuration_can_be_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOAKWATCH_STORE__TOKEN", TOKEN)
    monkeypatch.setenv("SOAKWATCH_LEDGER__URL", f"postgresql://soak:{TOKEN}@db/watch")
    configuration = load_configuration()
    shown = [repr(configuration), str(configuration), configuration.model_dump_json(), str(configuration.model_dump())]
    shown += [str(configuration.store.variables), configuration.store.address, repr(configuration.store.read_token())]
    assert TOKEN not in "".join(shown)
    assert isinstance(configuration, Configuration)
