"""The ledger in trouble: a file that is none, a disk that is full, a server that goes away, a wrong address."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from ledgers import a_ruling, an_incident, ledger_at
from postgresql_server import PASSWORD, PostgresProcess, new_database, programs
from pydantic import SecretStr
from sqlalchemy import URL

from soakwatch.core.configuration import Configuration
from soakwatch.core.detector_settings import LedgerSection
from soakwatch.core.errors import ConfigurationError, LeaseLost, StoreError, StoreUnavailable
from soakwatch.core.incident import Incident, State
from soakwatch.core.store_settings import StoreKind, StoreSection
from soakwatch.store.ledger import Ledger
from soakwatch.store.ledger_opening import create_ledger, open_ledger, place_of
from soakwatch.store.ledger_records import decode_incident, encode_incident


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "soakwatch-ledger.db"


def at(place: Path | str) -> Configuration:
    """The configuration of a ledger in a file, or at a URL."""
    section = LedgerSection(path=place) if isinstance(place, Path) else LedgerSection(url=SecretStr(place))
    return Configuration(ledger=section)


def keep(ledger: Ledger, *incidents: Incident) -> None:
    with ledger.transaction() as work:
        work.save(incidents)


# Where it is


@pytest.mark.parametrize(
    ("configuration", "place"),
    [
        (Configuration(), Path("soakwatch-ledger.db")),
        (Configuration(store=StoreSection(path=Path("/var/soak/perf.sqlite"))), Path("/var/soak/perf-ledger.sqlite")),
        (Configuration(store=StoreSection(kind=StoreKind.INFLUXDB, path=Path("x.db"))), Path("soakwatch-ledger.db")),
        (at(Path("own.db")), Path("own.db")),
        (at("sqlite:///own.db"), Path("own.db")),
        (at("sqlite:////var/own.db"), Path("/var/own.db")),
        (at("postgresql://soak@db/watch"), URL.create("postgresql", "soak", host="db", database="watch")),
    ],
    ids=["by default", "beside the store", "with InfluxDB", "a path", "a URL", "a URL from the root", "PostgreSQL"],
)
def test_a_ledger_is_beside_the_store_unless_it_is_said_where(configuration: Configuration, place: Path | URL) -> None:
    assert place_of(configuration) == place


WRONG = {
    "another database": f"mysql://soak:{PASSWORD}@db/watch",
    "a driver": f"postgresql+psycopg2://soak:{PASSWORD}@db/watch",
    "no database": f"postgresql://soak:{PASSWORD}@db",
    "no file": "sqlite://",
    "no URL": f"soak:{PASSWORD}@db",
    "a port that is none": f"postgresql://soak:x@db:{PASSWORD}/watch",
    "an @ in the password": f"postgresql://soak:x@{PASSWORD}@db/watch",
    "a slash in the user": f"postgresql://so/ak:{PASSWORD}@db/watch",
}


@pytest.mark.parametrize("url", WRONG.values(), ids=WRONG)
def test_a_url_that_cannot_be_one_is_said_to_be_wrong_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"SOAKWATCH_LEDGER__URL: .*") as caught:
        create_ledger(at(url))
    assert not any(part in str(caught.value) for part in (PASSWORD, "@db", "watch"))


def test_without_a_driver_for_postgresql_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from soakwatch.core.configuration import Configuration\n"
        "from soakwatch.core.detector_settings import LedgerSection\n"
        "from soakwatch.store.ledger_opening import create_ledger\n"
        "create_ledger(Configuration(ledger=LedgerSection(url=sys.argv[1])))"
    )
    done = run(code, "postgresql://soak:hush@127.0.0.1:1/x")
    assert "ConfigurationError" in done.stderr
    assert done.stderr.endswith("needs a driver that is not installed: pip install 'soakwatch[postgresql]'\n")
    assert "hush" not in done.stderr


def run(code: str, argument: str) -> subprocess.CompletedProcess[str]:
    """Run a program of its own that finds this folder's modules."""
    environment = {"PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-c", code, argument]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment)


# A file


def test_who_only_reads_makes_no_ledger_and_is_told_who_makes_one(path: Path) -> None:
    with pytest.raises(StoreUnavailable, match=rf"no ledger at {path} yet; `soakwatch watch` makes one"):
        open_ledger(at(path))
    assert not path.exists()
    create_ledger(at(path)).close()
    open_ledger(at(path)).close()


