"""What every window store promises to those who look at time rather than at a run, and to the passes over it."""

import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stores import (
    CART,
    IMPLEMENTATIONS,
    ORDER,
    Implementation,
    a_deploy,
    a_health,
    a_load,
    a_roll_up,
    a_run,
    a_run_load,
    a_run_series,
    a_window,
    all_kinds,
    end_well,
    moments,
    names,
    over_one_store,
    start_together,
    text,
    wait_for_the_others,
)

from soakwatch.core.deploy import Deploy
from soakwatch.core.errors import StoreRefused
from soakwatch.core.health import Health
from soakwatch.core.histogram import Histogram
from soakwatch.core.roll_up import MINUTE, TEN_MINUTES, RollUp, whole_service
from soakwatch.core.run_series import RunLoad, RunSeries
from soakwatch.core.series import Series
from soakwatch.core.span import Span
from soakwatch.core.window import ErrorCount, Exemplar, LoadSample, Window
from soakwatch.store import rows
from soakwatch.store.contract import Column, Point, WindowStore

DAY = Span(0.0, 86_400.0)


def contents(store: WindowStore, run: str = "run", span: Span = DAY) -> list[Point]:
    """Everything that is not raw: of the run, and of the span."""
    load = store.run_load(run)
    return [
        *store.roll_ups(MINUTE, span),
        *store.roll_ups(TEN_MINUTES, span),
        *store.run_series(run),
        *([load] if load else []),
        *store.deploys(span),
        *store.health(span),
    ]


def kinds_of_time() -> list[Point]:
    ten_minutes = a_roll_up(width=TEN_MINUTES, count=30)
    return [a_roll_up(), ten_minutes, a_run_series(), a_run_load(), a_deploy(), a_health()]


# What was written reads back


def test_a_new_store_has_no_past(store: WindowStore) -> None:
    assert contents(store) == []
    assert list(store.windows_between(DAY)) == []
    assert store.history(MINUTE, DAY, [Column.P95]) == {}
    assert store.run_load("run") is None


def test_every_kind_reads_back_equal(store: WindowStore) -> None:
    store.write(kinds_of_time())
    assert contents(store) == kinds_of_time()


def test_a_roll_up_without_times_and_exemplar_reads_back_equal(store: WindowStore) -> None:
    untimed = RollUp(Window(CART, "", "", 60.0, MINUTE, count=3))
    store.write([untimed])
    assert list(store.roll_ups(MINUTE, DAY)) == [untimed]


def test_a_run_series_of_which_only_errors_are_known_reads_back_equal(store: WindowStore) -> None:
    bare = replace(a_run_series(), blocks=())
    store.write([bare])
    assert store.run_series("run") == [bare]


def test_the_load_of_a_run_of_which_nothing_is_known_reads_back_equal(store: WindowStore) -> None:
    bare = replace(a_run_load(), blocks=())
    store.write([bare])
    assert store.run_load("run") == bare


def test_what_was_written_is_there_for_everyone_who_opens_the_store(
    store: WindowStore, implementation: Implementation, address: str
) -> None:
    store.write(kinds_of_time())
    store.set_position("roll-ups", "here")
    with implementation.open(address) as other:
        assert contents(other) == kinds_of_time()
        assert other.position("roll-ups") == "here"


samples = st.lists(st.floats(0, 1e9), max_size=20)


@st.composite
def points(draw: st.DrawFn) -> list[Point]:
    """One point of each kind in an environment of its own, full of odd text."""
    environment = f"{uuid4().hex} {draw(text)}"
    series = Series(environment, *(draw(text) for _ in range(4)))
    at, run = draw(moments), f"{environment} {draw(names)}"
    exemplar = draw(st.none() | st.builds(Exemplar, moments, st.floats(0, 1e9), text))
    sample = draw(samples)
    length = draw(st.integers(0, 2**63 - 1))
    block = Window(series, run, "", at, 10.0, len(sample), hist=Histogram.of(sample), bytes=length, exemplar=exemplar)
    width = draw(st.sampled_from([MINUTE, TEN_MINUTES]))
    late = Histogram.of(draw(samples))
    load = LoadSample(
        environment, draw(text), run, "", at, 10.0, 3, draw(st.floats(0, 6400)), draw(st.booleans()), late
    )
    return [
        RollUp(replace(block, run="", start=Span.aligned(at, width).start, width=width)),
        RunSeries(series, run, (block,), (ErrorCount(series, run, "", at, draw(names), 3, draw(text)),)),
        RunLoad(environment, load.test, run, (load,)),
        Deploy(environment, draw(text), at, draw(text), draw(text), draw(text)),
        Health(environment, draw(text), f"{environment} {draw(text)}", at, 1, 2, 3, 4, draw(st.floats(0, 1e6))),
    ]


