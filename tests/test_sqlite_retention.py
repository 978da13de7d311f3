"""Retention of the SQLite store: what expires, what stays, and what happens to those who come too late."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from math import inf
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stores import (
    CART,
    a_deploy,
    a_health,
    a_load,
    a_roll_up,
    a_run,
    a_run_load,
    a_run_series,
    a_tally,
    a_window,
    an_error,
    over_one_store,
)

from soakwatch.core.errors import StoreRefused, StoreUnavailable
from soakwatch.core.retention import FOR_EVER, Retention
from soakwatch.core.roll_up import MINUTE, TEN_MINUTES
from soakwatch.core.run import Outcome, Run
from soakwatch.core.span import Span
from soakwatch.store.contract import Point
from soakwatch.store.sqlite import SqliteStore

HOUR = 3_600.0
NOW = 1_700_000_400.0
"""Whole ten minutes, so that what a test calls an hour ago is exactly that."""
RETENTION = Retention(HOUR, 2 * HOUR, 3 * HOUR)
EVER = Span(0.0, 2 * NOW)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "soakwatch.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    with SqliteStore.create(path, retention=RETENTION) as opened:
        yield opened


def ended(run: str, end: float) -> Run:
    return replace(a_run(run, end - 60.0, Outcome.FINISHED), end=end)


def raw(start: float) -> list[Point]:
    """What is kept as long as raw windows, of one moment; each under the run that it shows."""
    moment = f"run at {start}"
    return [
        a_window(moment, start=start),
        an_error(moment, start=start),
        a_load(moment, start=start),
        replace(a_tally(moment), at=start),
        a_health(start),
    ]


def raw_in(store: SqliteStore, start: float) -> list[Point]:
    moment = f"run at {start}"
    told = store.health(Span(start, start + 0.1))
    return [*store.windows(moment), *store.errors(moment), *store.load(moment), *store.tallies(moment), *told]


# What expires


def test_raw_points_expire_by_their_retention_and_not_before(store: SqliteStore) -> None:
    old, young = NOW - HOUR - 0.5, NOW - HOUR
    store.write([*raw(old), *raw(young)])
    assert store.expire(NOW) == 5
    assert raw_in(store, old) == []
    assert raw_in(store, young) == raw(young)


@pytest.mark.parametrize(("width", "kept"), [(MINUTE, 2 * HOUR), (TEN_MINUTES, 3 * HOUR)])
def test_roll_ups_of_each_width_expire_by_their_retention(store: SqliteStore, width: float, kept: float) -> None:
    old, young = (a_roll_up(start=start, width=width) for start in (NOW - kept - TEN_MINUTES, NOW - kept))
    store.write([old, young])
    assert store.expire(NOW) == 1
    assert list(store.roll_ups(width, EVER)) == [young]


def test_what_is_kept_of_a_run_expires_by_its_end(store: SqliteStore) -> None:
    for run, end in (("old", NOW - 3 * HOUR - 1), ("young", NOW - 3 * HOUR + 1)):
        store.write([ended(run, end), a_run_series(run), a_run_load(run)])
    assert store.expire(NOW) == 2
    assert (store.run_series("old"), store.run_load("old")) == ([], None)
    assert (store.run_series("young"), store.run_load("young")) == ([a_run_series("young")], a_run_load("young"))


def test_of_an_imported_run_whose_time_is_not_known_everything_is_kept(store: SqliteStore) -> None:
    store.write([a_run("run", 0.0, Outcome.IMPORTED), a_run_series(), a_run_load()])
    assert store.expire(NOW) == 0
    assert store.run_series("run") == [a_run_series()]


def test_runs_deploys_and_positions_are_kept_for_ever(store: SqliteStore) -> None:
    store.write([ended("run", 100.0), a_deploy(at=50.0)])
    store.set_position("roll-ups", "here")
    assert store.expire(NOW) == 0
    assert store.runs() == [ended("run", 100.0)]
    assert store.deploys(EVER) == [a_deploy(at=50.0)]
    assert store.position("roll-ups") == "here"


def test_what_was_forgotten_is_not_forgotten_again(store: SqliteStore) -> None:
    store.write([*raw(0.0), *raw(NOW - 5 * HOUR), *raw(NOW - 2 * HOUR)])
    assert store.expire(NOW) == 15
    assert store.expire(NOW) == 0


def test_kept_for_ever_nothing_expires_and_windows_of_any_age_are_taken(path: Path) -> None:
    with SqliteStore.create(path, retention=FOR_EVER) as store:
        store.write([*raw(0.0), a_roll_up(), a_roll_up(width=TEN_MINUTES), ended("run", 1.0), a_run_series()])
        assert store.expire(1e12) == 0
        store.write(raw(1.0))
        assert raw_in(store, 0.0) == raw(0.0)
        assert raw_in(store, 1.0) == raw(1.0)


def test_only_what_is_not_kept_for_ever_expires(path: Path) -> None:
    with SqliteStore.create(path, retention=Retention(inf, HOUR, inf)) as store:
        store.write([*raw(0.0), a_roll_up(), a_roll_up(width=TEN_MINUTES)])
        assert store.expire(NOW) == 1
        assert raw_in(store, 0.0) == raw(0.0)
        assert list(store.roll_ups(TEN_MINUTES, EVER)) == [a_roll_up(width=TEN_MINUTES)]


# Those who come too late


def test_a_window_that_is_older_than_what_is_kept_is_refused_and_nothing_of_that_call_is_kept(
    store: SqliteStore,
) -> None:
    store.expire(NOW)
    with pytest.raises(StoreRefused, match="a window is older than what is kept"):
        store.write([a_window("late", start=NOW), *raw(NOW - HOUR - 1)])
    assert list(store.windows("late")) == []
    assert raw_in(store, NOW - HOUR - 1) == []
    assert store.arrivals("").spans == []


def test_the_youngest_that_could_have_expired_is_refused_and_the_oldest_that_could_not_is_taken(
    store: SqliteStore,
) -> None:
    store.expire(NOW)
    store.write([a_window(start=NOW - HOUR)])
    with pytest.raises(StoreRefused):
        store.write([a_window(start=NOW - HOUR - 1e-3)])


def test_old_windows_are_taken_as_long_as_nothing_was_ever_forgotten(store: SqliteStore) -> None:
    store.write(raw(1.0))
    assert raw_in(store, 1.0) == raw(1.0)


@pytest.mark.parametrize(
    "then",
    [
        lambda path: SqliteStore.create(path, retention=RETENTION),
        lambda path: SqliteStore.create(path, retention=FOR_EVER),
    ],
    ids=["opened again", "kept for ever from now on"],
)
def test_what_expired_once_stays_expired(path: Path, then: Callable[[Path], SqliteStore]) -> None:
    with SqliteStore.create(path, retention=RETENTION) as store:
        store.expire(NOW)
    with then(path) as store, pytest.raises(StoreRefused):
        store.write([a_window(start=NOW - HOUR - 1)])


def test_a_clock_that_goes_back_does_not_bring_back_what_expired(store: SqliteStore) -> None:
    store.expire(NOW)
    store.expire(NOW - HOUR)
    with pytest.raises(StoreRefused):
        store.write([a_window(start=NOW - HOUR - 1)])


def test_roll_ups_and_run_series_of_any_age_are_taken(store: SqliteStore) -> None:
    store.expire(NOW)
    store.write([a_roll_up(), a_run_series(), a_run_load(), a_deploy()])
    assert list(store.roll_ups(MINUTE, EVER)) == [a_roll_up()]


# What a pass that rolls up can rely on


@over_one_store
@given(st.floats(0, 2 * TEN_MINUTES))
def test_of_ten_minutes_either_all_raw_windows_are_left_or_none(store: SqliteStore, later: float) -> None:
    stretch = NOW + 10 * HOUR
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute("DELETE FROM horizon")
    store.write([a_window(start=stretch + second) for second in range(0, 600, 10)])
    store.expire(stretch + HOUR + later)
    left = list(store.windows_between(Span(stretch, stretch + TEN_MINUTES)))
    assert len(left) == (60 if later < TEN_MINUTES else 0)


def test_windows_that_expired_are_no_arrivals_any_more(store: SqliteStore) -> None:
    for start in (NOW - 2 * HOUR, NOW - 20.0):
        store.write([a_window(start=start)])
    store.expire(NOW)
    assert store.arrivals("").spans == [Span(NOW - 20.0, NOW - 10.0)]


def test_a_position_stays_good_when_the_arrivals_before_it_expired(store: SqliteStore) -> None:
    store.write([a_window(start=NOW - 2 * HOUR)])
    position = store.arrivals("").position
    store.expire(NOW)
    store.write([a_window(start=NOW)])
    assert store.arrivals(position).spans == [Span(NOW, NOW + 10.0)]


# In trouble


def test_a_store_that_is_held_by_another_process_forgets_later(path: Path) -> None:
    with SqliteStore.create(path, patience=0.1, retention=RETENTION) as store:
        store.write(raw(1.0))
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreUnavailable, match="locked"):
                store.expire(NOW)
        assert raw_in(store, 1.0) == raw(1.0)
        assert store.expire(NOW) == 5


def test_series_that_have_expired_can_come_back(store: SqliteStore) -> None:
    store.write([a_window(start=1.0)])
    store.expire(NOW)
    store.write([a_window(start=NOW)])
    assert [window.series for window in store.windows("run")] == [CART]
