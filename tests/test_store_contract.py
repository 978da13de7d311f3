"""What every window store promises; one fixture runs the suite over every implementation."""

import random
import sys
from dataclasses import replace
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stores import (
    CART,
    IMPLEMENTATIONS,
    ORDER,
    Implementation,
    a_load,
    a_run,
    a_tally,
    a_window,
    all_kinds,
    an_error,
    contents,
    end_well,
    moments,
    names,
    over_one_store,
    start_together,
    text,
    wait_for_the_others,
)

from soakwatch.core.errors import StoreRefused
from soakwatch.core.histogram import Histogram
from soakwatch.core.run import Outcome, Reconciliation, Run, Tally
from soakwatch.core.series import Series
from soakwatch.core.window import ErrorCount, Exemplar, LoadSample, Window
from soakwatch.store import rows
from soakwatch.store.contract import Point, WindowStore

# What was written reads back


def test_a_new_store_is_empty(store: WindowStore) -> None:
    assert store.runs() == []


def test_every_kind_of_point_reads_back_equal(store: WindowStore) -> None:
    store.write(all_kinds())
    assert contents(store) == all_kinds()


def test_a_finished_run_reads_back_with_what_was_reconciled(store: WindowStore) -> None:
    result = Reconciliation(10, 9, 11, 1, 1, 2, 3, 4, ("w1", "w2"))
    run = Run(
        *("run", "perf", "soak", 1.5, 99.25, 8, 2.5, "http://shop", "1.2", "abc", "shop.py", "123", "2.47"),
        *(Outcome.FINISHED, result),
    )
    store.write([run])
    assert store.runs() == [run]


def test_a_run_reads_back_with_the_one_that_it_goes_on_from(store: WindowStore) -> None:
    run = replace(a_run(), continues='a "run", with=everything\\ in it')
    store.write([run])
    assert store.runs() == [run]


def test_a_window_without_times_and_exemplar_reads_back_equal(store: WindowStore) -> None:
    window = Window(CART, "run", "a", 0.0, 10.0, count=3)
    store.write([window])
    assert list(store.windows("run")) == [window]


def test_the_moment_of_the_slowest_request_reads_back_to_the_millisecond(store: WindowStore) -> None:
    # no double is this start, so its nanoseconds are not a whole number of milliseconds
    window = replace(a_window(start=8_589_934.583), exemplar=Exemplar(8_589_931.25, 900.0))
    store.write([window])
    assert list(store.windows("run")) == [window]


def test_what_was_written_is_there_for_everyone_who_opens_the_store(
    store: WindowStore, implementation: Implementation, address: str
) -> None:
    store.write(all_kinds())
    with implementation.open(address) as other:
        assert contents(other) == all_kinds()


def test_writing_nothing_is_fine(store: WindowStore) -> None:
    store.write([])
    assert store.runs() == []


@st.composite
def points(draw: st.DrawFn) -> list[Point]:
    """One point of each kind, with the same run, full of odd text."""
    run, source = f"{uuid4().hex} {draw(names)}", draw(names)
    series = Series(*(draw(text) for _ in range(5)))
    start = draw(moments)
    sample = draw(st.lists(st.floats(0, 1e9), max_size=20))
    window = Window(series, run, source, start, 10.0, len(sample), hist=Histogram.of(sample))
    length = draw(st.integers(0, 2**63 - 1))
    exemplar = draw(st.none() | st.builds(Exemplar, moments, st.floats(0, 1e9), text))
    return [
        replace(window, bytes=length, exemplar=exemplar),
        ErrorCount(series, run, source, start, draw(names), draw(st.integers(1, 2**40)), draw(text)),
        LoadSample(draw(text), draw(text), run, source, start, 10.0, 3, draw(st.floats(0, 6400)), draw(st.booleans())),
        Run(run, draw(text), draw(text), start, host=draw(text), version=draw(text), commit=draw(text),
            locustfile=draw(text), reconciled=Reconciliation(1, 2, 3, silent_sources=tuple(draw(st.lists(text))))),
        Tally(draw(text), draw(text), run, source, start, 1, 2, 3, 4, 5, 6, draw(st.booleans())),
    ]  # fmt: skip