def contents_like(store: WindowStore, written: Sequence[Point]) -> list[Point]:
    """What the store has in the environment and at the time of `written`, which is what `points` draws."""
    rolled, series, _, deploy, health = written
    assert isinstance(rolled, RollUp)
    assert isinstance(series, RunSeries)
    assert isinstance(deploy, Deploy)
    assert isinstance(health, Health)
    window, moment = rolled.window, Span(deploy.at, deploy.at + 1e-3)
    roll_ups = store.roll_ups(window.width, Span(window.start, window.start + window.width))
    return [
        *(one for one in roll_ups if one.window.series.environment == deploy.environment),
        *store.run_series(series.run),
        *filter(None, [store.run_load(series.run)]),
        *(one for one in store.deploys(moment) if one.environment == deploy.environment),
        *(one for one in store.health(moment) if one.environment == deploy.environment),
    ]


@over_one_store
@given(points())
def test_any_text_reads_back_equal(store: WindowStore, points: list[Point]) -> None:
    store.write(points)
    assert contents_like(store, points) == points


@over_one_store
@given(points())
def test_what_went_through_the_spool_is_written_the_same(store: WindowStore, points: list[Point]) -> None:
    store.write(rows.decode(rows.encode(points)))
    assert contents_like(store, points) == points


# Twice is once, and the later one counts


def test_writing_twice_is_writing_once(store: WindowStore) -> None:
    store.write(kinds_of_time())
    store.write([*kinds_of_time(), *kinds_of_time()])
    assert contents(store) == kinds_of_time()


@pytest.mark.parametrize(
    ("first", "later"),
    [
        (a_roll_up(count=3), a_roll_up(count=30)),
        (a_roll_up(), RollUp(Window(CART, "", "", 0.0, MINUTE, count=1))),
        (a_roll_up(count=3, width=TEN_MINUTES), a_roll_up(count=30, width=TEN_MINUTES)),
        (a_run_series(count=3), replace(a_run_series(count=30), errors=())),
        (a_run_load(users=1), replace(a_run_load(users=2), blocks=a_run_load(users=2).blocks[:1])),
        (a_deploy(version="1.2"), replace(a_deploy(), version="", title="")),
        (a_health(written=1), a_health(written=2)),
    ],
    ids=["a minute", "one without times", "ten minutes", "a run's series", "a run's load", "a deploy", "health"],
)
@pytest.mark.parametrize("together", [True, False], ids=["in one call", "in two calls"])
def test_of_two_with_the_same_key_the_later_one_counts(
    store: WindowStore, first: Point, later: Point, together: bool
) -> None:  # fmt: skip
    for batch in [[first, later]] if together else [[first], [later]]:
        store.write(batch)
    assert contents(store) == [later]


def test_what_differs_in_any_part_of_its_key_is_kept_apart(store: WindowStore) -> None:
    changed = ({part: "x"} for part in ("environment", "test", "service", "method", "endpoint"))
    series = [CART, *(replace(CART, **part) for part in changed)]
    store.write([a_roll_up(one, start) for one in series for start in (0.0, 60.0)])
    store.write([a_run_series(run, one) for one in series for run in ("run", "other run")])
    store.write([replace(a_deploy(at, service), environment=env) for env in "ab" for at in (1, 2) for service in "cd"])
    store.write([a_health(at, source) for at in (1.0, 2.0) for source in "ab"])
    assert len(list(store.roll_ups(MINUTE, DAY))) == 12
    assert {len(store.run_series(run)) for run in ("run", "other run")} == {6}
    assert len(store.deploys(DAY)) == 8
    assert len(store.health(DAY)) == 4


