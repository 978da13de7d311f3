"""The pass that rolls up what has arrived: nothing left out, nothing twice, killed as often as one likes."""

import tracemalloc
from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from dying_stores import DyingStore, Killed, RefusingStore
from hypothesis import given, settings
from hypothesis import strategies as st
from stores import CART, ORDER, a_load, a_run, a_tally, a_window

from soakwatch.core.retention import Retention
from soakwatch.core.roll_up import MINUTE, TEN_MINUTES, RollUp, roll_up
from soakwatch.core.run import Outcome, Reconciliation, Run
from soakwatch.core.run_series import RunSeries
from soakwatch.core.span import Span
from soakwatch.core.spans import union
from soakwatch.core.window import Window
from soakwatch.store.contract import Point, WindowStore
from soakwatch.store.roll_up_pass import expire_rolled_up, roll_up_stored
from soakwatch.store.roll_up_position import RollUpPosition
from soakwatch.store.sqlite import SqliteStore

DAY = 86_400.0
AT = 1_700_000_400.0
"""Whole ten minutes."""
EVER = Span(0.0, 3 * AT)


def rolled_up(store: WindowStore, width: float) -> list[RollUp]:
    return list(store.roll_ups(width, EVER))


def counts(store: WindowStore, width: float) -> dict[float, int]:
    """Requests of the whole service cart by start."""
    return {
        one.window.start: one.window.count
        for one in rolled_up(store, width)
        if (one.window.series.service, one.window.series.endpoint) == ("cart", "*")
    }


def windows_from(start: float, number: int, run: str = "run", source: str = "a") -> list[Window]:
    return [a_window(run, CART, source, start + 10 * place) for place in range(number)]


def ended(start: float, end: float, run: str = "run") -> Run:
    return replace(a_run(run, start, Outcome.FINISHED), end=end)


def everything(store: WindowStore) -> list[object]:
    runs = store.runs()
    kept = [[store.run_series(run.id), store.run_load(run.id)] for run in runs]
    return [rolled_up(store, MINUTE), rolled_up(store, TEN_MINUTES), runs, kept]


# Rolling up


def test_two_runs_and_two_processes_in_one_minute_are_rolled_up_together(store: WindowStore) -> None:
    store.write(windows_from(AT, 3))
    store.write(windows_from(AT + 20, 3, run="another", source="b"))
    store.write(windows_from(AT, 3, source="c"))
    roll_up_stored(store, AT + TEN_MINUTES)
    assert counts(store, MINUTE) == {AT: 3 * 9}
    assert counts(store, TEN_MINUTES) == {AT: 3 * 9}


def test_roll_ups_of_both_widths_are_those_of_all_windows_together(store: WindowStore) -> None:
    carts = [*windows_from(AT, 90), *windows_from(AT + 1_200, 90)]
    windows = [*carts, *(replace(window, series=ORDER) for window in carts)]
    store.write(windows)
    roll_up_stored(store, AT + DAY)
    assert rolled_up(store, MINUTE) == roll_up(windows, MINUTE)
    assert rolled_up(store, TEN_MINUTES) == roll_up(windows, TEN_MINUTES)


def test_what_a_run_left_in_the_middle_of_a_minute_is_rolled_up_when_the_minute_is_over(store: WindowStore) -> None:
    store.write(windows_from(AT, 9))
    roll_up_stored(store, AT + 90)
    assert counts(store, MINUTE) == {AT: 18}
    roll_up_stored(store, AT + 120)
    assert counts(store, MINUTE) == {AT: 18, AT + 60: 9}
    assert counts(store, TEN_MINUTES) == {}
    roll_up_stored(store, AT + 600)
    assert counts(store, TEN_MINUTES) == {AT: 27}


def test_windows_that_come_late_are_rolled_up_with_those_that_were_there(store: WindowStore) -> None:
    store.write(windows_from(AT, 90))
    roll_up_stored(store, AT + DAY)
    store.write(windows_from(AT + 120, 3, source="from the spool"))
    roll_up_stored(store, AT + DAY + 60)
    assert counts(store, MINUTE)[AT + 120] == 18 + 9
    assert counts(store, TEN_MINUTES) == {AT: 180 + 9, AT + 600: 90}


