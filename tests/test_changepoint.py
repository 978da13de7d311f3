from math import exp, isfinite, log, log1p

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from soakwatch.detector.change_votes import Method
from soakwatch.detector.changepoint import ChangePoint, find_change_points, locate_change

Array = npt.NDArray[np.float64]

DAY = 144
"""Ten-minute points."""


def sticky(random: np.random.Generator, points: int, correlation: float, deviation: float) -> Array:
    """An autoregressive level; shape (points,)."""
    shocks = random.standard_normal(points + 500) * deviation * np.sqrt(1 - correlation**2)
    return np.asarray(lfilter([1.0], [1.0, -correlation], shocks)[500:], np.float64)


def week(seed: int, days: int = 7, noise: float = 0.05) -> Array:
    """Response times in ms with a daily season, some autocorrelation, and a spike now and then."""
    random = np.random.default_rng(seed)
    moment = np.arange(days * DAY)
    season = 0.15 * np.sin(2 * np.pi * moment / DAY) + 0.05 * np.cos(4 * np.pi * moment / DAY)
    spikes = np.where(random.random(moment.size) < 0.01, random.uniform(0.3, 1.5, moment.size), 0.0)
    return np.asarray(120 * np.exp(season + spikes + sticky(random, moment.size, 0.3, noise)), np.float64)


def slower(values: Array, at: int, by: float) -> Array:
    return np.where(np.arange(values.size) >= at, values * (1 + by), values)


@pytest.mark.parametrize("seed", range(8))
def test_a_quiet_week_is_silent(seed: int) -> None:
    assert find_change_points(week(seed), DAY) == []


@pytest.mark.parametrize("seed", range(4))
def test_a_level_that_wanders_for_hours_is_no_change(seed: int) -> None:
    values = week(seed, days=14, noise=0.03)
    eight_hours = exp(-1 / 48)
    wander = sticky(np.random.default_rng(seed + 100), values.size, eight_hours, 0.03)

    assert find_change_points(values * np.exp(wander), DAY) == []


@pytest.mark.parametrize("seed", range(4))
def test_neighbours_that_resemble_each_other_are_no_change(seed: int) -> None:
    assert find_change_points(np.exp(4 + sticky(np.random.default_rng(seed), 1000, 0.7, 0.05))) == []


def test_a_job_that_runs_an_hour_every_night_is_no_change_and_hides_none() -> None:
    values = week(3)
    nightly = np.where(np.arange(values.size) % DAY < 6, values * 2, values)

    assert find_change_points(nightly, DAY) == []
    assert [abs(found.index - 600) <= 6 for found in find_change_points(slower(nightly, 600, 0.1), DAY)] == [True]


@pytest.mark.parametrize("seed", range(4))
def test_a_drift_is_not_a_stair(seed: int) -> None:
    noise = 0.05 * np.random.default_rng(seed).standard_normal(400)

    assert find_change_points(np.exp(4 + noise + np.linspace(0, 0.2, 400))) == []


def test_a_step_is_found_where_it_was_and_its_interval_holds_it() -> None:
    inside, widths = 0, []
    for seed in range(40):
        at = int(np.random.default_rng(seed).integers(2 * DAY, 6 * DAY))
        (found,) = find_change_points(slower(week(seed), at, 0.20), DAY)
        assert abs(found.index - at) <= 6
        assert found.step == pytest.approx(log1p(0.20), abs=0.04)
        inside += found.low <= at <= found.high
        widths.append(found.high - found.low)

    assert inside >= 36
    assert np.median(widths) <= 3


@pytest.mark.parametrize("correlation", [0.0, 0.6])
def test_the_interval_of_a_change_that_somebody_else_found_holds_it(correlation: float) -> None:
    inside = 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        at = int(random.integers(100, 400))
        values = slower(np.exp(4 + sticky(random, 500, correlation, 0.08)), at, 0.20)
        location = locate_change(values, at + 8)
        assert location is not None
        inside += location.low <= at <= location.high

    assert inside >= 55


def test_both_ends_of_a_bad_day_are_found_with_their_signs() -> None:
    values = slower(slower(week(5), 300, 0.5), 300 + DAY, -1 / 3)

    worse, better = find_change_points(values, DAY)

    assert abs(worse.index - 300) <= 2
    assert abs(better.index - 300 - DAY) <= 2
    assert worse.step > 0.3
    assert better.step < -0.3


def _noise(deviation: float = 0.03) -> Array:
    return 4 + deviation * np.random.default_rng(0).standard_normal(400)


def _in_a_sticky_series() -> Array:
    return np.where(np.arange(400) >= 200, 0.2, 0.0) + 4 + sticky(np.random.default_rng(5), 400, 0.85, 0.05)


