"""The histogram is exact to 1.1 %, however samples are split, merged and stored."""

import math
import random
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soakwatch.core.histogram import RELATIVE_ERROR, Histogram
from soakwatch.core.series import Series
from soakwatch.core.window import Window
from soakwatch.store import rows
from soakwatch.store.sqlite import SqliteStore

PROMISE = 0.011

HOURS = 48 * 3600 * 1000.0
times_in_ms = st.just(0.0) | st.floats(1e-3, HOURS) | st.integers(1, 10_000).map(float)
samples = st.lists(times_in_ms, min_size=1, max_size=300)
quantiles = st.sampled_from([0.0, 0.01, 0.1, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0]) | st.floats(0, 1)


def order_statistic(sample: list[float], q: float) -> float:
    return sorted(sample)[max(1, math.ceil(q * len(sample))) - 1]


def assert_within_promise(histogram: Histogram, sample: list[float], q: float) -> None:
    exact, found = order_statistic(sample, q), histogram.quantile(q)
    assert found is not None
    assert abs(found - exact) <= PROMISE * exact


def splits(sample: list[float], seed: int) -> list[list[float]]:
    generator = random.Random(seed)
    shuffled = generator.sample(sample, len(sample))
    cuts = sorted(generator.choices(range(len(sample) + 1), k=generator.randint(0, 6)))
    return [shuffled[low:high] for low, high in zip([0, *cuts], [*cuts, len(sample)], strict=True)]


@given(samples, quantiles)
def test_any_quantile_of_any_sample_is_within_the_promise(sample: list[float], q: float) -> None:
    assert_within_promise(Histogram.of(sample), sample, q)


@given(st.lists(st.floats(1e-300, 1e300), min_size=1, max_size=50), quantiles)
def test_the_promise_holds_far_beyond_any_response_time(sample: list[float], q: float) -> None:
    assert_within_promise(Histogram.of(sample), sample, q)


@pytest.mark.parametrize("index", [-1000, -33, -32, -1, 0, 1, 31, 32, 33, 700])
@pytest.mark.parametrize("neighbour", [-1, 0, 1])
def test_the_edges_of_the_buckets_keep_the_promise(index: int, neighbour: int) -> None:
    edge = 2.0 ** (index / 32)
    time = math.nextafter(edge, math.inf * neighbour) if neighbour else edge
    found = Histogram.of([time]).quantile(0.5)
    assert found is not None
    assert abs(found - time) <= RELATIVE_ERROR * 1.000_001 * time


@given(samples, quantiles, st.integers())
def test_merging_any_split_in_any_order_is_the_histogram_of_the_whole(sample: list[float], q: float, seed: int) -> None:
    parts = [Histogram.of(part) for part in splits(sample, seed)]
    merged = Histogram.merge(parts)
    assert merged == Histogram.of(sample)
    assert merged.count == len(sample)
    assert_within_promise(merged, sample, q)


@given(samples, st.integers())
def test_merging_in_steps_is_merging_at_once(sample: list[float], seed: int) -> None:
    first, *rest = [Histogram.of(part) for part in splits(sample, seed)]
    for part in rest:
        first = Histogram.merge([part, first])
    assert first == Histogram.of(sample)


@given(samples, quantiles)
def test_written_and_read_it_is_the_same(sample: list[float], q: float) -> None:
    read = Histogram.decode(Histogram.of(sample).encode())
    assert read == Histogram.of(sample)
    assert_within_promise(read, sample, q)


@given(st.integers(0, 2**80), st.dictionaries(st.integers(-(2**40), 2**40), st.integers(1, 2**80), max_size=20))
def test_any_counts_are_written_and_read_the_same(zeros: int, buckets: dict[int, int]) -> None:
    histogram = Histogram(zeros, buckets)
    assert Histogram.decode(histogram.encode()) == histogram


@given(st.lists(st.tuples(samples, samples), min_size=1, max_size=4), quantiles)
def test_what_the_spool_keeps_merges_to_the_promise(windows: list[tuple[list[float], list[float]]], q: float) -> None:
    points = rows.decode(rows.encode([window_of(number, *parts) for number, parts in enumerate(windows)]))
    merged = Histogram.merge(point.responses for point in points if isinstance(point, Window))
    assert_within_promise(merged, [time for parts in windows for part in parts for time in part], q)


def test_what_the_store_keeps_merges_to_the_promise(tmp_path: Path) -> None:
    generator = random.Random(7)
    sample = [generator.lognormvariate(4, 2) for _ in range(5_000)] + [0.0] * 50
    parts = splits(sample, seed=7)
    with SqliteStore.create(tmp_path / "soakwatch.db") as store:
        store.write([window_of(number, part, []) for number, part in enumerate(parts)])
        merged = Histogram.merge(window.responses for window in store.windows("run"))
    assert merged == Histogram.of(sample)
    for percent in range(101):
        assert_within_promise(merged, sample, percent / 100)


def window_of(number: int, succeeded: list[float], failed: list[float]) -> Window:
    series = Series("perf", "shop", "cart", "GET", "/cart")
    hist, fail_hist = Histogram.of(succeeded), Histogram.of(failed)
    return Window(
        *(series, "run", "source", 10.0 * number, 10.0),
        count=len(succeeded) + len(failed),
        failures=len(failed),
        hist=hist,
        fail_hist=fail_hist,
    )


def test_zero_comes_back_as_exactly_zero() -> None:
    assert Histogram.of([0.0, 0.0, 5.0]).quantile(0.5) == 0.0


@given(samples, st.lists(st.sampled_from([math.nan, math.inf, -math.inf, -1.0, -1e-9]), min_size=1, max_size=5))
def test_nan_infinite_and_negative_times_are_left_out(sample: list[float], nonsense: list[float]) -> None:
    assert Histogram.of([*nonsense, *sample, *nonsense]) == Histogram.of(sample)


def test_an_empty_histogram_has_no_quantile() -> None:
    assert Histogram().quantile(0.5) is None
    assert Histogram.merge([]).count == 0
    assert Histogram.decode(Histogram().encode()) == Histogram()


@pytest.mark.parametrize("q", [-0.1, 1.1, math.nan])
def test_a_quantile_outside_of_zero_to_one_is_an_error(q: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        Histogram.of([1.0]).quantile(q)


@given(st.text(max_size=40) | st.binary(max_size=30).map(lambda data: data.decode("latin-1")))
def test_any_other_text_is_refused_or_a_histogram_and_nothing_else_happens(text: str) -> None:
    with suppress(ValueError):
        Histogram.decode(text)


def test_a_newer_encoding_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="not a histogram of encoding 1"):
        Histogram.decode("AgA=")  # version 2, no zeros


@given(st.floats(1e-3, HOURS), st.integers(1, 100))
def test_a_window_never_shows_a_quantile_beyond_its_extremes(time: float, count: int) -> None:
    hist = Histogram.of([time] * count)
    window = Window(
        Series("", "", "", "", ""), "run", "source", 0.0, 10.0, count=count, min=time, max=time, hist=hist
    )  # fmt: skip
    assert {window.quantile(q) for q in (0.0, 0.5, 0.95, 1.0)} == {time}