@over_one_store
@given(points())
def test_any_text_reads_back_equal(store: WindowStore, points: list[Point]) -> None:
    store.write(points)
    assert contents(store, points[0].run) == points  # type: ignore[union-attr]  # the first is a window


@over_one_store
@given(points())
def test_what_went_through_the_spool_is_written_the_same(store: WindowStore, points: list[Point]) -> None:
    store.write(rows.decode(rows.encode(points)))
    assert contents(store, points[0].run) == points  # type: ignore[union-attr]


@over_one_store
@given(st.lists(st.tuples(names, names), min_size=2, max_size=8, unique=True))
def test_names_that_differ_a_little_are_different_series(store: WindowStore, pairs: list[tuple[str, str]]) -> None:
    run = uuid4().hex
    windows = [a_window(run, Series("perf", "soak", service, "GET", endpoint)) for service, endpoint in pairs]
    store.write(windows)
    assert {window.series for window in store.windows(run)} == {window.series for window in windows}


# Twice is once, and the later one counts


def test_writing_twice_is_writing_once(store: WindowStore) -> None:
    for _ in range(2):
        store.write(all_kinds())
    store.write([*all_kinds(), *all_kinds()])
    assert contents(store) == all_kinds()
    assert store.requests_stored("run") == {"a": 3}


@pytest.mark.parametrize(
    ("first", "later"),
    [
        (a_window(count=3), a_window(count=30)),
        (an_error(count=1), an_error(count=2)),
        (a_load(users=1), a_load(users=2)),
        (a_run(), a_run(outcome=Outcome.FINISHED)),
        (a_tally(counted=1), a_tally(counted=2, final=True)),
    ],
    ids=lambda point: type(point).__name__,
)
@pytest.mark.parametrize("together", [True, False], ids=["in one call", "in two calls"])
def test_of_two_with_the_same_key_the_later_one_counts(
    store: WindowStore, first: Point, later: Point, together: bool
) -> None:  # fmt: skip
    for batch in [[first, later]] if together else [[first], [later]]:
        store.write(batch)
    assert contents(store) == [later]


def test_windows_that_differ_in_any_part_of_their_key_are_kept_apart(store: WindowStore) -> None:
    window = a_window()
    changed = {"environment": "x", "test": "x", "service": "x", "method": "x", "endpoint": "x"}
    others = [replace(window, series=replace(CART, **{part: value})) for part, value in changed.items()]
    others += [replace(window, source="b"), replace(window, start=10.0)]
    store.write([window, *others, replace(window, run="other run")])
    assert len(list(store.windows("run"))) == 8
    assert len(list(store.windows("other run"))) == 1


# Order and selection


@over_one_store
@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 10.0, 20.5, 1e9]), st.builds(Series, text, text, text, text, text), names),
        unique=True,
        max_size=15,
    ),
    st.randoms(use_true_random=False),
)
def test_windows_come_by_start_then_series_then_source(
    store: WindowStore, keys: list[tuple[float, Series, str]], generator: random.Random
) -> None:
    run = uuid4().hex
    written = [a_window(run, series, source, start) for start, series, source in keys]
    generator.shuffle(written)
    store.write(written)
    assert [(window.start, window.series, window.source) for window in store.windows(run)] == sorted(keys)


def test_errors_come_by_start_then_series_and_load_by_start_then_source(store: WindowStore) -> None:
    errors = [an_error(kind=kind, start=start) for start in (0.0, 10.0) for kind in ("A", "B")]
    load = [a_load(source=source, start=start) for start in (0.0, 10.0) for source in ("a", "b")]
    store.write([*reversed(errors), *reversed(load)])
    assert list(store.errors("run")) == errors
    assert list(store.load("run")) == load


