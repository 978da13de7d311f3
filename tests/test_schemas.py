"""The published schemas: every file that a command writes keeps to its own, and a wrong one does not."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import PastRun, soakwatch, store_with
from fake_github import FakeGitHub
from fake_grafana import FakeGrafana
from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from watched_history import Place, write_history

from soakwatch.cli.schemas import FORMS
from soakwatch.core.span import Span
from soakwatch.core.truth import Truth
from soakwatch.scheduler.daemon_report import DaemonReport, write_report
from soakwatch.scheduler.soak_state import SoakState
from soakwatch.scheduler.tenure import Tenure
from soakwatch.store.ledger_opening import create_ledger
from soakwatch.store.truth_files import write_truth

OLD, SLOW = PastRun("20261102-220000-bbbb", 2e9), PastRun("20261103-220000-cccc", 3e9, median=100.0)
NAMES = [form.name for form in FORMS]
DURATIONS = {"SOAKWATCH_DETECTOR__LEARNING": "0.5", "SOAKWATCH_DETECTOR__HISTORY": "1"}


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `soakwatch schema --all` writes, by name."""
    folder = tmp_path_factory.mktemp("schemas")
    done = soakwatch("schema", "--all", "--out", "schemas", folder=folder)
    assert done.returncode == 0, done.stderr
    return {path.name.removesuffix(".schema.json"): load(path) for path in (folder / "schemas").iterdir()}


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """Files of every kind, as the commands wrote them, by the name of the schema."""
    folder = tmp_path_factory.mktemp("documents")
    store_with(folder, OLD, SLOW)

    def run(*arguments: str, code: int = 0) -> str:
        done = soakwatch(*arguments, folder=folder)
        assert done.returncode == code, done.stderr
        return done.stdout

    run("simulate", "baseline")
    run("simulate", "api")
    stats = [path.name for path in folder.glob("load_results_*.csv") if not path.stem.endswith("_failures")]
    run("baseline", "extract", *sorted(stats), "extracted.json")
    run("metrics", "extract", min(stats), "metrics.json")
    run("baseline", "pin", "latest", "pinned.json")
    run("simulate", "history", "--days", "1", "--series", "2", "--store", "sim.db", "--event", "step:+20%@day=0")
    printed = run("compare", "previous", "latest", "--verdicts", "verdicts.json", "--json", code=1)
    issue = run("issues", "create", "verdicts.json", "--json")
    with FakeGitHub.running() as fake:
        github = {"GITHUB_API_URL": fake.url, "GITHUB_REPOSITORY": fake.name, "GITHUB_TOKEN": fake.token}
        filed = soakwatch("issues", "create", "verdicts.json", "--apply", "--json", folder=folder, environment=github)
    published, annotated = grafana_documents(folder)
    watched = detection_documents(tmp_path_factory.mktemp("detection"))
    soaks = soak_documents(tmp_path_factory.mktemp("soaks"))
    simulated = [load(path) for path in folder.glob("load_results_*.json")]
    assert len(simulated) == 2
    return {
        "baselines": [load(folder / "extracted.json"), load(folder / "pinned.json")],
        "metrics": [load(folder / "metrics.json"), *simulated],
        "verdicts": [load(folder / "verdicts.json"), json.loads(printed)],
        "execution-metadata": [load(folder / "test_execution_metadata.json")],
        "truth": [load(folder / "sim.truth.json")],
        **watched,
        "soak-status": [soaks],
        "mutes": mute_documents(tmp_path_factory.mktemp("mutes")),
        "issue": [json.loads(issue)],
        "issue-changes": [json.loads(filed.stdout)],
        "grafana-dashboards": [published],
        "grafana-annotations": [annotated],
    }