def _with_spikes_all_around() -> Array:
    levels = _noise()
    levels[200:] += 0.06
    away = np.r_[170:184:2, 216:230:2]
    levels[away] += np.where(np.arange(away.size) % 2, 1.0, -1.0)
    return levels


def _with_spikes_close_by() -> Array:
    levels = _noise()
    levels[200:] += 0.1
    levels[np.arange(190, 212, 7)] += 1.2
    return levels


def _small_among_great_spikes() -> Array:
    levels = _noise()
    levels[200:] += 0.06
    far = np.abs(np.arange(400) - 200) > 15
    levels[far & (np.random.default_rng(2).random(400) < 0.1)] += 3
    return levels


@pytest.mark.parametrize(
    ("levels", "misses"),
    [
        (_in_a_sticky_series(), Method.COST),
        (_with_spikes_all_around(), Method.ENERGY),
        (_with_spikes_close_by(), Method.T),
        (_small_among_great_spikes(), Method.L1),
    ],
    ids=lambda value: value.name if isinstance(value, Method) else "",
)
def test_what_one_method_misses_the_three_others_find(levels: Array, misses: Method) -> None:
    (found,) = find_change_points(np.exp(levels))

    assert abs(found.index - 200) <= 3
    assert set(found.methods) == set(Method) - {misses}


def test_a_change_in_a_gap_may_have_come_anywhere_in_it() -> None:
    values = slower(week(2), 560, 0.3)
    values[500:600] = np.nan

    (found,) = find_change_points(values, DAY)

    assert (found.index, found.low, found.high) == (600, 500, 600)


def test_a_series_that_only_exists_at_night_has_its_change_found() -> None:
    values = slower(week(1, days=14), 1000, 0.4)
    values[np.arange(values.size) % DAY >= 40] = np.nan

    (found,) = find_change_points(values, DAY)

    assert found.low <= 1000 <= found.high
    assert found.index == 7 * DAY


@pytest.mark.parametrize("seed", [1, 17, 21])
def test_whole_milliseconds_are_no_changes_and_hide_none(seed: int) -> None:
    quiet = np.round(np.random.default_rng(seed).normal(10, 0.3, 1008))

    assert find_change_points(quiet) == []
    assert [abs(found.index - 500) <= 2 for found in find_change_points(slower(quiet, 500, 0.2))] == [True]


def test_one_spike_of_a_billion_neither_is_a_change_nor_hides_one() -> None:
    values = week(4)
    values[300] = 1e9

    assert find_change_points(values, DAY) == []
    assert [abs(found.index - 700) <= 3 for found in find_change_points(slower(values, 700, 0.2), DAY)] == [True]


@pytest.mark.parametrize(
    "values",
    [
        [],
        [1.0],
        [1.0, 2.0],
        np.full(1008, 3.0),
        np.zeros(1008),
        np.full(1008, np.nan),
        -week(0),
        np.where(np.arange(1008) == 300, 1e9, 100.0),
        np.full(1008, 1.7e308),
        np.full(1008, 5e-324),
        np.tile([1.0, 2.0], 504),
    ],
    ids=["empty", "one", "two", "constant", "zeros", "nan", "negative", "spike", "largest", "smallest", "alternating"],
)
@pytest.mark.parametrize("period", [None, DAY])
def test_what_has_no_level_to_change_has_no_change(values: npt.ArrayLike, period: int | None) -> None:
    assert find_change_points(values, period) == []


def test_a_constant_series_that_becomes_another_one_changes() -> None:
    (found,) = find_change_points(np.repeat([5.0, 6.0], 500))

    assert found.index == 500
    assert found.step == pytest.approx(log(1.2))


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.one_of(st.floats(), st.sampled_from([0.0, 1.0, 100.0, 101.0, 1e9, float("nan")])), max_size=80),
    repeated=st.integers(1, 5),
    period=st.one_of(st.none(), st.integers(0, 60)),
)
def test_whatever_comes_has_an_outcome(values: list[float], repeated: int, period: int | None) -> None:
    found = find_change_points(np.repeat(values, repeated), period)

    assert [one.index for one in found] == sorted({one.index for one in found})
    assert all(_sound(one, len(values) * repeated) for one in found)


def _sound(found: ChangePoint, size: int) -> bool:
    ordered = 0 < found.low <= found.index <= found.high < size
    return ordered and isfinite(found.step) and len(found.methods) >= 3


@settings(max_examples=20, deadline=None)
@given(unit=st.sampled_from([1e-6, 1e-3, 0.5, 1000.0, 1e6]), by=st.floats(0.15, 2.0), at=st.integers(300, 800))
def test_seconds_change_where_milliseconds_do(unit: float, by: float, at: int) -> None:
    values = slower(week(6), at, by)

    assert [one.index for one in find_change_points(values * unit, DAY)] == [
        one.index for one in find_change_points(values, DAY)
    ]