def test_runs_come_oldest_first(store: WindowStore) -> None:
    starts = {"c": 10.0, "a": 20.0, "b": 30.0}
    store.write([a_run(run, start) for run, start in reversed(starts.items())])
    assert [run.id for run in store.runs()] == ["c", "a", "b"]


def test_tallies_are_the_latest_of_each_source_by_source(store: WindowStore) -> None:
    for counted in (1, 2, 3):
        store.write([a_tally(source=source, counted=counted) for source in ("b", "a")])
    assert store.tallies("run") == [a_tally(source="a", counted=3), a_tally(source="b", counted=3)]


def test_requests_stored_are_added_up_by_source_over_windows_and_series(store: WindowStore) -> None:
    store.write([a_window(start=10.0 * number, count=2) for number in range(5)])
    store.write([a_window(series=ORDER, count=7), a_window(source="b", count=11), a_window("other run", count=100)])
    assert store.requests_stored("run") == {"a": 17, "b": 11}


def test_of_a_run_that_is_not_known_there_is_nothing(store: WindowStore) -> None:
    store.write(all_kinds())
    assert contents(store, "another run") == []
    assert store.requests_stored("another run") == {}


def test_one_can_write_while_one_reads(store: WindowStore, implementation: Implementation, address: str) -> None:
    store.write([a_window(start=10.0 * number) for number in range(100)])
    with implementation.open(address) as other:
        reading = other.windows("run")
        first = next(reading)
        store.write([a_window("other run")])
        assert [first, *reading] == [a_window(start=10.0 * number) for number in range(100)]


# All or nothing


@pytest.mark.parametrize("place", [0, 2, 5])
@pytest.mark.parametrize(
    "refused",
    [
        a_window(series=replace(CART, endpoint="/\ud800")),
        replace(an_error(), sample="\udcff"),
        a_run("\ud800"),
        a_tally(source="\udfff"),
        replace(a_load(), environment="\ud800"),
        replace(a_window(), bytes=2**70),
    ],
    ids=["a window", "an error", "a run", "a tally", "a load", "too large a number"],
)
def test_a_batch_with_one_refused_point_stores_none_of_it(store: WindowStore, refused: Point, place: int) -> None:
    batch = all_kinds()
    batch.insert(place, refused)
    with pytest.raises(StoreRefused):
        store.write(batch)
    assert contents(store) == []
    store.write(all_kinds())
    assert contents(store) == all_kinds()


def test_a_number_that_is_none_is_refused_rather_than_tried_for_ever(store: WindowStore) -> None:
    with pytest.raises(StoreRefused):
        store.write([a_load(source="b"), replace(a_load(), cpu=float("nan"))])
    assert contents(store) == []


# Several processes


def write_many(store: WindowStore, source: str) -> None:
    for number in range(150):
        series = replace(CART, endpoint=f"/{number % 10}")
        window = a_window(series=series, source=source, start=10.0 * number)
        store.write([window, a_tally(source=source, counted=number)])


def test_several_processes_write_at_once_and_nothing_is_lost(
    store: WindowStore, implementation: Implementation, address: str
) -> None:
    sources = ["a", "b", "c", "d"]
    writers = start_together(__file__, implementation, address, sources)
    end_well(writers)
    assert store.requests_stored("run") == dict.fromkeys(sources, 450)
    assert len(list(store.windows("run"))) == 600
    assert store.tallies("run") == [a_tally(source=source, counted=149) for source in sources]


def be_a_writer(name: str, address: str, source: str) -> None:
    with IMPLEMENTATIONS[name].open(address) as store:
        wait_for_the_others()
        write_many(store, source)


if __name__ == "__main__":  # one of several processes, see above
    be_a_writer(*sys.argv[1:])
