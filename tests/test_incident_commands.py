"""What people see of incidents, and decide about them: the real commands over a real ledger."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import soakwatch

from soakwatch.core.deploy import Deploy
from soakwatch.core.incident import Finding, Incident, Kind, RulingKind, Shape, State
from soakwatch.core.incident import Testimony as Said  # pytest takes what is called Test... for a test
from soakwatch.core.mute import Mute
from soakwatch.core.series import Series
from soakwatch.core.span import Span
from soakwatch.core.verdict import Effect, Metric, Severity
from soakwatch.scheduler.mute_book import note_mute
from soakwatch.store.ledger import Ledger
from soakwatch.store.ledger_sqlite import make_ledger_file, sqlite_database
from soakwatch.store.sql_ledger import SqlLedger

ONSET = 1_795_000_000.0
QUERY = Series("staging", "soak", "rag_service", "POST", "/query")


def a_finding(series: Series = QUERY, size: float = 0.21) -> Finding:
    said = (
        Said(ONSET + 1_200, "fast", "the last 30 minutes are 21 % above the 2 hours before; usually 1.6 % (12 sd)"),
        Said(ONSET + 90_000, "change points", "3 of 4 methods find a step"),
    )
    return Finding(
        *(series, Metric.P95, Severity.WARNING, Shape.STEP, Span(ONSET - 300, ONSET + 600)),
        *(180.0, 180.0 * (1 + size), Effect(size, size - 0.03, size + 0.03)),
        evidence=said,
    )


def an_incident(fingerprint: str = "3f9a2c10b7de", state: State = State.CONFIRMED) -> Incident:
    return Incident(
        *(fingerprint, "staging", "rag_service", Kind.LATENCY, state),
        *(ONSET + 1_200, Span(ONSET - 300, ONSET + 600), Severity.WARNING),
        (a_finding(), a_finding(replace(QUERY, endpoint="/search"), 0.4)),
        confirmed=ONSET + 1_500,
        resolved=ONSET + 9_000 if state is State.RESOLVED else None,
        deploy_before=Deploy("staging", "rag_service", ONSET - 720, "2.4.1", "3f9a2c1"),
    )


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    path = tmp_path / "soakwatch-ledger.db"
    make_ledger_file(path)
    with SqlLedger.create(sqlite_database(path)) as opened:
        yield opened


def save(ledger: Ledger, *incidents: Incident) -> None:
    with ledger.transaction() as work:
        work.save(incidents)


def test_open_incidents_are_listed_and_those_that_are_over_only_on_demand(ledger: Ledger, tmp_path: Path) -> None:
    save(ledger, an_incident(), an_incident("77c1aa00bb11", State.RESOLVED))
    listed = soakwatch("incidents", "list", folder=tmp_path)
    assert listed.returncode == 0, listed.stderr
    assert "3f9a2c10b7de" in listed.stdout
    assert "rag_service POST /search p95 180 ms -> 252 ms (+40 %" in re.sub(r"\s+", " ", listed.stdout)
    assert "77c1aa00bb11" not in listed.stdout
    assert "77c1aa00bb11" in soakwatch("incidents", "list", "--all", folder=tmp_path).stdout


def test_an_incident_says_why_it_fired_and_after_which_deploy(ledger: Ledger, tmp_path: Path) -> None:
    save(ledger, an_incident())
    shown = soakwatch("incidents", "show", "3f9", folder=tmp_path).stdout
    assert "between 2026-11-18 11:01:40 UTC and 2026-11-18 11:16:40 UTC (90 % confidence)" in shown
    assert "2.4.1 (3f9a2c1) of rag_service at 2026-11-18 10:54:40 UTC, 7 min before" in shown
    assert "fast: the last 30 minutes are 21 % above the 2 hours before; usually 1.6 % (12 sd)" in shown
    assert "change points: 3 of 4 methods find a step" in shown
    assert shown.index("/search") < shown.index("/query"), "worst first"


def test_a_test_that_did_not_begin_is_named(ledger: Ledger, tmp_path: Path) -> None:
    says = "its run was due at 10:00 UTC, and none began"
    anything = Series("staging", "nightly", "*", "*", "*")
    missing = replace(
        a_finding(anything),
        metric=Metric.THROUGHPUT,
        current=0.0,
        evidence=(Said(ONSET, "schedule", says),),
    )
    save(ledger, replace(an_incident(), service="*", kind=Kind.NO_DATA, findings=(missing,)))
    listed = soakwatch("incidents", "list", folder=tmp_path).stdout
    assert "no data of test nightly in staging" in listed
    assert says in listed
    shown = soakwatch("incidents", "show", "3f9", folder=tmp_path).stdout
    assert "90 % confidence" not in shown, "when it was due is known"


def test_machines_read_incidents_as_json(ledger: Ledger, tmp_path: Path) -> None:
    save(ledger, an_incident())
    (record,) = json.loads(soakwatch("incidents", "list", "--json", folder=tmp_path).stdout)["incidents"]
    assert (record["fingerprint"], record["state"], record["onset_from"]) == (
        *("3f9a2c10b7de", "confirmed"),
        "2026-11-18T11:01:40Z",
    )
    assert [finding["endpoint"] for finding in record["findings"]] == ["/query", "/search"]
    assert record["findings"][0]["effect"] == {"value": 0.21, "low": 0.18, "high": 0.24}
    shown = soakwatch("incidents", "show", "3f9a", "--json", folder=tmp_path).stdout
    assert json.loads(shown)["incidents"] == [record]


def test_machines_read_that_nothing_is_concluded_because_somebody_has_muted_the_service(
    ledger: Ledger, tmp_path: Path
) -> None:
    save(ledger, an_incident())

    def maintenance(*command: str) -> dict[str, str] | None:
        (told,) = json.loads(soakwatch("incidents", *command, "--json", folder=tmp_path).stdout)["incidents"]
        found: dict[str, str] | None = told["maintenance"]
        return found

    assert maintenance("show", "3f9a") is None
    now = time.time()
    with ledger.transaction() as work:
        muted = note_mute(work, Mute("", "staging", "rag_*", Span(now, now + 7_200), "index is rebuilt", "ada", now))
    for command in (("show", "3f9a"), ("list",), ("ignore", "3f9a", "--why", "known", "--for", "7d")):
        told = maintenance(*command)
        assert told is not None
        assert (told["by"], told["why"], told["mute"]) == ("ada", "index is rebuilt", muted.id)


def test_accepting_an_incident_is_kept_with_its_reason_and_who_did_it(ledger: Ledger, tmp_path: Path) -> None:
    save(ledger, an_incident())
    why = "the new index is slower, and worth it"
    done = soakwatch("incidents", "accept", "3f9a", "--why", why, "--by", "ann", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    # its onset was between 11:01:40 and 11:16:40; what is remembered for weeks are blocks of ten minutes
    assert "its level is the baseline from 2026-11-18 11:20:00 UTC on" in done.stderr
    (incident,) = ledger.incidents()
    assert incident.ruling is not None
    assert (incident.ruling.kind, incident.ruling.reason, incident.ruling.by) == (RulingKind.ACCEPT, why, "ann")
    assert "by ann at 20" in soakwatch("incidents", "show", "3f9a", folder=tmp_path).stdout


@pytest.mark.parametrize(
    ("silence", "days"), [(("--for", "7d"), 7.0), (("--for", "12h"), 0.5), (("--until", "2999-01-01"), 1e4)]
)
def test_ignoring_an_incident_has_an_end(ledger: Ledger, tmp_path: Path, silence: tuple[str, str], days: float) -> None:
    save(ledger, an_incident())
    done = soakwatch("incidents", "ignore", "3f9a", "--why", "fixed in 2.5", *silence, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    (incident,) = ledger.incidents()
    assert incident.ruling is not None
    assert incident.ruling.until is not None
    lasts = (incident.ruling.until - time.time()) / 86_400
    assert lasts == pytest.approx(days, abs=0.01) if days < 100 else lasts > 100
    assert "confirmed, ignored" in soakwatch("incidents", "show", "3f9a", folder=tmp_path).stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "beef"), "there is no incident 'beef'; open ones are 50ab00000000 (rag_service), 3faa00000000"),
        (("show", "3f"), "2 incidents begin with '3f'"),
        (("show", " "), "named by its fingerprint"),
        (("accept", "3f9a", "--why", " "), "give a reason"),
        (("accept", "77c1", "--why", "x"), "is over"),
        (("accept", "50ab", "--why", "x"), "silence has no level that could be accepted; use `soakwatch incidents ign"),
        (("ignore", "3f9a", "--why", "x"), "silence needs an end"),
        (("ignore", "3f9a", "--why", "x", "--for", "7d", "--until", "2999-01-01"), "silence needs an end"),
        (("ignore", "3f9a", "--why", "x", "--for", "a week"), "write it as 30m, 12h, 7d or 2w"),
        (("ignore", "3f9a", "--why", "x", "--until", "2020-01-01"), "has passed"),
        (("ignore", "3f9a", "--why", "x", "--until", "tomorrow"), "write it as 2026-12-01T08:00:00Z"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(
    ledger: Ledger, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    silent = replace(an_incident("50ab00000000"), kind=Kind.NO_DATA)
    over = an_incident("77c1aa00bb11", State.RESOLVED)
    save(ledger, an_incident(), an_incident("3faa00000000"), over, silent)
    done = soakwatch("incidents", *arguments, folder=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr.replace("\n", " ")
    assert [one.ruling for one in ledger.incidents()] == [None] * 4


def test_names_from_outside_cannot_colour_or_move_the_cursor(ledger: Ledger, tmp_path: Path) -> None:
    hostile = replace(QUERY, endpoint="[red]/x\x1b[2J\n[/]")
    save(ledger, replace(an_incident(), findings=(a_finding(hostile),)))
    for arguments in (("list",), ("show", "3f9a")):
        shown = soakwatch("incidents", *arguments, folder=tmp_path).stdout
        assert "\x1b[2J" not in shown
        assert "[red]" in shown


def test_without_a_ledger_the_way_to_one_is_said(tmp_path: Path) -> None:
    done = soakwatch("incidents", "list", folder=tmp_path)
    assert done.returncode == 3
    assert "soakwatch watch" in done.stderr