def test_a_second_pass_changes_nothing(store: WindowStore) -> None:
    store.write([*windows_from(AT, 90), a_load(start=AT), ended(AT, AT + 900)])
    roll_up_stored(store, AT + DAY)
    before = everything(store)
    roll_up_stored(store, AT + DAY)
    assert everything(store) == before


def test_a_pass_with_nothing_to_do_writes_nothing(tmp_path: Path) -> None:
    with DyingStore.create(tmp_path / "soakwatch.db") as store:
        store.write([*windows_from(AT, 90), a_load(start=AT), ended(AT, AT + 900)])
        roll_up_stored(store, AT + DAY)
        store.left = 0
        roll_up_stored(store, AT + DAY)


def test_windows_of_a_clock_that_is_ahead_wait_until_their_minute_is_over(store: WindowStore) -> None:
    store.write([*windows_from(AT, 6), *windows_from(AT + 30 * DAY, 6)])
    roll_up_stored(store, AT + 600)
    assert counts(store, MINUTE) == {AT: 18}
    roll_up_stored(store, AT + 31 * DAY)
    assert counts(store, TEN_MINUTES) == {AT: 18, AT + 30 * DAY: 18}


@pytest.mark.timeout(60)
def test_years_between_windows_that_arrived_together_cost_nothing(store: WindowStore) -> None:
    store.write([a_window(start=0.0), *windows_from(AT, 6)])
    roll_up_stored(store, AT + DAY)
    assert counts(store, TEN_MINUTES) == {0.0: 3, AT: 18}


@pytest.mark.parametrize("writes", range(0, 60, 3))
def test_a_pass_that_was_killed_and_begun_again_ends_as_an_undisturbed_one(tmp_path: Path, writes: int) -> None:
    points: list[Point] = [*windows_from(AT, 90), *windows_from(AT + 5_000, 9), a_load(start=AT), ended(AT, AT + 900)]
    now = AT + 5_080
    with SqliteStore.create(tmp_path / "undisturbed.db") as store:
        store.write(points)
        roll_up_stored(store, now)
        roll_up_stored(store, now + DAY)
        expected = everything(store)
    path = tmp_path / "soakwatch.db"
    with DyingStore.create(path) as store:
        store.write(points)
        store.left = writes
        for moment in (now, now + DAY):
            try:
                roll_up_stored(store, moment)
            except Killed:
                break
    with SqliteStore.create(path) as again:
        roll_up_stored(again, now + DAY)
        assert everything(again) == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 200), st.sampled_from("ab"), st.integers(-100, 250)), max_size=30))
def test_in_whatever_order_windows_and_passes_come_no_request_is_missing_or_doubled(
    arrivals: list[tuple[int, str, int]],
) -> None:
    written = {}
    with TemporaryDirectory() as folder, SqliteStore.create(Path(folder, "soakwatch.db")) as store:
        for place, source, moment in arrivals:
            window = a_window(source=source, start=AT + 10 * place)
            store.write([window])
            written[window.start, source] = window
            if moment > 0:
                roll_up_stored(store, AT + 10 * moment)
        roll_up_stored(store, AT + 6_000)
        assert rolled_up(store, MINUTE) == roll_up(written.values(), MINUTE)
        assert rolled_up(store, TEN_MINUTES) == roll_up(written.values(), TEN_MINUTES)


# What is refused


def test_a_roll_up_that_the_store_refuses_is_told_and_all_others_are_made(tmp_path: Path) -> None:
    with RefusingStore.create(tmp_path / "soakwatch.db") as store:
        carts = windows_from(AT, 660)
        store.write([*carts, *as_order(carts)])
        store.refuses = lambda point: isinstance(point, RollUp) and point.window.series == ORDER
        report = roll_up_stored(store, AT + DAY)
        assert report.refused == ("110 points were refused: a text is too long",)
        assert rolled_up(store, MINUTE) == [one for one in roll_up([*carts, *as_order(carts)], MINUTE) if kept(one)]
        assert sum(counts(store, TEN_MINUTES).values()) == 1_980
        assert roll_up_stored(store, AT + DAY).refused == ()


def as_order(windows: Iterable[Window]) -> list[Window]:
    return [replace(window, series=ORDER) for window in windows]


def kept(one: RollUp) -> bool:
    return one.window.series != ORDER


