"""`soakwatch grafana` as a process, against a Grafana of the test's own."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from command_line import PastRun, soakwatch, store_with
from fake_grafana import FakeGrafana, page, trouble
from issue_desk import MONDAY, an_incident
from ledgers import ledger_at

DASHBOARD = {"uid": "soakwatch-runs", "title": "Runs", "tags": ["soakwatch"], "schemaVersion": 41, "panels": []}
LONG = ("--since", "500w")
"""The run and the incident of this test are on fixed days, which are longer and longer ago."""


@pytest.fixture
def fake() -> Iterator[FakeGrafana]:
    with FakeGrafana.running() as running:
        yield running
        assert running.violations == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a run, a confirmed incident, and a dashboard."""
    store_with(tmp_path, PastRun("20261102-220000-bbbb", MONDAY, windows=2))
    with ledger_at(str(tmp_path / "soakwatch-ledger.db")) as ledger, ledger.transaction() as work:
        work.save([an_incident(MONDAY)])
    (tmp_path / "dashboards").mkdir()
    (tmp_path / "dashboards" / "runs.json").write_text(json.dumps(DASHBOARD), encoding="utf-8")
    return tmp_path


def grafana(
    fake: FakeGrafana, *arguments: str, folder: Path, code: int = 0, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    connection = {"SOAKWATCH_GRAFANA__URL": fake.url, "SOAKWATCH_GRAFANA__TOKEN": fake.token}
    done = soakwatch("grafana", *arguments, folder=folder, environment={**connection, **(environment or {})})
    assert done.returncode == code, done.stderr
    assert fake.token not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def publish(fake: FakeGrafana, *arguments: str, folder: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    return grafana(fake, "publish", "--from", "dashboards", *arguments, folder=folder, code=code)


def test_dashboards_are_published_once_and_what_people_change_is_named(fake: FakeGrafana, folder: Path) -> None:
    dry = publish(fake, "--dry-run", folder=folder)
    assert dry.stdout == "create soakwatch-runs (Runs): there is none of this uid\n"
    assert fake.writes == 0
    assert "dashboards written: 1" in publish(fake, "--folder", "Load tests", folder=folder).stderr
    assert [one.title for one in fake.state.folders.values()] == ["Load tests"]
    assert publish(fake, folder=folder).stdout == "kept soakwatch-runs (Runs): unchanged\n"
    fake.state.edit("soakwatch-runs", title="Our runs")
    left = publish(fake, folder=folder, code=4)
    assert left.stdout == "left soakwatch-runs (Runs): somebody changed it in Grafana; --force overwrites that\n"
    document = json.loads(publish(fake, "--force", "--json", folder=folder).stdout)
    assert [(one["uid"], one["action"]) for one in document["dashboards"]] == [("soakwatch-runs", "update")]
    assert fake.model("soakwatch-runs")["title"] == "Runs"


def test_our_own_dashboards_are_published_and_exported(fake: FakeGrafana, folder: Path) -> None:
    document = json.loads(grafana(fake, "publish", "--json", folder=folder).stdout)
    assert [one["action"] for one in document["dashboards"]] == ["create"] * len(fake.state.dashboards)
    grafana(fake, "export", "files", folder=folder)
    assert len(list((folder / "files").glob("dashboards/*.json"))) == len(fake.state.dashboards)


def test_a_missing_data_source_is_told_with_what_to_do(fake: FakeGrafana, folder: Path) -> None:
    fake.state.data_sources.clear()
    assert "has no data source 'soakwatch-influxdb'" in publish(fake, "--dry-run", folder=folder).stderr


def test_annotations_are_written_once(fake: FakeGrafana, folder: Path) -> None:
    dry = grafana(fake, "annotate", *LONG, "--dry-run", folder=folder)
    assert "write 2026-11-22 23:55 to 2026-11-23 00:05 UTC: Regression (warning) in staging: p95 of rag" in dry.stdout
    assert "changes to make: 2" in dry.stderr
    assert fake.writes == 0
    document = json.loads(grafana(fake, "annotate", *LONG, "--json", folder=folder).stdout)
    assert [(one["action"], one["about"]) for one in document["annotations"]] == [
        ("create", "incident"),
        ("create", "run"),
    ]
    assert "annotations written: 0, changed: 0" in grafana(fake, "annotate", *LONG, folder=folder).stderr
    fake.state.annotations.clear()
    assert "written: 0" in grafana(fake, "annotate", *LONG, folder=folder).stderr
    assert "written: 2" in grafana(fake, "annotate", *LONG, "--again", folder=folder).stderr
    assert len(fake.annotations) == 2


@pytest.mark.parametrize("command", [("publish", "--from", "dashboards"), ("annotate", *LONG)])
@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"SOAKWATCH_GRAFANA__TOKEN": "glsa_wrong"}, "does not take the token: Invalid API key"),
        ({"SOAKWATCH_GRAFANA__URL": "http://127.0.0.1:9"}, "cannot be reached; is http://127.0.0.1:9 right"),
    ],
)
def test_a_grafana_that_does_not_answer_as_it_should_is_exit_code_3(
    fake: FakeGrafana, folder: Path, command: tuple[str, ...], wrong: dict[str, str], says: str
) -> None:
    done = grafana(fake, *command, folder=folder, code=3, environment=wrong)
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "glsa_wrong" not in done.stderr
    assert fake.writes == 0