@pytest.mark.parametrize(
    "refused",
    [
        a_roll_up(replace(CART, endpoint="\ud800")),
        RollUp(replace(a_roll_up().window, sum=math.nan)),
        a_deploy(version="\udcff"),
        a_health(source="\udfff"),
        replace(a_health(), lag=math.nan),
        a_run_series("\ud800"),
        a_run_load("\ud800"),
    ],
    ids=["a roll-up", "no number", "a deploy", "health", "no lag", "a run's series", "a run's load"],
)
def test_a_batch_with_one_refused_point_stores_none_of_it(store: WindowStore, refused: Point) -> None:
    with pytest.raises(StoreRefused):
        store.write([*kinds_of_time(), refused])
    assert contents(store) == []


# Spans are half open


def test_raw_windows_of_all_runs_are_found_by_their_start(store: WindowStore) -> None:
    windows = [a_window(run, start=start) for run in ("a", "b") for start in (59.999, 60.0, 119.999, 120.0)]
    store.write(windows)
    inside = [window for window in windows if window.start in {60.0, 119.999}]
    found = sorted(store.windows_between(Span(60.0, 120.0)), key=lambda window: (window.run, window.start))
    assert found == inside


def test_load_of_all_runs_is_found_by_its_start_and_comes_by_start_then_source(store: WindowStore) -> None:
    samples = [a_load(f"run of {source}", source, start) for start in (50.0, 60.0, 110.0, 120.0) for source in "abc"]
    store.write(samples[::-1])
    assert list(store.load_between(Span(60.0, 120.0))) == samples[3:9]
    assert list(store.load_between(Span(130.0, 140.0))) == []


def test_load_is_found_over_any_stretch_of_time_however_long_ago(store: WindowStore) -> None:
    samples = [a_load(start=start) for start in (10.0, 86_400.0, 1_000_000.0, 1_700_000_000.0)]
    store.write(samples)
    assert list(store.load_between(Span(0.0, 2e9))) == samples


def test_roll_ups_of_one_width_are_found_by_their_start_and_come_by_start_then_series(store: WindowStore) -> None:
    series = sorted([CART, ORDER, whole_service(CART), replace(CART, endpoint="/Cart"), replace(CART, service="é")])
    written = [a_roll_up(one, start) for start in (0.0, 60.0, 120.0, 180.0) for one in series]
    store.write([*reversed(written), a_roll_up(start=0.0, width=TEN_MINUTES)])
    wanted = [one for one in written if one.window.start in {60.0, 120.0}]
    assert list(store.roll_ups(MINUTE, Span(60.0, 180.0))) == wanted
    assert list(store.roll_ups(TEN_MINUTES, Span(0.0, 600.0))) == [a_roll_up(width=TEN_MINUTES)]


def test_deploys_come_by_time_then_environment_then_service(store: WindowStore) -> None:
    deploys = [
        replace(a_deploy(at, service), environment=environment)
        for at in (10.0, 20.0, 30.0)
        for environment in ("perf", "staging")
        for service in ("*", "cart")
    ]
    store.write(deploys[::-1])
    assert store.deploys(Span(10.0, 30.0)) == deploys[:8]


def test_health_comes_by_time_then_source(store: WindowStore) -> None:
    told = [a_health(at, source) for at in (10.0, 20.0, 30.0) for source in ("a", "b")]
    store.write(told[::-1])
    assert store.health(Span(10.0, 30.0)) == told[:4]


def test_what_is_kept_of_a_run_comes_by_series_and_is_only_its_own(store: WindowStore) -> None:
    series = sorted([CART, ORDER, replace(CART, environment="a"), replace(CART, endpoint="")])
    store.write([a_run_series(run, one) for run in ("run", "other") for one in reversed(series)])
    store.write([a_run_load("other")])
    assert store.run_series("run") == [a_run_series("run", one) for one in series]
    assert store.run_load("run") is None


# History


QUANTILES = {Column.P50: 0.50, Column.P95: 0.95, Column.P99: 0.99}
OK_QUANTILES = {Column.OK_P50: 0.50, Column.OK_P95: 0.95, Column.OK_P99: 0.99}


