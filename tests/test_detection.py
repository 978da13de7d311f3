"""The pass over store and ledger: whatever happens to the daemon, incidents are the same as without."""

import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from watched_history import (
    END,
    LEARNT,
    ONSET,
    SERIES,
    SETTINGS,
    Place,
    learnt,
    load_at,
    minute_at,
    stored,
    windows_at,
    write_history,
)

from soakwatch.cli.ticking import opened_ticker
from soakwatch.core.errors import LeaseLost, StoreUnavailable
from soakwatch.core.incident import Incident, Kind, Ruling, RulingKind, State
from soakwatch.core.roll_up import MINUTE
from soakwatch.core.span import Span
from soakwatch.detector.conditions import Reason
from soakwatch.scheduler.accounting import Accounting
from soakwatch.scheduler.detection_report import Change
from soakwatch.scheduler.engine_memory import remembered_engine
from soakwatch.scheduler.tenure import Tenure, this_process
from soakwatch.scheduler.tick import RollUps, Ticker
from soakwatch.store.projection import NoDashboards


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A daemon's place, after it has learnt and before anything happens."""
    return learnt().copy(tmp_path)


def incidents(place: Place) -> list[Incident]:
    with place.opened() as (_, ledger, _):
        return ledger.incidents()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[Incident]:
    """What a daemon finds that is never disturbed."""
    place = learnt().copy(tmp_path_factory.mktemp("undisturbed"))
    with place.opened() as (_, ledger, detection):
        for minute in range(120):
            now = LEARNT + minute * MINUTE + 90
            detection.detect(now, detection.arrivals(now))
        return ledger.incidents()


def test_an_endpoint_that_gets_slower_is_an_incident_after_the_deploy(undisturbed: Sequence[Incident]) -> None:
    (incident,) = undisturbed
    assert (incident.kind, incident.state, incident.service) == (Kind.LATENCY, State.CONFIRMED, "rag_service")
    assert incident.onset.start <= ONSET <= incident.onset.end
    assert incident.confirmed is not None
    assert incident.confirmed < ONSET + 40 * MINUTE
    assert incident.deploy_before is not None
    assert incident.deploy_before.version == "2.4.1"
    assert SERIES[0] in {finding.series for finding in incident.findings}
    assert all(finding.evidence for finding in incident.findings)


def test_a_gap_of_hours_is_folded_through(place: Place, undisturbed: Sequence[Incident]) -> None:
    report = place.tick(END + 30)
    assert report.judged == 120
    assert [(one.before, one.incident.state) for one in report.changes] == [
        (None, State.SUSPECT),
        (State.SUSPECT, State.CONFIRMED),
    ]
    assert incidents(place) == undisturbed


@settings(max_examples=5, deadline=None)
@given(ticks=st.lists(st.integers(1, 60), min_size=2, max_size=5))
def test_a_daemon_that_is_restarted_finds_the_same(
    tmp_path_factory: pytest.TempPathFactory, undisturbed: Sequence[Incident], ticks: Sequence[int]
) -> None:
    place = learnt().copy(tmp_path_factory.mktemp("restarted"))
    now = LEARNT + 30
    for minutes in ticks:
        now = min(now + minutes * MINUTE, END + 30)
        place.tick(now)
    place.tick(END + 30)
    assert incidents(place) == undisturbed


def test_the_same_tick_again_and_a_clock_that_was_set_back_change_nothing(place: Place) -> None:
    place.tick(ONSET + 45 * MINUTE)
    known = incidents(place)
    report = place.tick(ONSET + 45 * MINUTE)
    assert (report.judged, report.changes) == (0, ())
    assert [one.fingerprint for one in report.incidents] == [one.fingerprint for one in known]
    for now in (ONSET, ONSET - 1e6, 0.0):
        with pytest.raises(StoreUnavailable, match=r"ahead of this clock.*delete the row 'detection'"):
            place.tick(now)
    assert incidents(place) == known