def move(folder: Path, to: Path) -> None:
    """Move a ledger, with what SQLite keeps beside it."""
    to.mkdir(exist_ok=True)
    for file in folder.glob("soakwatch-ledger.db*"):
        file.rename(to / file.name)


def test_a_ledger_that_is_moved_away_is_gone_for_who_has_it_open_and_one_in_its_place_is_used(path: Path) -> None:
    with create_ledger(at(path)) as ledger:
        lease = ledger.acquire("this daemon", 0.0, 60.0)
        assert lease is not None
        keep(ledger, an_incident())
        away = path.parent / "away"
        move(path.parent, away)
        with pytest.raises(StoreUnavailable, match=r"soakwatch-ledger.db: unable to open .*; put it back, or let"):
            keep(ledger, an_incident("0" * 12))
        with pytest.raises(StoreUnavailable, match="unable to open"):
            ledger.incidents()
        assert not path.exists()
        with create_ledger(at(path)) as other:
            assert other.acquire("another daemon", 0.0, 60.0) is not None
        assert ledger.incidents() == []
        with pytest.raises(LeaseLost):
            ledger.renew(lease, 1.0, 60.0)
        move(path.parent, path.parent / "new")
        move(away, path.parent)
        assert ledger.incidents() == [an_incident()]
        assert ledger.renew(lease, 1.0, 60.0).holder == "this daemon"


@pytest.mark.parametrize("name", ["deep/er/ledger.db", "with space.db", "ümläut 🛒.db", "per%20cent?mode=ro#x.db"])
def test_any_name_of_a_file_works_and_its_folder_is_made(tmp_path: Path, name: str) -> None:
    for _ in range(2):
        with create_ledger(at(tmp_path / name)) as ledger:
            keep(ledger, an_incident())
    with open_ledger(at(tmp_path / name)) as ledger:
        assert ledger.incidents() == [an_incident()]
    assert [one.name for one in (tmp_path / name).parent.iterdir()] == [Path(name).name]


@pytest.mark.parametrize("content", [b"this was never a database\n" * 500, b"\0" * 10_000])
def test_a_file_that_is_no_database_is_unavailable_with_advice_and_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    for use in (create_ledger, open_ledger):
        with pytest.raises(StoreUnavailable, match=rf"{path}: .*; move the file away, a new one is made"):
            use(at(path))
    assert path.read_bytes() == content


def test_the_file_of_something_else_is_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE photos (name TEXT)")
    with pytest.raises(StoreUnavailable, match=r"is an SQLite file of something else; name another file as ledger\.pa"):
        create_ledger(at(path))
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("photos",)]


def test_a_directory_in_its_place_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="is a directory"):
        create_ledger(at(tmp_path))


def test_a_file_where_its_folder_should_be_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable, match="no ledger can be made there"):
        create_ledger(at(tmp_path / "file" / "ledger.db"))


FILLING = """
import resource, signal, sys
from ledgers import an_incident, ledger_at
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
ledger = ledger_at(sys.argv[1])
with ledger.transaction() as work:
    work.save([an_incident()])
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
try:
    with ledger.transaction() as work:
        work.set_cursor("detection", "2")
        work.remember({str(number): bytes(10_000) for number in range(1000)})
except Exception as error:
    print(type(error).__name__, error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(ledger.incidents() == [an_incident()], ledger.cursor("detection") == "", len(ledger.remembered()))
with ledger.transaction() as work:
    work.set_cursor("detection", "3")
print(ledger.cursor("detection"))
"""


def test_on_a_full_disk_nothing_of_a_tick_is_kept_and_it_goes_on_when_there_is_room(path: Path) -> None:
    done = run(FILLING, str(path))
    told, kept, afterwards = done.stdout.splitlines()
    assert told.startswith(f"StoreUnavailable {path}: ")
    assert (kept, afterwards, done.stderr) == ("True True 0", "3", "")


# PostgreSQL


@pytest.fixture
def own_server() -> Iterator[PostgresProcess]:
    if programs() is None:
        pytest.skip("no PostgreSQL here (Debian's package postgresql has it)")
    with PostgresProcess.running() as server:
        yield server


@pytest.mark.postgresql
def test_a_server_that_goes_away_and_comes_back_costs_one_tick(own_server: PostgresProcess) -> None:
    with create_ledger(at(own_server.url)) as ledger:
        keep(ledger, an_incident())
        with pytest.raises(StoreUnavailable, match=r"PostgreSQL at 127\.0\.0\.1, database 'postgres': .*"):  # noqa: SIM117, PT012
            with ledger.transaction() as work:
                work.set_cursor("detection", "2")
                own_server.kill()
                work.set_cursor("detection", "3")
        with pytest.raises(StoreUnavailable, match="refused") as caught:
            ledger.incidents()
        assert PASSWORD not in str(caught.value)
        own_server.start()
        assert (ledger.incidents(), ledger.cursor("detection")) == ([an_incident()], "")
        keep(ledger, an_incident(state=State.CONFIRMED))