def test_a_run_that_cannot_be_condensed_stops_no_other(tmp_path: Path) -> None:
    with RefusingStore.create(tmp_path / "soakwatch.db") as store:
        for run in ("bad", "good"):
            store.write([*windows_from(AT, 60, run), a_load(run, start=AT), ended(AT, AT + 600, run)])
        store.refuses = lambda point: isinstance(point, RunSeries) and point.run == "bad"
        report = roll_up_stored(store, AT + DAY)
        assert report.refused == ("1 point was refused: a text is too long",)
        assert [len(store.run_series(run)) for run in ("bad", "good")] == [0, 1]
        assert sum(counts(store, MINUTE).values()) == 360


# Memory


def peak_of_a_pass(path: Path, sources: int) -> int:
    with SqliteStore.create(path) as store:
        store.write([
            *(window for source in range(sources) for window in windows_from(AT, 120, source=str(source))),
            *(a_load(start=AT + 10 * place) for place in range(120)),
            ended(AT, AT + 1_200),
        ])  # fmt: skip
        tracemalloc.start()
        try:
            roll_up_stored(store, AT + DAY)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


def test_memory_does_not_grow_with_the_number_of_windows(tmp_path: Path) -> None:
    few, many = (peak_of_a_pass(tmp_path / f"{sources}.db", sources) for sources in (5, 100))
    assert many < 1.5 * few


def test_what_the_pass_remembers_is_never_longer_than_a_server_keeps() -> None:
    minutes = union(Span(AT + 180 * number, AT + 180 * number + 60) for number in range(50_000))
    position = RollUpPosition("1" * 30, minutes, minutes)
    text = position.encode()
    assert len(text.encode()) < 65_536
    again = RollUpPosition.decode(text)
    assert union([*again.minutes, *minutes]) == again.minutes, "all of them, and those between"


def test_what_the_pass_remembers_is_read_as_it_was() -> None:
    position = RollUpPosition("17", (Span(AT, AT + 180), Span(AT + 300, AT + 360)), (Span(AT, AT + 1_200),))
    assert RollUpPosition.decode(position.encode()) == position
    assert RollUpPosition.decode("") == RollUpPosition()


# What is kept of runs


def test_a_run_that_has_ended_is_condensed_and_one_that_goes_on_is_not(store: WindowStore) -> None:
    for run in ("done", "going on"):
        store.write([*windows_from(AT, 3, run=run), a_load(run, start=AT)])
    store.write([ended(AT, AT + 30, "done"), a_run("going on", AT)])
    report = roll_up_stored(store, AT + 600)
    assert report.runs.condensed == ("done",)
    assert sum(block.count for one in store.run_series("done") for block in one.blocks) == 9
    assert store.run_load("done") is not None
    assert store.run_series("going on") == []
    store.write([ended(AT, AT + 500, "going on")])
    assert roll_up_stored(store, AT + 660).runs.condensed == ("going on",)


def test_a_run_without_any_record_of_its_load_generator_is_condensed_once(store: WindowStore) -> None:
    store.write([*windows_from(AT, 3), ended(AT, AT + 30)])
    assert roll_up_stored(store, AT + 600).runs.condensed == ("run",)
    assert roll_up_stored(store, AT + 660).runs.condensed == ()


def test_a_run_whose_leader_was_killed_is_condensed_a_day_after_it_was_last_heard_of(store: WindowStore) -> None:
    store.write([a_run("run", AT), *windows_from(AT, 3), a_load(start=AT), replace(a_tally(), at=AT + 30)])
    assert roll_up_stored(store, AT + 600).runs.condensed == ()
    assert roll_up_stored(store, AT + DAY + 600).runs.condensed == ("run",)
    assert sum(block.count for one in store.run_series("run") for block in one.blocks) == 9
    assert [run.end for run in store.runs()] == [None]
    assert roll_up_stored(store, AT + DAY + 660).runs.condensed == ()


def test_windows_from_a_spool_come_to_a_run_that_was_condensed_and_settle_it(store: WindowStore) -> None:
    waiting = Reconciliation(18, 9, 18, waiting=9, silent_sources=("b",))
    store.write([*windows_from(AT, 3), a_load(start=AT), replace(ended(AT, AT + 60), reconciled=waiting)])
    roll_up_stored(store, AT + 600)
    assert [run.reconciled for run in store.runs()] == [waiting]
    store.write([*windows_from(AT + 30, 3, source="b"), replace(a_tally(source="b", final=True), at=AT + 60)])
    report = roll_up_stored(store, AT + DAY)
    assert (report.runs.condensed, report.runs.settled) == (("run",), ("run",))
    assert sum(block.count for one in store.run_series("run") for block in one.blocks) == 18
    assert [run.reconciled for run in store.runs()] == [Reconciliation(18, 18, 18)]