def test_what_could_not_be_written_is_named_and_goes_on_the_next_time(fake: FakeGrafana, folder: Path) -> None:
    fake.faults = lambda asked: trouble(is_done=True) if asked.method == "POST" and "db" in asked.path else None
    done = publish(fake, folder=folder, code=3)
    assert "asked to write the dashboard soakwatch-runs, has trouble of its own (HTTP 500)" in done.stderr
    assert "not written: 1" in done.stderr
    fake.faults = lambda asked: page(502) if asked.method == "POST" else None
    assert "kept" in publish(fake, folder=folder).stdout
    assert "asked to write an annotation" in grafana(fake, "annotate", *LONG, folder=folder, code=3).stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "says"),
    [
        (("publish",), {"SOAKWATCH_GRAFANA__URL": ""}, "which Grafana? Set grafana.url"),
        (("publish",), {"SOAKWATCH_GRAFANA__TOKEN": ""}, "needs a token; set SOAKWATCH_GRAFANA__TOKEN"),
        (("annotate",), {"SOAKWATCH_GRAFANA__TOKEN": "two words"}, "this is no token"),
        (("annotate", "--since", "soon"), {}, "--since: 'soon' is no duration"),
        (("publish", "--from", "nowhere"), {}, "there are no dashboards"),
    ],
)
def test_what_is_missing_or_wrong_is_named_with_exit_code_2(
    fake: FakeGrafana, folder: Path, arguments: tuple[str, ...], environment: dict[str, str], says: str
) -> None:
    assert says in grafana(fake, *arguments, folder=folder, code=2, environment=environment).stderr
    assert fake.asked == []


def test_a_token_is_read_from_its_file_and_refused_in_the_configuration(fake: FakeGrafana, folder: Path) -> None:
    (folder / "token").write_text(f"{fake.token}\n", encoding="ascii")
    (folder / "soakwatch.toml").write_text('[grafana]\ntoken_file = "token"\n', encoding="utf-8")
    publish_from_file = {"SOAKWATCH_GRAFANA__TOKEN": ""}
    grafana(fake, "publish", "--from", "dashboards", folder=folder, environment=publish_from_file)
    (folder / "soakwatch.toml").write_text('[grafana]\ntoken = "glsa_secret"\n', encoding="utf-8")
    done = publish(fake, folder=folder, code=2)
    assert "grafana.token: a token does not belong into this file" in done.stderr
    assert "glsa_secret" not in done.stderr
