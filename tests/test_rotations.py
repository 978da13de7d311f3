"""Rotations through the detector: one run takes the place of another, and that alone is never news."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from watched_history import END, LEARNT, ONSET, SERIES, Place, learnt, load_at, minute_at

from soakwatch.core.incident import Kind, State
from soakwatch.core.roll_up import MINUTE
from soakwatch.core.run import Run
from soakwatch.core.verdict import Decision
from soakwatch.detector.conditions import Reason
from soakwatch.detector.engine import Engine
from soakwatch.scheduler.detection import Detection

GAP = 20.0
"""Seconds without load: two windows."""

FEWER = 200
"""Requests of a minute in which nobody made load for a third of it."""


def rotated(folder: Path, turn: float, mark: str) -> Place:
    """The learnt history; in the minute from `turn` on, the run `next` takes the place of the one before."""
    place = learnt().copy(folder)
    with closing(sqlite3.connect(folder / "soakwatch.db")) as connection, connection:
        connection.execute("DELETE FROM load WHERE start >= ?", (turn,))
    old = replace(load_at(turn), width=10.0)
    begins = turn + 10 + GAP
    new = [replace(load_at(begins + 10 * number), run="next", width=10.0) for number in range(3)]
    later = [replace(load_at(turn + MINUTE * minute), run="next") for minute in range(1, round((END - turn) / MINUTE))]
    with place.opened() as (store, _, _):
        (before,) = store.runs()
        after = Run("next", "staging", "soak", begins, users=10, continues=mark)
        store.write([replace(before, end=turn + 10), after, old, *new, *later, *minute_at(turn, requests=FEWER)])
    return place


def unjudged_at(place: Place, end: float) -> set[str]:
    """Why something could not be judged in the ten minutes that ended at `end`, as dashboards are told."""
    reasons: set[str] = set()

    def show(engine: Engine, at: float, _before: object, _after: object) -> None:
        if at == end:
            said = engine.judgements(at, {})
            assert said
            reasons.update(one.reason for one in said if one.decision is Decision.UNKNOWN)

    with place.opened() as (store, ledger, _):
        detection = Detection(store, ledger, place.configuration, show)
        detection.detect(end + 30, detection.arrivals(end + 30))
    return reasons


@pytest.mark.parametrize("mark", ["run", ""])
def test_a_run_that_goes_on_from_another_is_judged_at_once_and_any_other_warms_up(tmp_path: Path, mark: str) -> None:
    place = rotated(tmp_path, LEARNT + 9 * MINUTE, mark)
    assert unjudged_at(place, LEARNT + 10 * MINUTE) == (set() if mark else {Reason.WARM_UP.words})


def test_a_rotation_each_ten_minutes_opens_no_incident(tmp_path: Path) -> None:
    place = learnt().copy(tmp_path)
    turns = [LEARNT + MINUTE * minute for minute in range(0, 30, 10)]
    with closing(sqlite3.connect(tmp_path / "soakwatch.db")) as connection, connection:
        connection.execute("DELETE FROM load WHERE start >= ?", (LEARNT,))
    with place.opened() as (store, _, _):
        names = ["run", *(f"run-{number}" for number in range(len(turns)))]
        for number, turn in enumerate(turns):
            run = Run(names[number + 1], "staging", "soak", turn + GAP, users=10, continues=names[number])
            minutes = [replace(load_at(turn + MINUTE * minute), run=run.id) for minute in range(1, 10)]
            begun = replace(load_at(turn + GAP), run=run.id, width=10.0)
            store.write([run, begun, *minutes, *minute_at(turn, requests=FEWER)])
    report = place.tick(ONSET + 30)
    assert report.judged == 30
    assert (report.changes, report.incidents) == ((), ())
    assert set(report.unknown.values()) == set()


def test_a_level_that_changed_at_a_rotation_is_found(tmp_path: Path) -> None:
    report = rotated(tmp_path, ONSET, "run").tick(END + 30)
    (incident,) = report.incidents
    assert (incident.kind, incident.state) == (Kind.LATENCY, State.CONFIRMED)
    assert incident.onset.start <= ONSET <= incident.onset.end
    assert incident.confirmed is not None
    assert incident.confirmed < ONSET + 40 * MINUTE
    assert SERIES[0] in {finding.series for finding in incident.findings}