def test_a_clock_that_jumps_far_ahead_does_not_cost_what_was_learnt(place: Place) -> None:
    with pytest.raises(StoreUnavailable, match="look whether this clock is right"):
        place.tick(END + 10 * 86_400)
    report = place.tick(LEARNT + 90)
    assert (report.judged, report.learnt) == (1, 0)


def test_after_a_pause_longer_than_baselines_look_back_all_is_learnt_anew_from_what_came_since(place: Place) -> None:
    later = END + 3 * 86_400
    with place.opened() as (store, _, _):
        for minute in range(30):
            store.write(minute_at(later - (40 - minute) * MINUTE))
    report = place.tick(later + 30)
    assert report.judged == 60, "as at first: not the days since"
    assert report.learnt == 0, "there was nobody to learn from"


def test_of_a_load_like_none_before_it_is_told_that_it_is_unknown_also_when_asked_again(place: Place) -> None:
    with place.opened() as (store, _, _), closing(sqlite3.connect(place.configuration.store.path)) as connection:
        with connection:
            connection.execute("DELETE FROM load WHERE start >= ?", (LEARNT,))
        starts = [LEARNT + minute * MINUTE for minute in range(20)]
        store.write([replace(load_at(start), users=40) for start in starts])
    first, again = (place.tick(LEARNT + 20 * MINUTE + 30) for _ in range(2))
    assert first.judged == 20
    assert again.judged == 0
    assert set(first.unknown) == set(SERIES)
    assert set(first.unknown.values()) == {"there is no comparable load in the baseline"}
    assert again.unknown == first.unknown


def test_what_the_ledger_knows_as_an_incident_is_not_learnt_as_normal_when_all_is_learnt_anew(place: Place) -> None:
    place.tick(END + 30)
    (incident,) = incidents(place)
    over = END - 30 * MINUTE
    with place.opened() as (_, ledger, _), ledger.transaction() as work:
        work.save([replace(incident, state=State.RESOLVED, resolved=over)])
        work.set_cursor("detection", "")
    # by then all that is stored is history, and only learnt from
    place.tick(END + 60 * MINUTE + 30)
    with place.opened() as (_, ledger, _):
        account = remembered_engine(ledger, place.settings).explain(SERIES[0])
    assert account is not None
    left = [one.span for one in account.stretches if one.reason is Reason.INCIDENT]
    assert left
    assert all(incident.onset.start - 600 < span.start < span.end <= over for span in left)


@pytest.mark.parametrize("hours", [0, 6, 12, 18])
def test_the_first_pass_finds_what_goes_on_at_whatever_time_of_the_day(tmp_path: Path, hours: int) -> None:
    place, end = Place(tmp_path), END - hours * 60 * MINUTE
    write_history(place, end, end - 40 * MINUTE)
    changes = place.tick(end + 30).changes
    assert [one.incident.state for one in changes] == [State.SUSPECT, State.CONFIRMED]


def test_the_first_pass_learns_from_the_past_without_making_incidents_of_it(tmp_path: Path) -> None:
    place = stored().copy(tmp_path)
    with place.opened() as (store, _, _):
        # an hour that was slow, long ago
        for minute in range(60):
            store.write(minute_at(END - (600 - minute) * MINUTE, onset=0.0))
    report = place.tick(LEARNT + 30)
    assert (report.learnt, report.judged) == (1_380, 60)
    assert report.changes == ()


def test_a_pass_over_much_history_can_be_interrupted_and_goes_on(tmp_path: Path) -> None:
    place = stored().copy(tmp_path)

    def stop(done: int, _total: int) -> None:
        if done == 1_000:
            raise KeyboardInterrupt

    with place.opened() as (_, _, detection), pytest.raises(KeyboardInterrupt):
        detection.detect(LEARNT + 30, detection.arrivals(LEARNT + 30), stop)
    report = place.tick(LEARNT + 30)
    assert 0 < report.learnt < 1_000
    with place.opened() as (_, ledger, _), learnt().opened() as (_, whole, _):
        assert ledger.cursor("detection") == whole.cursor("detection")