def test_what_is_kept_of_a_run_does_not_shrink_when_its_windows_expire(tmp_path: Path) -> None:
    with SqliteStore.create(tmp_path / "soakwatch.db", retention=Retention(DAY, inf, inf)) as store:
        store.write([*windows_from(AT, 60), a_load(start=AT), ended(AT, AT + DAY)])
        store.write(windows_from(AT + DAY - 600, 60))
        roll_up_stored(store, AT + DAY)
        kept = store.run_series("run")
        expire_rolled_up(store, AT + 1.5 * DAY)
        store.write(windows_from(AT + DAY - 600, 60))
        roll_up_stored(store, AT + 1.5 * DAY)
        assert sum(store.requests_stored("run").values()) == 180
        assert store.run_series("run") == kept


# Retention


def kept_for(raw: float = inf, minutes: float = inf, ten_minutes: float = inf) -> Retention:
    return Retention(raw, minutes, ten_minutes)


def test_roll_ups_that_would_have_expired_are_not_written(store: WindowStore) -> None:
    store.retention = kept_for(minutes=10 * DAY, ten_minutes=20 * DAY)
    for age in (1, 15, 25):
        store.write(windows_from(AT - age * DAY, 60))
    roll_up_stored(store, AT)
    assert min(counts(store, MINUTE)) == AT - DAY
    assert counts(store, TEN_MINUTES) == {AT - 15 * DAY: 180, AT - DAY: 180}


def test_runs_of_which_nothing_would_be_kept_are_not_condensed(store: WindowStore) -> None:
    store.retention = kept_for(ten_minutes=20 * DAY)
    store.write([*windows_from(AT - 25 * DAY, 3), ended(AT - 25 * DAY, AT - 25 * DAY + 60)])
    assert roll_up_stored(store, AT).runs.condensed == ()


@pytest.fixture
def short(tmp_path: Path) -> Iterable[SqliteStore]:
    with SqliteStore.create(tmp_path / "soakwatch.db", retention=kept_for(raw=DAY)) as store:
        yield store


def requests_of(roll_ups: Sequence[RollUp]) -> int:
    return sum(one.window.count for one in roll_ups if one.window.series.endpoint == "*")


def test_nothing_expires_that_is_not_rolled_up(short: SqliteStore) -> None:
    short.write([*windows_from(AT - 3 * DAY, 60), *windows_from(AT, 60), ended(AT - 3 * DAY, AT - 3 * DAY + 600)])
    assert expire_rolled_up(short, AT + 600) == 0
    roll_up_stored(short, AT + 600)
    short.write(windows_from(AT - 3 * DAY, 3, source="late"))
    assert expire_rolled_up(short, AT + 600) == 0
    roll_up_stored(short, AT + 600)
    assert expire_rolled_up(short, AT + 600) > 0
    assert list(short.windows_between(Span(0.0, AT))) == []
    assert requests_of(rolled_up(short, MINUTE)) == requests_of(rolled_up(short, TEN_MINUTES)) == 2 * 180 + 9
    assert sum(block.count for one in short.run_series("run") for block in one.blocks) == 2 * 180 + 9


def test_windows_of_a_run_that_goes_on_for_longer_than_they_are_kept_stay_until_its_end(short: SqliteStore) -> None:
    now = AT + 3 * DAY
    short.write([a_run("run", AT), *windows_from(AT, 60), replace(a_tally(), at=now)])
    roll_up_stored(short, now)
    assert expire_rolled_up(short, now) == 0
    short.write([ended(AT, now)])
    roll_up_stored(short, now)
    assert expire_rolled_up(short, now) == 60
    assert sum(block.count for one in short.run_series("run") for block in one.blocks) == 180


def test_a_run_that_was_killed_keeps_nothing_from_expiring(short: SqliteStore) -> None:
    short.write([a_run("run", AT), *windows_from(AT, 60), replace(a_tally(), at=AT + 600)])
    roll_up_stored(short, AT + 3 * DAY)
    assert expire_rolled_up(short, AT + 3 * DAY) == 61