@pytest.mark.postgresql
def test_a_connection_that_an_administrator_ends_loses_the_whole_tick_and_nothing_else(postgresql: str) -> None:
    with new_database(postgresql) as url, ledger_at(url) as ledger:
        with pytest.raises(StoreUnavailable, match="terminating connection"), ledger.transaction() as work:  # noqa: PT012
            work.set_cursor("detection", "2")
            with psycopg.connect(url, autocommit=True) as administrator:
                administrator.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            work.set_cursor("detection", "3")
        assert ledger.cursor("detection") == ""
        keep(ledger, an_incident())


@pytest.mark.postgresql
@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ((PASSWORD, "not-the-password"), "authentication failed.*; mend SOAKWATCH_LEDGER__URL"),
        (("/postgres", "/nowhere"), "does not exist; make it, or mend SOAKWATCH_LEDGER__URL"),
    ],
    ids=["password", "database"],
)
def test_what_postgresql_does_not_let_in_is_told_with_advice_and_without_the_password(
    postgresql: str, wrong: tuple[str, str], sentence: str
) -> None:
    with pytest.raises(StoreUnavailable, match=sentence) as caught:
        create_ledger(at(postgresql.replace(*wrong)))
    assert not any(secret in str(caught.value) for secret in (PASSWORD, "not-the-password"))


@pytest.mark.postgresql
def test_who_only_reads_makes_no_tables_in_postgresql(postgresql: str) -> None:
    with new_database(postgresql) as url:
        with pytest.raises(StoreUnavailable, match=r"no ledger at PostgreSQL at .* yet; `soakwatch watch` makes one"):
            open_ledger(at(url))
        with psycopg.connect(url) as other:
            assert other.execute("SELECT 1 FROM pg_tables WHERE tablename LIKE 'ledger%'").fetchall() == []


@pytest.mark.postgresql
def test_a_ledger_lives_beside_the_tables_of_others_in_postgresql(postgresql: str) -> None:
    with new_database(postgresql) as url:
        with psycopg.connect(url) as other:
            other.execute("CREATE TABLE incidents (name TEXT)")
        with create_ledger(at(url)) as ledger:
            keep(ledger, an_incident())
        with open_ledger(at(url)) as ledger:
            assert ledger.incidents() == [an_incident()]


@pytest.mark.postgresql
def test_a_database_that_cannot_keep_any_text_is_refused_with_advice(postgresql: str) -> None:
    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(StoreUnavailable, match=r"keeps text as LATIN1, .*; make a database with ENCODING 'UTF8'"):
        create_ledger(at(postgresql.replace("/postgres", "/latin")))
    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute("DROP DATABASE latin WITH (FORCE)")


# What was kept by another version


def test_an_incident_that_was_kept_before_it_had_all_of_its_fields_is_read(path: Path) -> None:
    with create_ledger(at(path)) as ledger:
        keep(ledger, an_incident())
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("UPDATE ledger_incidents SET body = json_remove(body, '$.deploy_before', '$.findings[0].per_day')")
        file.execute("UPDATE ledger_incidents SET body = json_set(body, '$.of_a_later_version', 1)")
    with open_ledger(at(path)) as ledger:
        (incident,) = ledger.incidents()
    assert incident.deploy_before is None
    assert incident.findings[0].per_day is None
    assert incident.findings[1] == an_incident().findings[1]


def test_an_incident_that_cannot_be_read_is_told_by_its_fingerprint(path: Path) -> None:
    with create_ledger(at(path)) as ledger:
        keep(ledger, an_incident("4bf92f"))
        with closing(sqlite3.connect(path)) as file, file:
            file.execute("UPDATE ledger_incidents SET body = json_set(body, '$.kind', 'a later kind')")
        with pytest.raises(StoreError, match=r"incident 4bf92f cannot be read \(kind: .*upgrade this one"):
            ledger.incidents()


def test_what_is_written_of_an_incident_leads_back_to_it_without_the_ruling() -> None:
    assert decode_incident(encode_incident(an_incident()), None) == an_incident()
    assert a_ruling().reason not in encode_incident(an_incident())
