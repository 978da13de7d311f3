"""The pure part of reconciliation: every difference has a cause, whatever happened to which process."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soakwatch.collector.reconciliation import Evidence, reconcile
from soakwatch.core.run import Reconciliation, Tally, settled


@dataclass(frozen=True)
class Process:
    """What one worker went through; the truth, in requests.

    Of `reached`, `reset` were discarded by the worker and `unreported` were made after its last report. Of what was
    counted, `dropped` were lost by a full spool. Killed, it takes `open_window` with it and leaves the tally
    of an earlier moment, or none.
    """

    reached: int = 100
    reset: int = 0
    unreported: int = 0
    dropped: int = 0
    invalid: int = 0

    @property
    def reported(self) -> int:
        return self.reached - self.reset - self.unreported

    @property
    def stored(self) -> int:
        return self.reached - self.dropped

    def tally(self, source: str, *, final: bool = True) -> Tally:
        return Tally(
            "perf", "soak", "run", source, 1.0, self.reached, self.reached,
            invalid=self.invalid, reset=self.reset, reported=self.reported, dropped=self.dropped, final=final,
        )  # fmt: skip


def evidence(*processes: Process, discarded: int = 0, waiting: int = 0) -> Evidence:
    named = {f"source-{number}": process for number, process in enumerate(processes)}
    stored = {source: process.stored for source, process in named.items()}
    if waiting:
        stored["source-0"] -= waiting
    return Evidence(
        locust=sum(process.reported for process in processes) - discarded,
        discarded=discarded,
        received={source: process.reported for source, process in named.items()},
        tallies=[process.tally(source) for source, process in named.items()],
        stored=stored,
        waiting={"source-0": waiting} if waiting else {},
    )


@st.composite
def processes(draw: st.DrawFn) -> Process:
    reset, unreported, reported = (draw(st.integers(0, 10_000)) for _ in range(3))
    reached = reset + unreported + reported
    return Process(reached, reset, unreported, draw(st.integers(0, reached)), draw(st.integers(0, 9)))


def test_when_nothing_went_wrong_all_numbers_are_equal() -> None:
    result = reconcile(evidence(Process(100), Process(50)))
    assert result == Reconciliation(locust=150, stored=150, reached=150)
    assert result.exact
    assert str(result) == "reconciled 150 of 150"


def test_a_run_without_requests_is_exact() -> None:
    assert reconcile(Evidence(0, 0, {}, [], {})).exact


@pytest.mark.parametrize(
    ("process", "cause"),
    [
        (Process(100, reset=7), "reset: 7"),
        (Process(100, unreported=7), "after the last report: 7"),
        (Process(100, dropped=7), "lost: 7"),
        (Process(100, invalid=7), "without a usable time or length, which Locust's entries refuse too: 7"),
    ],
)
def test_each_difference_is_shown_with_its_cause(process: Process, cause: str) -> None:
    result = reconcile(evidence(process, Process(1000)))
    assert result.unexplained == 0
    assert cause in str(result).split("; ")


def test_what_waits_in_the_spool_is_not_lost() -> None:
    result = reconcile(evidence(Process(100), waiting=30))
    assert (result.waiting, result.lost, result.unexplained) == (30, 0, 0)
    assert "waiting in the spool: 30" in str(result)


def test_a_reset_of_the_masters_own_statistics_is_shown() -> None:
    result = reconcile(evidence(Process(100), Process(100), discarded=40))
    assert (result.locust, result.stored, result.reset, result.unexplained) == (160, 200, 40, 0)


@given(st.lists(processes(), max_size=5), st.data())
def test_with_the_last_word_of_every_process_nothing_is_unexplained(parts: list[Process], data: st.DataObject) -> None:
    discarded = data.draw(st.integers(0, sum(part.reported for part in parts)))
    waiting = data.draw(st.integers(0, parts[0].stored)) if parts else 0
    result = reconcile(evidence(*parts, discarded=discarded, waiting=waiting))
    assert result.unexplained == 0
    assert result.reached == sum(part.reached for part in parts)
    assert result.lost == sum(part.dropped for part in parts)
    assert result.reset == discarded + sum(part.reset for part in parts)
    assert result.after_last_report == sum(part.unreported for part in parts)
    assert result.silent_sources == ()


@given(
    st.lists(processes(), min_size=1, max_size=4),
    st.sampled_from(["earlier", "none"]),
    st.integers(0, 10_000),
    st.integers(0, 10_000),
)
def test_a_killed_process_is_named_and_what_is_known_of_it_adds_up(
    parts: list[Process], tally: str, received: int, stored: int
) -> None:
    whole = evidence(*parts)
    silent = "source-0"
    others = [one for one in whole.tallies if one.source != silent]
    earlier = [replace(one, final=False) for one in whole.tallies if one.source == silent]
    known = replace(
        whole,
        tallies=[*others, *(earlier if tally == "earlier" else [])],
        received={**whole.received, silent: received},
        stored={**(whole.stored or {}), silent: stored},
        locust=whole.locust - parts[0].reported + received,
    )
    result = reconcile(known)
    assert result.silent_sources == (silent,)
    assert result.unexplained == 0
    assert f"no last record from: {silent} (more may be missing)" in str(result)


def test_a_process_of_which_only_reports_are_known_is_lost_and_named() -> None:
    result = reconcile(Evidence(locust=80, discarded=0, received={"w": 80}, tallies=[], stored={}))
    assert (result.reached, result.stored, result.lost) == (80, 0, 80)
    assert result.silent_sources == ("w",)


def test_a_process_of_which_only_windows_are_known_is_counted_by_them() -> None:
    result = reconcile(Evidence(locust=0, discarded=0, received={}, tallies=[], stored={"w": 80}))
    assert (result.reached, result.stored, result.after_last_report) == (80, 80, 80)
    assert result.unexplained == 0


def test_a_request_that_disappeared_without_a_cause_is_unexplained() -> None:
    whole = evidence(Process(100))
    result = reconcile(replace(whole, stored={"source-0": 99}))
    assert result.unexplained == 1
    assert not result.exact
    assert "unexplained: 1" in str(result)


def test_numbers_are_written_for_people() -> None:
    result = reconcile(evidence(Process(48_211, unreported=1_012)))
    assert str(result) == (
        "reconciled 48,211 of 48,211; Locust's own total: 47,199; after the last report: 1,012"
    )  # fmt: skip


# The store cannot be asked


def without_store(whole: Evidence) -> Evidence:
    return replace(whole, stored=None)


def test_without_the_store_it_has_what_neither_waits_nor_was_dropped() -> None:
    known = without_store(evidence(Process(5_127), waiting=1_127))
    assert str(reconcile(known)) == "reconciled 4,000 of 5,127; waiting in the spool: 1,127"


@given(st.lists(processes(), max_size=5), st.data())
def test_what_is_believed_without_the_store_is_what_the_store_would_have_said(
    parts: list[Process], data: st.DataObject
) -> None:
    waiting = data.draw(st.integers(0, parts[0].stored)) if parts else 0
    whole = evidence(*parts, waiting=waiting)
    assert reconcile(without_store(whole)) == reconcile(whole)


def test_without_the_store_what_a_process_elsewhere_reported_waits_and_is_not_called_lost() -> None:
    here = evidence(Process(100), waiting=40)
    result = reconcile(without_store(replace(here, locust=180, received={**here.received, "far": 80})))
    assert (result.reached, result.stored, result.waiting, result.lost) == (180, 60, 120, 0)
    assert result.silent_sources == ("far",)
    assert result.unexplained == 0


# What waited arrives later


@given(st.lists(processes(), max_size=5), st.data())
def test_when_all_that_waited_has_arrived_it_is_as_if_it_had_never_waited(
    parts: list[Process], data: st.DataObject
) -> None:
    waiting = data.draw(st.integers(0, parts[0].stored)) if parts else 0
    found = reconcile(evidence(*parts, waiting=waiting))
    complete = reconcile(evidence(*parts))
    first = data.draw(st.integers(0, waiting))
    assert settled(settled(found, found.stored + first), complete.stored) == complete


@given(st.integers(0, 100), st.integers(0, 100), st.integers(0, 100), st.integers(0, 500))
def test_settling_leaves_nothing_unexplained_whatever_arrives(stored: int, waiting: int, lost: int, now: int) -> None:
    reached = stored + waiting + lost
    found = Reconciliation(reached, stored, reached, waiting=waiting, lost=lost, silent_sources=("a", "b"))
    later = settled(found, now, {"a"})
    assert later.unexplained == 0
    assert later.stored == max(stored, now)
    assert later.waiting + later.lost == max(0, waiting + lost - max(0, now - stored))
    assert later.silent_sources == ("b",)


def test_raw_windows_that_have_expired_change_nothing() -> None:
    found = Reconciliation(100, 90, 100, waiting=10)
    assert settled(found, 0) == found