def number_of(window: Window, column: Column) -> float | None:
    """What `column` says, by another way than the stores take."""
    if column in QUANTILES:
        return window.quantile(QUANTILES[column])
    if column in OK_QUANTILES:
        return window.hist.quantile(OK_QUANTILES[column])
    value: float | None = getattr(window, column)
    return value


def some_minutes(series: Series) -> list[RollUp]:
    """One of each kind: ordinary, without failures, without successes, without any time."""
    ordinary = a_roll_up(series, 0.0, count=30).window
    failed = replace(ordinary, start=120.0, count=1, failures=1, hist=Histogram(), sum=900.0, min=900.0)
    fine = replace(ordinary, start=60.0, failures=0, fail_sum=0.0, fail_hist=Histogram())
    untimed = Window(series, "", "", 180.0, MINUTE, count=7)
    return [RollUp(window) for window in (ordinary, fine, failed, untimed)]


@pytest.mark.parametrize("column", Column)
def test_history_has_the_values_of_the_roll_ups_and_nan_where_there_is_none(
    store: WindowStore, column: Column
) -> None:  # fmt: skip
    roll_ups = some_minutes(CART)
    store.write([*reversed(roll_ups), *some_minutes(ORDER), a_roll_up(width=TEN_MINUTES)])
    history = store.history(MINUTE, DAY, [column])
    assert set(history) == {CART, ORDER}
    np.testing.assert_array_equal(history[CART].starts, [0.0, 60.0, 120.0, 180.0])
    wanted = np.array([number_of(one.window, column) for one in roll_ups], dtype=np.float64)
    np.testing.assert_allclose(history[CART].values[column], wanted, rtol=1 / 4096)
    assert history[CART].values[column].dtype == np.float64


def test_history_has_only_the_columns_asked_for_and_only_what_starts_in_the_span(store: WindowStore) -> None:
    store.write([*some_minutes(CART), *some_minutes(ORDER)])
    history = store.history(MINUTE, Span(60.0, 180.0), [Column.P95, Column.COUNT])
    assert [list(one.starts) for one in history.values()] == [[60.0, 120.0]] * 2
    assert [set(one.values) for one in history.values()] == [{Column.P95, Column.COUNT}] * 2
    assert list(history[CART].values[Column.COUNT]) == [30.0, 1.0]


def test_history_of_a_width_is_not_mixed_with_the_other(store: WindowStore) -> None:
    store.write([a_roll_up(count=3), a_roll_up(count=30, width=TEN_MINUTES)])
    assert list(store.history(TEN_MINUTES, DAY, [Column.COUNT])[CART].values[Column.COUNT]) == [30.0]


def test_series_with_gaps_have_histories_of_their_own_length(store: WindowStore) -> None:
    store.write([a_roll_up(CART, start) for start in (0.0, 60.0, 180.0)] + [a_roll_up(ORDER, 120.0)])
    history = store.history(MINUTE, DAY, [Column.COUNT, Column.MAX])
    assert {series: list(one.starts) for series, one in history.items()} == {CART: [0.0, 60.0, 180.0], ORDER: [120.0]}
    assert [value.shape for value in history[CART].values.values()] == [(3,), (3,)]


def test_history_of_some_services_leaves_the_others_out(store: WindowStore) -> None:
    stock = replace(CART, service="stock")
    store.write([a_roll_up(series) for series in (CART, ORDER, stock, whole_service(CART))])
    assert set(store.history(MINUTE, DAY, [Column.P50], ["cart", "stock"])) == {CART, whole_service(CART), stock}
    assert store.history(MINUTE, DAY, [Column.P50], ["car", "*", ""]) == {}


@over_one_store
@given(st.lists(text, min_size=2, max_size=6, unique=True))
def test_history_of_a_service_of_any_name_is_that_of_this_service_only(
    store: WindowStore, services: list[str]
) -> None:  # fmt: skip
    environment = uuid4().hex
    series = [Series(environment, "soak", service, "GET", service) for service in services]
    store.write([a_roll_up(one, count=place + 2) for place, one in enumerate(series)])
    found = store.history(MINUTE, Span(0.0, 60.0), [Column.COUNT], services[:1])
    own = {one: list(history.values[Column.COUNT]) for one, history in found.items() if one.environment == environment}
    assert own == {series[0]: [2.0]}