def grafana_documents(folder: Path) -> tuple[Any, Any]:
    """What `grafana publish` and `grafana annotate` print of a dashboard and of the runs of a store."""
    (folder / "dashboards").mkdir()
    (folder / "dashboards" / "one.json").write_text('{"uid": "one", "title": "One"}', encoding="utf-8")
    with FakeGrafana.running() as fake:
        connection = {"SOAKWATCH_GRAFANA__URL": fake.url, "SOAKWATCH_GRAFANA__TOKEN": fake.token}

        def run(*arguments: str) -> Any:
            return json.loads(soakwatch("grafana", *arguments, folder=folder, environment=connection).stdout)

        return run("publish", "--from", "dashboards", "--json"), run("annotate", "--since", "9999w", "--json")


def mute_documents(folder: Path) -> list[Any]:
    """What `mute`, `mute list` and `mute end` print."""
    asked = ("--service", "rag_*", "--for", "2h", "--why", "index is rebuilt")
    made = json.loads(soakwatch("mute", *asked, "--json", folder=folder).stdout)
    listed = json.loads(soakwatch("mute", "list", "--json", folder=folder).stdout)
    assert listed == made
    ended = soakwatch("mute", "end", made["mutes"][0]["id"], "--json", folder=folder)
    return [made, listed, json.loads(ended.stdout)]


def detection_documents(folder: Path) -> dict[str, list[Any]]:
    """What commands print of a history that ends with an incident, by the name of the schema."""
    end = time.time() // 60 * 60
    write_history(Place(folder), end, end - 40 * 60)
    write_truth(folder / "truth.json", Truth(1, Span(end - 86_400, end), ()))

    def run(*arguments: str) -> list[Any]:
        printed = soakwatch(*arguments, "--json", folder=folder, environment=DURATIONS).stdout
        return [json.loads(line) for line in printed.splitlines()]

    return {
        "backtest": run("backtest", "--days", "1", "--truth", "truth.json"),
        "incident-change": run("watch", "--once"),
        "detection": run("detect"),
        "incidents": run("incidents", "list"),
        "status": run("status"),
        "power": run("power"),
    }


def soak_documents(folder: Path) -> Any:
    """What `soak status` prints of what a daemon said."""
    now = time.time()
    soaks = (
        SoakState(
            "staging",
            wanted=True,
            test="staging",
            process=7,
            run="20261130-014634-c243",
            since=now - 60.5,
            due=now + 60.0,
            restarts=2,
            trouble="it hangs",
        ),
        SoakState("nightly", wanted=False, test="nightly", due=now + 3600.0),
    )
    with create_ledger(Place(folder).configuration) as ledger:
        tenure = Tenure(ledger)
        tenure.take()
        with ledger.transaction() as work:
            write_report(work, DaemonReport(tenure.holder, now, now - 90, "0.1.0", leads=True, soaks=soaks))
        printed = soakwatch("soak", "status", "--json", folder=folder).stdout
        tenure.release()
    return json.loads(printed)


def validate(document: Any, schema: Any) -> None:
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(document)


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_valid_itself_and_says_what_it_is(schemas: dict[str, Any], name: str) -> None:
    schema = schemas[name]
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"].startswith(f"urn:soakwatch:schema:{name}:")
    assert name in schema["title"]
    assert len(schema["description"]) > 40


@pytest.mark.parametrize("name", NAMES)
def test_every_written_file_keeps_to_its_schema(
    schemas: dict[str, Any], documents: dict[str, list[Any]], name: str
) -> None:
    for document in documents[name]:
        validate(document, schemas[name])


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_one_kind_is_none_of_another(
    schemas: dict[str, Any], documents: dict[str, list[Any]], name: str
) -> None:
    for other in set(NAMES) - {name}:
        for document in documents[other]:
            with pytest.raises(ValidationError):
                validate(document, schemas[name])


@pytest.mark.parametrize("name", NAMES)
def test_no_key_can_be_missing_or_misspelt(schemas: dict[str, Any], documents: dict[str, list[Any]], name: str) -> None:
    document = documents[name][0]
    for key in document:
        with pytest.raises(ValidationError):
            validate({other: value for other, value in document.items() if other != key}, schemas[name])
    with pytest.raises(ValidationError, match="colour"):
        validate({**document, "colour": "red"}, schemas[name])


