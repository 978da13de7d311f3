"""What `power` computes with: searches, a past out of sample, and the same decisions as the detector's own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from observed_history import observations_of

from soakwatch.core.detector_settings import DetectorSection
from soakwatch.core.histogram import BUCKETS_PER_OCTAVE
from soakwatch.demo.history_plan import HistoryPlan
from soakwatch.demo.simulated_history import SimulatedHistory
from soakwatch.detector.counting_noise import counting_variance, shrinks
from soakwatch.detector.engine import Engine
from soakwatch.detector.error_persistence import WIDTHS, is_many, persistent_width
from soakwatch.detector.metrics import TIMES, badness
from soakwatch.detector.minutes_of_a_day import MinutesOfADay
from soakwatch.detector.observation import Observation
from soakwatch.detector.power_search import found_in_most, smallest_found
from soakwatch.detector.power_slow import Gates, Past, SlowPower
from soakwatch.detector.power_trials import Moments, out_of_sample
from soakwatch.detector.robust_regression import ridge_of
from soakwatch.detector.sample import FloatArray
from soakwatch.detector.season import Season
from soakwatch.detector.slow_bounds import SlowBounds
from soakwatch.detector.slow_layer import judge_levels
from soakwatch.detector.timing import Timing
from soakwatch.detector.usual_moves import usual_moves

SETTINGS = DetectorSection()
TIMING = Timing.of(SETTINGS)
DAYS = 8
PLAN = HistoryPlan(seed=11, series=2, days=DAYS, services=2)


@pytest.fixture(scope="module")
def learnt() -> tuple[Engine, MinutesOfADay]:
    """An engine after eight quiet days, and the last of them minute by minute."""
    engine, day = Engine.begin(SETTINGS), MinutesOfADay(PLAN.endpoints, PLAN.span.end, TIMING)
    for observation in observations_of(SimulatedHistory(PLAN)):
        engine.observe(observation)
        day.take(observation)
    return engine, day


@given(st.lists(st.floats(0.02, 3.0), min_size=1, max_size=20))
def test_the_search_comes_as_near_to_each_threshold_as_it_says(thresholds: list[float]) -> None:
    known = np.array(thresholds)
    low, high = np.full(known.size, 0.01), np.full(known.size, 2.0)
    found = smallest_found(lambda size: size >= known, low, high, 8)
    near = (2.0 / 0.01) ** (0.5**8)
    missed = known > 2.0
    assert np.isinf(found[missed]).all()
    assert (np.maximum(found / known, known / found)[~missed] <= near * (1 + 1e-9)).all()


def test_a_new_trial_is_below_what_is_found_in_most_in_four_of_five_cases() -> None:
    random = np.random.default_rng(1)
    shares = [(random.random() <= found_in_most(random.random(19))) for _ in range(4_000)]
    assert abs(np.mean(shares) - 0.8) < 0.02


def test_what_more_than_a_fifth_of_the_trials_miss_is_not_found() -> None:
    assert found_in_most(np.array([1.0] * 75 + [np.inf] * 25)) == np.inf
    assert found_in_most(np.array([1.0] * 90 + [np.inf] * 10)) == 1.0


def test_a_day_that_is_left_out_is_what_a_fit_to_the_other_days_leaves_of_it() -> None:
    season, random = Season.of(SETTINGS), np.random.default_rng(2)
    design = season.design(600.0 * np.arange(9 * 144, dtype=np.float64))
    levels, ridge = random.normal(0, 1, (1, len(design))).cumsum(axis=1) / 30, ridge_of(design.shape[1])
    fitted = np.linalg.solve(design.T @ design + ridge, design.T @ levels[0])
    left = out_of_sample(levels - design @ fitted, design, ridge, 144)
    others, day = np.ones(len(design), dtype=bool), slice(3 * 144, 4 * 144)
    others[day] = False
    again = np.linalg.solve(design[others].T @ design[others] + ridge, design[others].T @ levels[0, others])
    assert left[0, day] == pytest.approx(levels[0, day] - design[day] @ again)


def test_slow_power_is_asked_what_the_slow_layer_decides() -> None:
    bounds, random = SlowBounds.of(SETTINGS, TIMING, 10), np.random.default_rng(3)
    design = Season.of(SETTINGS).design(600.0 * np.arange(12 * 144, dtype=np.float64))
    residuals = random.normal(0, 0.01, (4, len(design)))
    usual = usual_moves(residuals[None], bounds)
    least = np.full((1, 4), np.log1p(0.05))
    # so much is known that the baseline learns next to nothing of the fault
    past = Past(
        residuals, design, 1e9 * ridge_of(design.shape[1]) + 1e9 * np.eye(design.shape[1]), np.full(4, 0.01), 144
    )
    moments = Moments(np.array([1_000, 1_200]), np.array([0, 0]))
    power = SlowPower.of(past, moments, Gates(usual, least, bounds), random)
    for size in (0.005, 0.02, 0.04, 0.06, 0.1):
        told = []
        for block in moments.blocks.tolist():
            shifted = residuals + size * (np.arange(residuals.shape[1]) >= block)
            ends = range(block + 60, block + 145, 4)
            told.append(
                any(
                    judge_levels(shifted[None, :, end - bounds.blocks : end], usual, least, bounds).worse.any()
                    for end in ends
                )
            )
        assert power.found(np.full(2, size)).tolist() == told
    assert told == [True, True]


@pytest.mark.parametrize("requests", [30, 300])
def test_counting_noise_is_what_chance_does_to_the_levels_of_minutes(requests: int) -> None:
    random, day = np.random.default_rng(4), MinutesOfADay(PLAN.endpoints[:1], TIMING.day, TIMING)
    values = []
    for minute in range(1440):
        one = _minute_of(random.lognormal(4.6, 0.5, requests), 60.0 * minute)
        day.take(one)
        values.append(badness(one)[0, TIMES])
    # of p99 few requests tell nothing but their largest
    known = [0, 1, 3]
    told = counting_variance(day.of(PLAN.endpoints[0]))
    assert told[known] == pytest.approx(np.var(values, axis=0)[known], rel=0.25)


def _minute_of(times: FloatArray, start: float) -> Observation:
    buckets = np.ceil(np.log2(times) * BUCKETS_PER_OCTAVE).astype(int)
    counts = np.bincount(buckets - buckets.min())[None].astype(float)
    number, total = np.array([float(times.size)]), np.array([times.sum()])
    nothing = np.zeros(1)
    return Observation(start, 60.0, PLAN.endpoints[:1], number, nothing, nothing, total, counts, int(buckets.min()))


@given(st.floats(1e-6, 1.0), st.floats(0.0, 1.0), st.floats(1.0, 10.0))
def test_more_load_makes_what_is_chance_smaller_and_leaves_the_rest(
    variance: float, share: float, times: float
) -> None:
    factor = float(shrinks(np.array(variance), np.array(share * variance), times))
    assert factor**2 * variance == pytest.approx(variance - share * variance * (1 - 1 / times))


@given(st.integers(0, 12), st.floats(1e-6, 0.05))
def test_bad_steps_that_are_too_few_wherever_they_lie_are_never_enough(number: int, chance: float) -> None:
    bad = np.arange(WIDTHS[0]) < number
    if not is_many(number, WIDTHS[0], chance, 1e-7):
        assert persistent_width(bad, bad.astype(float), chance, WIDTHS[0], 1e-7) == 0


def test_the_same_history_gives_the_same_numbers_whichever_endpoint_is_asked_first(
    learnt: tuple[Engine, MinutesOfADay],
) -> None:
    engine, day = learnt
    first, second = PLAN.endpoints
    one, other = engine.power(day, 1), engine.power(day, 1)
    other.of(second)
    assert one.of(first) == other.of(first)


def test_a_day_finds_what_an_hour_finds_and_more_and_with_twice_the_load_slowdowns_that_are_smaller(
    learnt: tuple[Engine, MinutesOfADay],
) -> None:
    engine, day = learnt
    for series in PLAN.endpoints:
        power = engine.power(day).of(series)
        assert power.reason == ""
        for sight in (power.slowdown, power.slowdown_doubled, power.errors, power.errors_doubled):
            assert sight is not None
            assert sight.day <= sight.hour < np.inf
        assert power.slowdown is not None
        assert power.slowdown_doubled is not None
        assert power.slowdown_doubled.hour < power.slowdown.hour
        assert power.slowdown_doubled.day <= power.slowdown.day
        assert 0.05 <= power.slowdown.day < power.slowdown.hour < 0.4
        assert power.errors is not None
        assert 0.003 <= power.errors.day <= power.errors.hour < 0.015


def test_nothing_is_told_of_what_is_still_learnt_or_was_not_tested_in_the_last_day(
    learnt: tuple[Engine, MinutesOfADay],
) -> None:
    engine, _ = learnt
    empty = MinutesOfADay(PLAN.endpoints, PLAN.span.end, TIMING)
    assert "last day" in engine.power(empty).of(PLAN.endpoints[0]).reason
    young = Engine.begin(SETTINGS)
    for observation in observations_of(SimulatedHistory(HistoryPlan(seed=11, series=2, days=1, services=2))):
        young.observe(observation)
    power = young.power(empty).of(PLAN.endpoints[0])
    assert (power.slowdown, power.errors) == (None, None)
    assert "learnt" in power.reason
