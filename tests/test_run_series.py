"""What is kept of a run for long: few blocks, in which nothing is lost that a later comparison asks for."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soakwatch.core.histogram import Histogram
from soakwatch.core.run import Run
from soakwatch.core.run_series import MOST_BLOCKS, MOST_KINDS, RunLoad, RunSeries, condense
from soakwatch.core.series import Series
from soakwatch.core.settings import ComparisonSection
from soakwatch.core.verdict import Comparison, Decision, Metric, Verdict
from soakwatch.core.window import ErrorCount, Exemplar, LoadSample, Window
from soakwatch.detector.compare import compare_runs
from soakwatch.detector.run_data import RunData

CART = Series("staging", "nightly", "cart", "GET", "/cart")
ORDER = Series("staging", "nightly", "order", "POST", "/order")
START = 1_000.0
RUN = Run("run", "staging", "nightly", START, START + 640.0, 20)


def window_of(
    start: float, good: Sequence[float] = (20.0,), bad: Sequence[float] = (), series: Series = CART, source: str = "a"
) -> Window:
    everything = [*good, *bad]
    return Window(
        *(series, "run", source, start, 10.0, len(everything), len(bad), sum(everything), sum(bad)),
        *(min(everything, default=None), max(everything, default=None), Histogram.of(good), Histogram.of(bad)),
        bytes=len(everything),
        exemplar=Exemplar(start + 1, max(everything)) if everything else None,
    )


def error_of(start: float, kind: str = "HTTP 503", count: int = 1, series: Series = CART) -> ErrorCount:
    return ErrorCount(series, "run", "a", start, kind, count, "503 Service Unavailable")


def load_of(start: float, users: int = 10, source: str = "a", *, saturated: bool = False) -> LoadSample:
    return LoadSample(
        *("staging", "nightly", "run", source, start, 10.0, users, 90.0 if saturated else 30.0, saturated),
        late=Histogram.of([1.0, 250.0 if saturated else 2.0]),
    )


def at(number: int) -> float:
    return START + 10.0 * number


def parts_of(condensed: Sequence[RunSeries | RunLoad]) -> tuple[RunLoad, list[RunSeries]]:
    (load,) = [one for one in condensed if isinstance(one, RunLoad)]
    return load, [one for one in condensed if isinstance(one, RunSeries)]


# One process, a short run: blocks are the windows


def test_of_a_short_run_every_window_stays() -> None:
    windows = [window_of(at(number), [10.0 + number], [500.0]) for number in range(MOST_BLOCKS)]
    load, (cart,) = parts_of(condense(RUN, windows, [], [load_of(at(0))]))
    assert cart == RunSeries(CART, "run", tuple(replace(one, source="") for one in windows))
    assert load == RunLoad("staging", "nightly", "run", (replace(load_of(at(0)), source=""),))


def test_the_load_comes_first_then_each_series_in_order() -> None:
    windows = [window_of(at(0), series=series) for series in (ORDER, CART)]
    load, cart, order = condense(RUN, windows, [], [])
    assert load == RunLoad("staging", "nightly", "run", ())
    assert isinstance(cart, RunSeries)
    assert isinstance(order, RunSeries)
    assert (cart.series, order.series) == (CART, ORDER)


def test_processes_are_added_up() -> None:
    windows = [window_of(at(0), [10.0]), window_of(at(0), [30.0], [5.0], source="b")]
    samples = [load_of(at(0), 10), load_of(at(0), 11, "b", saturated=True)]
    errors = [error_of(at(0), count=2), replace(error_of(at(0), count=3), source="b")]
    load, (cart,) = parts_of(condense(RUN, windows, errors, samples))
    (block,), (sample,), (error,) = cart.blocks, load.blocks, cart.errors
    assert (block.count, block.failures, block.sum, block.hist) == (3, 1, 45.0, Histogram.of([10.0, 30.0]))
    assert (sample.users, sample.cpu, sample.saturated) == (21, 120.0, True)
    assert (error.count, error.source) == (5, "")


# A long run: blocks are neighbouring windows


def test_of_a_long_run_neighbours_are_joined_and_their_peaks_kept() -> None:
    windows = [window_of(at(number), [10.0]) for number in range(3 * MOST_BLOCKS)]
    samples = [load_of(at(number), users=number) for number in range(3 * MOST_BLOCKS)]
    load, (cart,) = parts_of(condense(RUN, windows, [], samples))
    assert [block.start for block in cart.blocks] == [at(3 * number) for number in range(MOST_BLOCKS)]
    assert {(block.count, block.width, block.sum) for block in cart.blocks} == {(3, 30.0, 30.0)}
    assert [block.users for block in load.blocks] == [3 * number + 2 for number in range(MOST_BLOCKS)]


def test_all_series_and_the_load_have_the_same_blocks_and_idle_ones_are_left_out() -> None:
    windows = [window_of(at(number)) for number in range(200)]
    windows += [window_of(at(number), series=ORDER) for number in (0, 7, 150)]
    load, (cart, order) = parts_of(condense(RUN, windows, [], [load_of(at(number)) for number in range(200)]))
    starts = [block.start for block in cart.blocks]
    assert starts == [block.start for block in load.blocks]
    assert [block.start for block in order.blocks] == [at(0), at(4), at(148)]
    assert set(starts) >= {block.start for block in order.blocks}


def test_in_a_block_that_is_not_saturated_the_generators_own_times_are_left_out_but_its_requests_count() -> None:
    windows = [window_of(at(number), [9_000.0 if number == 1 else 10.0], [1.0]) for number in range(4 * MOST_BLOCKS)]
    samples = [load_of(at(number), saturated=number == 1) for number in range(4 * MOST_BLOCKS)]
    load, (cart,) = parts_of(condense(RUN, windows, [], samples))
    first = cart.blocks[0]
    assert not load.blocks[0].saturated
    assert (first.count, first.failures, first.fail_sum) == (8, 4, 4.0)
    assert (first.hist, first.sum) == (Histogram.of([10.0] * 3), 34.0)


def test_a_block_that_is_mostly_saturated_keeps_its_times_and_says_so() -> None:
    windows = [window_of(at(number), [9_000.0]) for number in range(4 * MOST_BLOCKS)]
    samples = [load_of(at(number), saturated=number in {1, 2, 3}) for number in range(4 * MOST_BLOCKS)]
    load, (cart,) = parts_of(condense(RUN, windows, [], samples))
    assert [block.saturated for block in load.blocks] == [True] + [False] * (MOST_BLOCKS - 1)
    assert cart.blocks[0].hist == Histogram.of([9_000.0] * 4)


# Nothing is lost

starts = st.integers(0, 300).map(at)
times = st.lists(st.floats(0, 1e5), max_size=4)
all_series = st.sampled_from([CART, ORDER])
some_windows = st.lists(
    st.builds(window_of, starts, times, times, all_series, st.sampled_from("ab")),
    unique_by=lambda one: (one.start, one.series, one.source),
    max_size=150,
)
some_errors = st.lists(st.builds(error_of, starts, st.sampled_from("xy"), st.integers(1, 9), all_series), max_size=30)
some_load = st.lists(
    st.builds(load_of, starts, st.integers(0, 9), st.sampled_from("ab"), saturated=st.booleans()),
    unique_by=lambda one: (one.start, one.source),
    max_size=60,
)


@settings(deadline=None)
@given(some_windows, some_errors, some_load)
def test_all_requests_failures_and_errors_are_kept_in_at_most_64_blocks(
    windows: list[Window], errors: list[ErrorCount], samples: list[LoadSample]
) -> None:
    load, series = parts_of(condense(RUN, windows, errors, samples))
    blocks = [block for one in series for block in one.blocks]
    assert totals(blocks) == totals(windows)
    assert kinds(error for one in series for error in one.errors) == kinds(errors)
    assert len({block.start for block in blocks} | {sample.start for sample in load.blocks}) <= MOST_BLOCKS
    assert all({block.run, block.source} == {"run", ""} for block in blocks)
    assert all(len({block.start for block in one.blocks}) == len(one.blocks) for one in series)


def totals(windows: Sequence[Window]) -> dict[Series, tuple[int, int, int, Histogram]]:
    parts = {series: [one for one in windows if one.series == series] for series in {one.series for one in windows}}
    return {
        series: (
            *(sum(one.count for one in group), sum(one.failures for one in group), sum(one.bytes for one in group)),
            Histogram.merge(one.fail_hist for one in group),
        )
        for series, group in parts.items()
    }


def kinds(errors: Iterable[ErrorCount]) -> Counter[tuple[Series, str]]:
    counted: Counter[tuple[Series, str]] = Counter()
    for error in errors:
        counted[error.series, error.kind] += error.count
    return counted


def test_errors_are_kept_also_where_no_window_arrived() -> None:
    _, (cart,) = parts_of(condense(RUN, [], [error_of(at(3), count=4)], []))
    assert cart == RunSeries(CART, "run", (), (replace(error_of(at(3), count=4), source=""),))


def test_of_many_kinds_of_errors_the_most_frequent_are_told_apart_and_the_others_are_counted_together() -> None:
    # a message with an order's number in it makes each error a kind of its own
    rare = [error_of(at(place % 100), f"order {place} is gone") for place in range(3_000)]
    often = [error_of(at(place), f"HTTP {500 + place % MOST_KINDS}", 50) for place in range(100)]
    _, (cart,) = parts_of(condense(RUN, [window_of(at(place)) for place in range(100)], [*rare, *often], []))
    told = kinds(cart.errors)
    assert {kind for _, kind in told} == {*(f"HTTP {500 + kind}" for kind in range(MOST_KINDS)), "other"}
    assert (told[CART, "other"], sum(told.values())) == (3_000, 3_000 + 5_000)
    assert len(cart.errors) <= MOST_BLOCKS * (MOST_KINDS + 1)


# Runs compare as before


def a_run(name: str, seed: int, windows: int, change: Callable[[int], tuple[float, int]], hot: set[int]) -> RunData:
    """Two processes with a ramp of users; `change` gives the median and the failures of each window."""
    random = np.random.default_rng(seed)
    measured = [
        window_of(
            at(number),
            np.exp(random.normal(np.log(change(number)[0]), 0.4, 15)).tolist(),
            [3.0] * (int(random.integers(0, 2)) + change(number)[1]),
            series,
            source,
        )
        for number in range(windows)
        for series in (CART, ORDER)
        for source in "ab"
    ]
    errors = [
        replace(error_of(one.start, count=one.failures, series=one.series), source=one.source)
        for one in measured
        if one.failures
    ]
    samples = [
        load_of(at(number), 10 if number > 2 else 3 * number, source, saturated=number in hot and source == "a")
        for number in range(windows)
        for source in "ab"
    ]
    return renamed(RunData(replace(RUN, end=at(windows)), measured, errors, samples), name)


def renamed(data: RunData, name: str) -> RunData:
    return RunData(
        replace(data.run, id=name),
        [replace(one, run=name) for one in data.windows],
        [replace(one, run=name) for one in data.errors],
        [replace(one, run=name) for one in data.load],
    )


def in_blocks(data: RunData) -> RunData:
    load, series = parts_of(condense(data.run, data.windows, data.errors, data.load))
    blocks = [block for one in series for block in one.blocks]
    return RunData(data.run, blocks, [error for one in series for error in one.errors], load.blocks)


CHANGES: dict[str, Callable[[int], tuple[float, int]]] = {
    "nothing": lambda _: (80.0, 0),
    "slower": lambda _: (110.0, 0),
    "slower in the end": lambda number: (80.0 if number < 30 else 160.0, 0),
    "failing": lambda _: (80.0, 2),
}
HOT: dict[str, set[int]] = {"idle": set(), "hot at times": {7, 8, 20}, "hot": set(range(60))}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("hot", HOT)
def test_a_run_of_at_most_64_windows_gets_the_same_verdicts_when_its_raw_windows_are_gone(
    change: str, hot: str
) -> None:
    before = a_run("before", 1, 40, CHANGES["nothing"], set())
    after = a_run("after", 2, MOST_BLOCKS, CHANGES[change], HOT[hot])
    found, again = compare(before, after), compare(in_blocks(before), in_blocks(after))
    assert [said(one) for one in again.verdicts] == [said(one) for one in found.verdicts]
    for one, other in zip(again.verdicts, found.verdicts, strict=True):
        assert numbers(one) == pytest.approx(numbers(other), rel=1e-9, nan_ok=True)
    assert again.errors == found.errors
    assert again.timelines == found.timelines


@pytest.mark.parametrize("change", ["slower", "failing"])
def test_of_a_long_run_what_regressed_is_told_as_well_from_its_blocks(change: str) -> None:
    before = in_blocks(a_run("before", 1, 300, CHANGES["nothing"], set()))
    after = in_blocks(a_run("after", 2, 300, CHANGES[change], set()))
    wanted = {"slower": {Metric.P50, Metric.P95, Metric.MEAN}, "failing": {Metric.ERROR_RATE}}[change]
    found = {verdict.metric for verdict in compare(before, after).regressions}
    assert wanted <= found


def test_of_a_long_run_that_is_as_before_nothing_regressed_in_its_blocks() -> None:
    before, after = (in_blocks(a_run(name, seed, 300, CHANGES["nothing"], set())) for seed, name in enumerate("ab"))
    assert {verdict.decision for verdict in compare(before, after).verdicts} <= {Decision.SAME, Decision.UNKNOWN}


def compare(before: RunData, after: RunData) -> Comparison:
    return compare_runs([before], after, ComparisonSection())


def said(verdict: Verdict) -> tuple[object, ...]:
    return verdict.series, verdict.metric, verdict.decision, verdict.severity, verdict.reason


def numbers(verdict: Verdict) -> list[float]:
    effect = verdict.effect
    bounds = (effect.value, effect.low, effect.high) if effect else ()
    return [np.nan if one is None else one for one in (verdict.baseline, verdict.current, verdict.p, *bounds)]