def _endpoint(document: Any) -> Any:
    return document["runs"][0]["endpoints"][0]


BROKEN: dict[str, tuple[str, Callable[[Any], object]]] = {
    "a newer schema": ("baselines", lambda it: it.update(schema=3)),
    "no run": ("baselines", lambda it: it["runs"].clear()),
    "a local time": ("baselines", lambda it: it["runs"][0].update(start="2026-11-23 02:00")),
    "another basis": ("baselines", lambda it: it["runs"][0].update(basis="guesses")),
    "half a request": ("baselines", lambda it: _endpoint(it).update(requests=0.5)),
    "a negative time": ("baselines", lambda it: _endpoint(it).update(mean=-1)),
    "a share as percentile": ("baselines", lambda it: _endpoint(it)["percentiles"].update({"0.95x": 3})),
    "a digest of something": ("baselines", lambda it: it["made_from"][0].update(sha256="00")),
    "two runs of metrics": ("metrics", lambda it: it.update(run=[it["run"], it["run"]])),
    "an outcome of one's own": ("metrics", lambda it: it["run"].update(outcome="fine")),
    "a verdict of one's own": ("verdicts", lambda it: it["verdicts"][0].update(verdict="bad")),
    "a number as text": ("verdicts", lambda it: it["verdicts"][0].update(p="0.01")),
    "an execution of another kind": ("execution-metadata", lambda it: it["executions"][0].update(kind="guessed")),
    "an event of one's own": ("truth", lambda it: it["events"][0].update(kind="weather")),
    "an incident in a state of its own": ("incidents", lambda it: it["incidents"][0].update(state="bad")),
    "a change without an incident": ("incident-change", lambda it: it.pop("incident")),
    "a pass that judged half a step": ("detection", lambda it: it.update(steps=0.5)),
    "a soak that was restarted less than never": ("soak-status", lambda it: it["soaks"][0].update(restarts=-1)),
    "a score of one's own": ("backtest", lambda it: it["score"].update(grade="A")),
    "an action of one's own": ("grafana-dashboards", lambda it: it["dashboards"][0].update(action="guess")),
    "an annotation without a time": ("grafana-annotations", lambda it: it["annotations"][0].update(start=None)),
    "a label that is too long": ("issue", lambda it: it.update(labels=["x" * 51])),
}


@pytest.mark.parametrize(("name", "break_it"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_is_refused(
    schemas: dict[str, Any], documents: dict[str, list[Any]], name: str, break_it: Callable[[Any], object]
) -> None:
    broken = json.loads(json.dumps(documents[name][0]))
    break_it(broken)
    with pytest.raises(ValidationError):
        validate(broken, schemas[name])


def test_a_block_of_a_pinned_run_is_held_to_the_schema_as_well(
    schemas: dict[str, Any], documents: dict[str, list[Any]]
) -> None:
    broken = json.loads(json.dumps(documents["baselines"][1]))
    _endpoint(broken)["blocks"]["hist"][0] = "no base64!"
    with pytest.raises(ValidationError):
        validate(broken, schemas["baselines"])


@pytest.mark.parametrize("name", NAMES)
def test_one_schema_is_printed_alone(schemas: dict[str, Any], tmp_path: Path, name: str) -> None:
    done = soakwatch("schema", name, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == schemas[name]


def test_without_a_name_all_are_listed(tmp_path: Path) -> None:
    listed = soakwatch("schema", folder=tmp_path).stdout
    assert all(name in listed for name in NAMES)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("recipes",), "there is no schema 'recipes'; there are baselines, metrics, verdicts"),
        (("--all",), "name their folder with --out DIR"),
        (("baselines", "--all", "--out", "x"), "exclude each other"),
        (("--out", "x"), "--out needs the name of a schema, or --all"),
    ],
)
def test_wrong_usage_says_what_would_be_right(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    done = soakwatch("schema", *arguments, folder=tmp_path)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())
    assert not list(tmp_path.iterdir())