DAEMON = """
import sys
from pathlib import Path
from watched_history import LEARNT, END, Place
place = Place(Path(sys.argv[1]))
with place.opened() as (_, _, detection):
    def progress(done, total):
        print(done, flush=True)
    detection.detect(END + 30, detection.arrivals(END + 30), progress)
"""


@pytest.mark.parametrize("steps", [3, 61])
def test_a_daemon_that_is_killed_in_the_middle_loses_nothing(
    place: Place, undisturbed: Sequence[Incident], steps: int
) -> None:
    command = [sys.executable, "-c", DAEMON, str(place.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent) as daemon:
        assert daemon.stdout is not None
        for _ in range(steps):
            assert daemon.stdout.readline()
        daemon.send_signal(signal.SIGKILL)
        daemon.wait(timeout=60)
    report = place.tick(END + 30)
    assert 0 < report.judged <= 120 - steps
    assert incidents(place) == undisturbed


def test_windows_that_were_stuck_somewhere_are_judged_by_when_they_come(place: Place) -> None:
    stuck = [ONSET + minute * MINUTE for minute in range(60)]
    arrived = ONSET + 66 * MINUTE
    _take_away(place, Span(stuck[0], stuck[-1] + 1))
    with place.opened() as (store, ledger, detection):
        assert detection.detect(stuck[-1] + 90, detection.arrivals(0.0)).changes == ()
        store.write([windows_at(start, 1.5) for start in stuck])
        store.write([load_at(start) for start in stuck])
        accounting = Accounting(NoDashboards(), "staging")
        tenure = Tenure(ledger, clock=lambda: arrived)
        tenure.take()
        report = Ticker(RollUps(store, nullcontext), detection, tenure.fence, accounting).tick(arrived)
    assert report.roll_ups.minutes == 2 * len(stuck)
    assert report.detection.judged == 5
    assert [one.incident.kind for one in report.detection.changes][:1] == [Kind.LATENCY]


def _take_away(place: Place, span: Span) -> None:
    """As if nothing of these minutes had come yet."""
    with closing(sqlite3.connect(place.configuration.store.path)) as connection, connection:
        connection.execute("DELETE FROM roll_ups WHERE start >= ? AND start < ?", (span.start, span.end))
        connection.execute("DELETE FROM load WHERE start >= ? AND start < ?", (span.start, span.end))


def test_an_accepted_incident_is_over_and_its_level_is_normal(place: Place) -> None:
    place.tick(ONSET + 45 * MINUTE)
    with place.opened() as (_, ledger, _):
        (incident,) = ledger.incidents()
        with ledger.transaction() as work:
            work.rule(incident.fingerprint, Ruling(RulingKind.ACCEPT, ONSET + 45 * MINUTE, "worth it"))
    report = place.tick(END + 30)
    assert report.incidents == ()
    (accepted,) = incidents(place)
    assert accepted.state is State.RESOLVED
    assert accepted.is_accepted


def test_after_a_clock_that_was_ahead_was_set_right_incidents_go_on(place: Place) -> None:
    place.tick(ONSET + 45 * MINUTE)
    with place.opened() as (_, ledger, _):
        (incident,) = ledger.incidents()
        with ledger.transaction() as work:
            work.save([replace(incident, judged=END + 30 * 86_400)])
            work.set_cursor("detection", "")
    place.tick(ONSET + 60 * MINUTE)
    place.tick(END + 30)
    (known,) = incidents(place)
    assert known.judged == END


def test_what_changed_is_told_also_when_the_pass_is_interrupted_after_it(place: Place) -> None:
    told: list[Change] = []

    def stop(done: int, _total: int) -> None:
        if done == 100:
            raise KeyboardInterrupt

    with place.opened() as (_, _, detection), pytest.raises(KeyboardInterrupt):
        detection.detect(END + 30, detection.arrivals(END + 30), stop, told=told.extend)
    assert [one.incident.state for one in told] == [State.SUSPECT, State.CONFIRMED]


def test_suspects_that_came_to_nothing_are_forgotten_after_a_day(place: Place) -> None:
    place.tick(ONSET + 45 * MINUTE)
    with place.opened() as (_, ledger, _):
        (incident,) = ledger.incidents()
        old = replace(
            incident, fingerprint="77c1aa00bb11", state=State.RESOLVED, confirmed=None, resolved=END - 1.9 * 86_400
        )
        with ledger.transaction() as work:
            work.save([old])
    place.tick(ONSET + 47 * MINUTE)
    assert [one.fingerprint for one in incidents(place)] == [incident.fingerprint]


@pytest.mark.parametrize("change", [{"time_scale": 2.0}, {"history": 1.02}, {"time_zone": "Asia/Tokyo"}], ids=str)
def test_with_settings_that_change_what_memory_means_all_is_learnt_anew(
    place: Place, change: dict[str, object]
) -> None:
    other = replace(place, settings=SETTINGS.model_copy(update=change))
    report = other.tick(LEARNT + 90)
    assert report.learnt > 1_000
    assert other.tick(LEARNT + 150).learnt == 0


@pytest.mark.parametrize("cursor", ['{"until": 1.0, "of a later version": 2}', "{}", "[]", "no document"])
def test_a_position_that_another_version_wrote_is_learnt_anew(place: Place, cursor: str) -> None:
    with place.opened() as (_, ledger, _), ledger.transaction() as work:
        work.set_cursor("detection", cursor)
    assert place.tick(LEARNT + 90).learnt > 1_000


def test_of_two_daemons_one_works_and_the_other_says_who(place: Place) -> None:
    with place.opened() as (_, ledger, _):
        one, two = (Tenure(ledger, MINUTE, name, lambda: ONSET) for name in ("one", "two"))
        one.take()
        with pytest.raises(StoreUnavailable, match="one keeps this ledger"):
            two.take()
        one.release()
        two.take()


def test_a_daemon_that_was_suspended_cannot_write_any_more(place: Place) -> None:
    with place.opened() as (_, ledger, detection):
        clock = [ONSET]
        slow, other = (
            Tenure(ledger, MINUTE, "slow", lambda: clock[0]),
            Tenure(ledger, MINUTE, "other", lambda: clock[0]),
        )
        slow.take()
        clock[0] += 2 * MINUTE
        other.take()
        with pytest.raises(LeaseLost):
            detection.detect(ONSET + 300, detection.arrivals(ONSET + 300), fence=slow.fence)
        report = detection.detect(ONSET + 300, detection.arrivals(ONSET + 300), fence=other.fence)
        assert report.judged > 0


def test_a_daemon_of_this_machine_that_was_killed_keeps_nobody_waiting(place: Place) -> None:
    naming = "from soakwatch.scheduler.tenure import this_process; print(this_process())"
    ended = subprocess.run([sys.executable, "-c", naming], capture_output=True, text=True, check=True, timeout=60)
    with place.opened() as (_, ledger, _):
        Tenure(ledger, MINUTE, ended.stdout.strip(), lambda: ONSET).take()
        Tenure(ledger, MINUTE, "next", lambda: ONSET).take()
        lease = ledger.lease()
        assert lease is not None
        assert lease.holder == "next"


def test_a_daemon_that_cannot_be_seen_from_here_keeps_its_lease(place: Place) -> None:
    # another container may have the same hostname, and there the process may well be alive
    elsewhere = f"process {2**22 + 1} on {socket.gethostname()} (abcdef-123456)"
    with place.opened() as (_, ledger, _):
        Tenure(ledger, MINUTE, elsewhere, lambda: ONSET).take()
        with pytest.raises(StoreUnavailable, match="keeps this ledger"):
            Tenure(ledger, MINUTE, "next", lambda: ONSET).take()


def test_two_daemons_never_have_the_same_name() -> None:
    assert this_process() != this_process()


def test_what_went_wrong_is_told_also_when_the_lease_cannot_be_given_back(place: Place) -> None:
    def break_the_ledger_and_fail() -> None:
        with opened_ticker(place.configuration) as ticker:
            ticker.tick(LEARNT + 90)
            with closing(sqlite3.connect(place.folder / "soakwatch-ledger.db")) as connection, connection:
                connection.execute("DROP TABLE ledger_lease")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_the_ledger_and_fail()