# Arrivals


def told(store: WindowStore, position: str, windows: Iterable[Window]) -> str:
    """Assert that all of `windows` are among the arrivals since `position`; the next one."""
    arrivals = store.arrivals(position)
    for window in windows:
        assert any(span.start <= window.start < span.end for span in arrivals.spans), window.start
    return arrivals.position


def test_every_window_that_was_stored_after_a_position_is_told(store: WindowStore) -> None:
    position = ""
    for first in (1_000_000.0, 1_000_600.0, 5.0, 2e9):  # also in what was the past and the future long ago
        written = [a_window(start=first + 10.0 * number) for number in range(3)]
        store.write(written)
        position = told(store, position, written)


def test_from_the_beginning_everything_is_told(store: WindowStore) -> None:
    written = [a_window(start=start) for start in (0.0, 1e6, 10.0)]
    for window in written:
        store.write([window])
    told(store, store.arrivals("").position, [])
    told(store, "", written)


def test_a_window_that_is_written_again_with_other_content_is_told_again(store: WindowStore) -> None:
    store.write([a_window(count=3)])
    position = store.arrivals("").position
    store.write([a_window(count=30)])
    told(store, position, [a_window()])


def test_when_nothing_arrived_nothing_new_is_told_and_the_position_stays(store: WindowStore) -> None:
    store.write([a_window(start=600.0)])
    first = store.arrivals("")
    again = store.arrivals(first.position)
    assert set(again.spans) <= set(first.spans)
    assert again.position == first.position


def test_a_store_without_windows_tells_of_none(store: WindowStore) -> None:
    assert list(store.arrivals("").spans) == []
    assert list(store.arrivals(store.arrivals("").position).spans) == []


def test_what_a_pass_writes_is_no_arrival(store: WindowStore) -> None:
    store.write([a_window(start=600.0)])
    before = store.arrivals("")
    store.write([*kinds_of_time(), a_run(), *(point for point in all_kinds() if not isinstance(point, Window))])
    assert set(store.arrivals(before.position).spans) <= set(before.spans)


# Positions


@over_one_store
@given(text, text)
def test_a_position_reads_back_whatever_its_name_and_text(store: WindowStore, name: str, position: str) -> None:
    pass_name = f"{uuid4().hex} {name}"
    assert store.position(pass_name) == ""
    store.set_position(pass_name, "an earlier one")
    store.set_position(pass_name, position)
    assert store.position(pass_name) == position
    assert store.position(f"{pass_name}.") == ""


def test_a_position_may_be_long(store: WindowStore) -> None:
    position = " ".join(f"{start}-{start + 60}" for start in range(0, 60_000, 60))
    store.set_position("roll-ups", position)
    assert store.position("roll-ups") == position


# Several processes

WRITES = 40


def window_number(source: str, number: int) -> Window:
    """Not in order: each writer's clock goes its own way."""
    return a_window(source=source, start=600.0 * ((number * 7) % WRITES) + 10.0 * (ord(source) - ord("a")))


def test_whatever_several_processes_write_is_told_to_one_who_keeps_asking(
    store: WindowStore, implementation: Implementation, address: str
) -> None:
    sources = ["a", "b", "c"]
    writers = start_together(__file__, implementation, address, sources)
    position, spans = "", set()
    while True:
        ended = all(writer.poll() is not None for writer in writers)
        arrivals = store.arrivals(position)
        spans |= set(arrivals.spans)
        position = arrivals.position
        if ended:
            break
    end_well(writers)
    starts = {window_number(source, number).start for source in sources for number in range(WRITES)}
    assert starts == {start for start in starts if any(span.start <= start < span.end for span in spans)}
    assert len(list(store.windows_between(DAY))) == 3 * WRITES


def be_a_writer(name: str, address: str, source: str) -> None:
    with IMPLEMENTATIONS[name].open(address) as store:
        wait_for_the_others()
        for number in range(WRITES):
            store.write([window_number(source, number)])


if __name__ == "__main__":  # one of several processes, see above
    be_a_writer(*sys.argv[1:])
