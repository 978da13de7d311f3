"""`soakwatch issues` as a process, against a GitHub of the test's own."""

import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from command_line import PastRun, soakwatch, store_with
from fake_github import FakeGitHub
from issue_desk import MONDAY, an_incident, notes, ours
from ledgers import ledger_at
from served_daemon import Served
from watched_history import Place, write_minutes

from soakwatch.core.roll_up import MINUTE
from soakwatch.scheduler.daemon_app import ALERTS
from soakwatch.store.opening import create_store
from soakwatch.store.sqlite import SqliteStore

OLD, SLOW = PastRun("20261102-220000-bbbb", 2e9), PastRun("20261103-220000-cccc", 3e9, median=100.0)
FINE = PastRun("20261104-220000-dddd", 4e9)


@pytest.fixture
def fake() -> Iterator[FakeGitHub]:
    with FakeGitHub.running() as running:
        yield running
        assert running.violations == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an empty store, and a ledger with one confirmed incident."""
    SqliteStore.create(tmp_path / "soakwatch.db").close()
    with ledger_at(str(tmp_path / "soakwatch-ledger.db")) as ledger, ledger.transaction() as work:
        work.save([an_incident(MONDAY)])
    return tmp_path


def github(fake: FakeGitHub) -> dict[str, str]:
    return {"GITHUB_REPOSITORY": fake.name, "GITHUB_API_URL": fake.url, "GITHUB_TOKEN": fake.token}


def issues(
    fake: FakeGitHub, *arguments: str, folder: Path, code: int = 0, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    done = soakwatch("issues", *arguments, folder=folder, environment={**github(fake), **(environment or {})})
    assert done.returncode == code, done.stderr
    assert fake.token not in done.stdout + done.stderr
    return done


def test_a_dry_run_shows_what_would_be_written_and_writes_nothing(fake: FakeGitHub, folder: Path) -> None:
    shown = issues(fake, "sync", folder=folder)
    assert "open an issue: p95 of rag_service POST /query +62 % in staging (it is confirmed)" in shown.stdout
    assert "+ labels: soakwatch, severity: warning, service: rag_service" in shown.stdout
    assert "+## What is wrong" in shown.stdout
    assert "--apply makes these changes: 1" in shown.stderr
    assert [asked.method for asked in fake.asked] == ["GET"]


def test_applied_it_is_written_and_then_there_is_nothing_to_do(fake: FakeGitHub, folder: Path) -> None:
    issues(fake, "sync", "--apply", folder=folder)
    (issue,) = ours(fake)
    assert issue.title == "p95 of rag_service POST /query +62 % in staging"
    again = issues(fake, "sync", folder=folder)
    assert again.stdout == ""
    assert "nothing is to be done" in again.stderr


def test_a_change_is_shown_as_a_difference(fake: FakeGitHub, folder: Path) -> None:
    issues(fake, "sync", "--apply", folder=folder)
    soakwatch("incidents", "accept", "", "--why", "no", folder=folder)
    listed = json.loads(soakwatch("incidents", "list", "--json", folder=folder).stdout)
    name = listed["incidents"][0]["fingerprint"]
    assert soakwatch("incidents", "accept", name, "--why", "worth it", folder=folder).returncode == 0
    shown = issues(fake, "sync", folder=folder)
    assert "edit issue #1" in shown.stdout
    assert "+> **Accepted**" in shown.stdout
    assert "worth it" in shown.stdout
    assert "soakwatch:issue" not in shown.stdout


def test_what_was_detected_in_real_windows_becomes_an_issue_with_its_chart(fake: FakeGitHub, tmp_path: Path) -> None:
    place = Place(tmp_path)
    now = time.time() // MINUTE * MINUTE
    with create_store(place.configuration) as store:
        write_minutes(store, now + 30 * MINUTE, now - 40 * MINUTE)
    durations = {"SOAKWATCH_DETECTOR__LEARNING": "0.5", "SOAKWATCH_DETECTOR__HISTORY": "1"}
    assert soakwatch("detect", folder=tmp_path, environment=durations).returncode == 1
    issues(fake, "sync", "--apply", folder=tmp_path, environment=durations)
    (issue,) = ours(fake)
    body = issue.body or ""
    assert "rag_service POST /query" in issue.title
    assert "```mermaid\n%%{init:" in body
    assert "xychart-beta" in body
    assert "| Time (UTC) | Measured | Normal |" in body


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"GITHUB_TOKEN": "ghp_wrong"}, "does not take the token"),
        ({"GITHUB_REPOSITORY": "acme/nothing"}, "has no such repository, or does not show it to this token"),
        ({"GITHUB_API_URL": "http://127.0.0.1:9"}, "cannot be reached"),
    ],
)
def test_a_wrong_setting_is_named_with_what_to_do(
    fake: FakeGitHub, folder: Path, wrong: dict[str, str], says: str
) -> None:
    done = issues(fake, "sync", "--apply", folder=folder, code=3, environment=wrong)
    assert says in done.stderr
    assert "ghp_wrong" not in done.stdout + done.stderr
    assert ours(fake) == []


@pytest.mark.parametrize(
    ("switch", "value", "says"),
    [
        ("token_may_write", False, "needs the right to write issues"),
        ("has_issues", False, "issues are disabled there"),
        ("is_archived", True, "the repository is archived"),
        ("is_visible", False, "has no such repository"),
    ],
)
def test_a_repository_that_takes_no_issues_is_named_and_nothing_is_half_done(
    fake: FakeGitHub, folder: Path, switch: str, value: bool, says: str
) -> None:
    setattr(fake, switch, value)
    done = issues(fake, "sync", "--apply", folder=folder, code=3)
    assert says in done.stderr
    assert "changes made: 1" not in done.stderr
    setattr(fake, switch, not value)
    assert ours(fake) == []
    issues(fake, "sync", "--apply", folder=folder)
    assert len(ours(fake)) == 1


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"GITHUB_TOKEN": ""}, "needs a token; set GITHUB_TOKEN"),
        ({"GITHUB_REPOSITORY": ""}, "which repository?"),
        ({"GITHUB_REPOSITORY": "only-a-name"}, "environment variable GITHUB_REPOSITORY: it must be the owner"),
        ({"GITHUB_API_URL": "https://me:secret@ghe.example.com"}, "environment variable GITHUB_API_URL"),
        ({"GITHUB_TOKEN": "two words"}, "environment variable GITHUB_TOKEN: this is no token"),
    ],
)
def test_what_is_missing_is_named_with_exit_code_2(
    fake: FakeGitHub, folder: Path, environment: dict[str, str], says: str
) -> None:
    done = issues(fake, "sync", "--apply", folder=folder, code=2, environment=environment)
    assert says in done.stderr
    assert "secret" not in done.stderr
    assert fake.asked == []


def test_a_token_in_the_configuration_file_is_refused_and_not_shown(fake: FakeGitHub, folder: Path) -> None:
    (folder / "soakwatch.toml").write_text('[github]\ntoken = "ghp_secret"\n', encoding="utf-8")
    done = issues(fake, "sync", folder=folder, code=2)
    assert "github.token: a token does not belong into this file" in done.stderr
    assert "ghp_secret" not in done.stdout + done.stderr


def test_an_issue_can_be_looked_at_without_asking_github(fake: FakeGitHub, folder: Path) -> None:
    listed = json.loads(soakwatch("incidents", "list", "--json", folder=folder).stdout)
    name = listed["incidents"][0]["fingerprint"]
    shown = issues(fake, "show", name[:6], folder=folder)
    assert shown.stdout.startswith("title:  p95 of rag_service POST /query +62 % in staging\nlabels: soakwatch, ")
    assert f"soakwatch incidents show {name}" in shown.stdout
    assert fake.asked == []
    assert "there is no incident" in issues(fake, "show", "ffff", folder=folder, code=2).stderr


def compared(folder: Path, *runs: PastRun) -> None:
    store_with(folder, *runs)
    outputs = ("--verdicts", "verdicts.json", "--report", "regression-analysis.md")
    assert soakwatch("compare", "previous", "latest", *outputs, folder=folder).returncode in {0, 1}


@pytest.mark.parametrize("report", ["verdicts.json", "regression-analysis.md"])
def test_a_report_is_filed_once_written_anew_and_closed_when_a_run_is_fine(
    fake: FakeGitHub, tmp_path: Path, report: str
) -> None:
    compared(tmp_path, OLD, SLOW)
    assert "title:" in issues(fake, "create", report, folder=tmp_path).stdout
    assert fake.asked == []
    for _ in range(2):
        issues(fake, "create", report, "--apply", folder=tmp_path)
    (issue,) = ours(fake)
    assert "rag_service POST /query" in issue.title
    assert "## Verdicts" in (issue.body or "")
    (tmp_path / "soakwatch.db").unlink()
    compared(tmp_path, OLD, FINE)
    printed = issues(fake, "create", report, "--apply", "--json", folder=tmp_path)
    assert [one["kind"] for one in json.loads(printed.stdout)["changes"]] == ["edit"]
    (issue,) = ours(fake)
    assert (issue.state, issue.state_reason, notes(issue)) == ("closed", "completed", ["recovered"])


def test_any_other_markdown_is_wrong_usage(fake: FakeGitHub, tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("# Notes\n\nslow again\n", encoding="utf-8")
    done = issues(fake, "create", "notes.md", "--apply", folder=tmp_path, code=2)
    assert "holds no verdicts" in done.stderr
    assert fake.asked == []


def a_notice(status: str = "firing", **labels: str) -> bytes:
    alert: dict[str, Any] = {
        "status": status,
        "labels": {"alertname": "Spool grows", **labels},
        "annotations": {"summary": "the spool is at 80 %"},
        "startsAt": "2026-11-23T00:00:00Z",
        "endsAt": "2026-11-23T01:00:00Z" if status == "resolved" else "0001-01-01T00:00:00Z",
        "generatorURL": "http://127.0.0.1:3000/alerting/grafana/abc/view",
        "fingerprint": "c6eadffa33fcdf37",
    }
    return json.dumps({"receiver": "soakwatch", "status": status, "alerts": [alert], "version": "1"}).encode()


def test_alerts_of_grafana_that_the_daemon_took_become_issues_and_are_closed_again(
    fake: FakeGitHub, folder: Path
) -> None:
    daemon = Served(folder, clock=time.time)
    with daemon.serving():
        assert [daemon.asks(ALERTS, a_notice()).status for _ in range(2)] == [200, 200]
    issues(fake, "sync", "--apply", folder=folder)
    assert {issue.title for issue in ours(fake)} == {
        "p95 of rag_service POST /query +62 % in staging",
        "Spool grows: the spool is at 80 %",
    }
    with daemon.serving():
        assert daemon.asks(ALERTS, a_notice("resolved")).status == 200
    issues(fake, "sync", "--apply", folder=folder)
    (issue,) = [one for one in ours(fake) if one.title.startswith("Spool grows")]
    assert (issue.state, notes(issue)) == ("closed", ["recovered"])
