"""The laws that the detector's formulas keep, and published values of those that are published."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soakwatch.core.histogram import RELATIVE_ERROR, Histogram
from soakwatch.core.run import Run
from soakwatch.core.series import Series
from soakwatch.core.verdict import QUANTILES, Metric
from soakwatch.core.window import LoadSample, Window
from soakwatch.detector.adjustment import holm
from soakwatch.detector.between_runs import run_variance
from soakwatch.detector.dependence import Spread, spread_of_sum
from soakwatch.detector.level import Level, response_time
from soakwatch.detector.load import steady_users, users_by_start, warm_up_end, was_saturated
from soakwatch.detector.proportions import newcombe, wilson
from soakwatch.detector.run_data import RunData
from soakwatch.detector.sample import Sample, sample_of
from soakwatch.detector.steady_run import steady_part

SERIES = Series("staging", "nightly", "shop", "GET", "/a")
TIMES = st.floats(0.01, 1e7) | st.just(0.0)
NOT_KNOWN = Spread(0.0, float("inf"))


def window(start: float, times: list[float]) -> Window:
    return Window(SERIES, "a", "one", start, 1.0, len(times), sum=sum(times), hist=Histogram.of(times))


def sample(windows: list[list[float]]) -> Sample:
    return sample_of([window(float(n), times) for n, times in enumerate(windows)], np.arange(len(windows), dtype=float))


def load(users: list[int], saturated: int = 0) -> list[LoadSample]:
    return [
        LoadSample("e", "t", "a", "one", float(n), 1.0, total, 0.0, n >= len(users) - saturated)
        for n, total in enumerate(users)
    ]


@given(st.lists(st.lists(TIMES, min_size=1, max_size=30), min_size=1, max_size=8), st.sampled_from(list(QUANTILES)))
def test_a_quantile_is_within_a_bucket_of_the_merged_histogram_s(windows: list[list[float]], metric: Metric) -> None:
    level = response_time(sample(windows), metric)
    merged = Histogram.merge(Histogram.of(times) for times in windows).quantile(QUANTILES[metric])
    assert level
    assert merged is not None
    assert level.value == pytest.approx(merged, rel=2.01 * RELATIVE_ERROR, abs=1e-12)


@given(st.lists(st.lists(TIMES, min_size=1, max_size=30), min_size=1, max_size=8))
def test_the_mean_is_exact_down_to_the_resolution(windows: list[list[float]]) -> None:
    level = response_time(sample(windows), Metric.MEAN)
    assert level
    assert level.value == pytest.approx(np.mean([t for times in windows for t in times]), rel=1e-9, abs=0.0011)


def test_quantiles_move_smoothly_within_a_bucket() -> None:
    times = np.exp(np.random.default_rng(0).normal(4, 0.4, (2, 20_000)))
    levels = [response_time(sample([(times[0] * factor).tolist()]), Metric.P50) for factor in (1.0, 1.004, 1.008)]
    steps = np.diff([level.log for level in levels if level])
    assert steps == pytest.approx([0.004, 0.004], abs=0.001)


def test_holm_gives_the_values_of_a_worked_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_adjusted_p_values_keep_their_order_and_lie_between_plain_and_bonferroni(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(p <= q <= min(1.0, p * len(p_values)) for p, q in zip(p_values, adjusted, strict=True))
    assert sorted(adjusted) == [q for _, q in sorted(zip(p_values, adjusted, strict=True))]


@pytest.mark.parametrize(
    ("failures", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_newcombe_s_published_intervals(failures: int, n: int, low: float, high: float) -> None:
    assert wilson(failures / n, n) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("after", "before", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_newcombe_gives_the_published_intervals_of_method_10(
    after: tuple[int, int], before: tuple[int, int], low: float, high: float
) -> None:
    found = newcombe(before[0] / before[1], before[1], after[0] / after[1], after[1])
    assert found == pytest.approx((low, high), abs=5e-5)


def test_the_spread_of_independent_windows_is_the_plain_one_on_average() -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(400, 30))
    estimates = [spread_of_sum(row - row.mean()).variance for row in rows]
    assert np.median(estimates) == pytest.approx(30, rel=0.25)


@pytest.mark.parametrize("count", [30, 600])
def test_the_spread_of_correlated_windows_is_nearly_that_of_their_sums(count: int) -> None:
    random = np.random.default_rng(0)
    rows = np.zeros((400, count))
    state = random.normal(size=400)
    for n in range(count):
        state = 0.6 * state + 0.8 * random.normal(size=400)
        rows[:, n] = state
    estimates = [spread_of_sum(row - row.mean()).variance for row in rows]
    assert np.median(estimates) == pytest.approx(rows.sum(axis=1).var(), rel=0.35)


def test_variation_between_runs_is_the_configured_one_until_three_runs_say_otherwise() -> None:
    def levels(*logs: float) -> list[Level]:
        return [Level(log, NOT_KNOWN, NOT_KNOWN) for log in logs]

    assert run_variance(levels(4.0, 5.0), 0.03).variance == pytest.approx(0.0009)
    assert run_variance(levels(4.0, 4.0, 4.0), 0.03).variance < 0.0009
    assert run_variance(levels(4.0, 4.2, 3.8), 0.03).variance > 0.0009


def test_warm_up_ends_with_the_window_that_first_has_all_users() -> None:
    assert warm_up_end(users_by_start(load([5, 10, 20, 20])), 20) == 2.0
    assert warm_up_end(users_by_start([*load([5, 10, 10]), *load([5, 5, 10])]), 20) == 2.0
    assert warm_up_end({}, 20) == -np.inf


def test_warm_up_of_a_run_that_misses_its_target_ends_near_its_peak() -> None:
    assert warm_up_end(users_by_start(load([5, 10, 97, 100])), 200) == 2.0
    assert warm_up_end(users_by_start(load([5, 10, 97, 100])), 0) == 2.0


def test_users_are_those_after_the_warm_up_and_before_the_stop() -> None:
    assert steady_users(users_by_start(load([5, 20, 20, 30, 0])), 0.0, 20) == pytest.approx(70 / 3)
    assert steady_users({}, -np.inf, 20) == 20.0
    assert steady_users({}, -np.inf, 0) is None


def test_a_run_is_saturated_when_its_load_generator_was_for_most_of_the_time() -> None:
    assert not was_saturated(load([20] * 20, saturated=10), -np.inf)
    assert was_saturated(load([20] * 20, saturated=11), -np.inf)
    assert not was_saturated([], -np.inf)


def test_only_the_covered_part_of_the_first_and_last_window_counts() -> None:
    data = RunData(Run("a", "e", "t", 0.25, 2.5), [window(float(n), [1.0]) for n in range(3)])
    assert steady_part(data).seconds.tolist() == [0.75, 1.0, 0.5]


def test_windows_without_a_request_count_for_the_time_that_passed() -> None:
    data = RunData(Run("a", "e", "t", 0.0, 4.0, 20), [window(1.0, [1.0])], (), load([20, 20, 20, 20]))
    steady = steady_part(data)
    assert steady.seconds.sum() == 3.0
    assert steady.samples["shop", "GET", "/a"].requests.tolist() == [1.0, 0.0, 0.0]


def test_an_interval_of_a_median_has_its_coverage() -> None:
    random = np.random.default_rng(1)
    inside = 0
    for _ in range(300):
        level = response_time(sample(np.exp(random.normal(4, 0.5, (30, 12))).tolist()), Metric.P50)
        assert level
        low = level.log - 2.05 * level.below.variance**0.5
        high = level.log + 2.05 * level.above.variance**0.5
        inside += low <= 4 <= high
    assert 0.92 <= inside / 300 <= 0.995


def test_joining_the_windows_of_a_long_run_loses_nothing() -> None:
    data = RunData(Run("a", "e", "t", 0.0, 1000.0), [window(float(n), [1.0 + n]) for n in range(1000)])
    steady = steady_part(data)
    joined = steady.samples["shop", "GET", "/a"]
    assert steady.starts.size <= 256
    assert steady.seconds.sum() == joined.requests.sum() == joined.successes.sum() == 1000
    assert joined.success_sum.sum() == sum(1.0 + n for n in range(1000))
    assert (joined.requests <= 4).all()
