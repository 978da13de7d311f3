"""What the slow layer promises of levels that wander by 3 % over eight hours, as ten-minute points."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.signal import lfilter

from soakwatch.core.detector_settings import DetectorSection
from soakwatch.core.incident import Shape
from soakwatch.detector.corroboration import corroboration
from soakwatch.detector.held_level import HeldLevel, examine
from soakwatch.detector.sample import FloatArray
from soakwatch.detector.slow_bounds import SlowBounds
from soakwatch.detector.slow_layer import Levels, judge_levels
from soakwatch.detector.timing import Timing
from soakwatch.detector.usual_moves import UsualMoves, usual_moves

DAY = 144
SERIES = 40
SETTINGS = DetectorSection()
BOUNDS = SlowBounds.of(SETTINGS, Timing.of(SETTINGS), watched=50)
HISTORY = 21 * DAY

Change = Callable[[FloatArray], FloatArray]


def step(size: float) -> Change:
    return lambda days: np.log(1 + size) * (days >= 0)


NO_CHANGE = step(0.0)


def levels(random: np.random.Generator, days: float, change: Change = NO_CHANGE, wander: float = 0.03) -> FloatArray:
    """Three weeks as usual, then `days` with the change, of series with two metrics that share their wander."""
    n = int(HISTORY + days * DAY)
    keeps = np.exp(-1 / 48)
    innovations = random.normal(0, wander * np.sqrt(1 - keeps**2), (SERIES, n))
    innovations[:, 0] = random.normal(0, wander, SERIES)
    wandering = lfilter([1], [1, -keeps], innovations, axis=1) + change((np.arange(n) - HISTORY) / DAY)
    return np.asarray(wandering[:, None, :] + random.normal(0, 1, (SERIES, 2, n)) * np.array([0.015, 0.03])[:, None])


def least(values: FloatArray) -> FloatArray:
    return np.full(values.shape[:2], np.log(1.05))


def judged(values: FloatArray, at: int, usual: UsualMoves) -> Levels:
    return judge_levels(values[..., at - BOUNDS.blocks : at], usual, least(values), BOUNDS)


@cache
def first_told(size: float, days: float = 2.0) -> FloatArray:
    """Hours after the change when each series was first called worse, or better where it is one; infinite if never."""
    values = levels(np.random.default_rng(11), days, step(size))
    told = np.full(SERIES, np.inf)
    for at in range(HISTORY + 3, values.shape[-1], 3):
        if (at - HISTORY - 3) % DAY == 0:
            usual = usual_moves(values[..., :at], BOUNDS)
        found = judged(values, at, usual)
        now = (found.better if size < 0 else found.worse).any(axis=1)
        told[now & np.isinf(told)] = (at - HISTORY) / 6
    return told


@cache
def examined(change: str, days: float) -> list[HeldLevel]:
    shapes = {"step": step(0.1), "creep": lambda days: np.log(1.02) * np.maximum(days, 0)}
    values = levels(np.random.default_rng(12), days, shapes[change])
    usual = usual_moves(values[..., :HISTORY], BOUNDS)
    return [examine(values[row, 0], (row, 0), usual, BOUNDS) for row in range(SERIES)]


def test_ten_percent_that_hold_are_told_within_a_day() -> None:
    assert np.median(first_told(0.1)) <= 24


def test_a_change_of_fifteen_percent_is_told_after_hours_not_minutes() -> None:
    assert 4 <= np.median(first_told(0.15)) <= 14


def test_an_improvement_counts_when_it_has_lasted_most_of_a_day() -> None:
    assert 15 <= np.median(first_told(-0.15)) <= 26


def test_forty_series_that_wander_for_a_week_raise_nothing() -> None:
    values = levels(np.random.default_rng(13), 7.0)
    for at in range(HISTORY, values.shape[-1], 3):
        if (at - HISTORY) % DAY == 0:
            usual = usual_moves(values[..., :at], BOUNDS)
        found = judged(values, at, usual)
        assert not found.worse.any()
        assert not found.better.any()


def test_a_bump_of_two_blocks_is_nothing() -> None:
    values = levels(np.random.default_rng(14), 1.0, wander=0.0)
    values[..., -40:-38] += np.log(4)
    usual = usual_moves(values[..., :HISTORY], BOUNDS)
    assert not any(judged(values, at, usual).worse.any() for at in range(HISTORY, values.shape[-1]))


@pytest.mark.parametrize(("days", "wander"), [(7, 0.03), (3, 0.0)])
def test_two_percent_a_day_are_told_within_days(days: int, wander: float) -> None:
    values = levels(np.random.default_rng(20), days, lambda days: np.log(1.02) * np.maximum(days, 0), wander)
    told = np.zeros(SERIES, dtype=bool)
    for day in range(1, days + 1):
        usual = usual_moves(values[..., : HISTORY + (day - 1) * DAY], BOUNDS)
        for at in range(HISTORY + (day - 1) * DAY + 12, HISTORY + day * DAY + 1, 12):
            told |= judged(values, at, usual).worse.any(axis=1)
    assert told.mean() >= 0.8


def test_a_creep_of_days_does_not_become_usual_before_it_is_told() -> None:
    values = levels(np.random.default_rng(21), 6.0, lambda days: np.log(1.02) * np.maximum(days, 0), wander=0.0)
    before, now = (usual_moves(values[..., :at], BOUNDS) for at in (HISTORY, values.shape[-1]))
    np.testing.assert_allclose(now.reference, before.reference, atol=0.002)
    np.testing.assert_allclose(now.held.deviation, before.held.deviation, rtol=0.2)


def test_what_was_usual_stays_for_series_in_an_incident_of_which_nothing_else_is_left() -> None:
    values = levels(np.random.default_rng(22), 0.0)
    before = usual_moves(values[: SERIES - 1], BOUNDS)
    values[0] = np.nan
    inside = np.arange(SERIES) == 0
    usual = usual_moves(values, BOUNDS).keeping(before, inside)
    values[0] = 1.0
    worse = judged(values, HISTORY, usual).worse
    assert worse[0].all()
    assert not worse[1:].any()


def test_what_recovered_is_no_longer_elevated() -> None:
    values = levels(np.random.default_rng(15), 3.0, lambda days: np.log(1.2) * ((days >= 0) & (days < 2)), wander=0.0)
    usual = usual_moves(values[..., :HISTORY], BOUNDS)
    assert judged(values, HISTORY + 2 * DAY, usual).elevated.all()
    assert not judged(values, HISTORY + 3 * DAY, usual).elevated.any()


def test_a_creep_of_weeks_that_no_day_shows_is_told_by_its_trend() -> None:
    values = levels(np.random.default_rng(16), 7.0)
    values += np.linspace(0, np.log(1.2), values.shape[-1])
    assert judged(values, values.shape[-1], usual_moves(values, BOUNDS)).worse.any(axis=1).mean() >= 0.9


def test_fewer_false_incidents_asked_for_are_fewer() -> None:
    strict = SlowBounds.of(SETTINGS.model_copy(update={"false_incidents": 0.001}), Timing.of(SETTINGS), watched=1000)
    values = levels(np.random.default_rng(17), 1.0, step(0.1))
    usual = usual_moves(values[..., :HISTORY], BOUNDS)
    recent = values[..., -BOUNDS.blocks :]
    wide, narrow = (judge_levels(recent, usual, least(values), bounds).worse.mean() for bounds in (BOUNDS, strict))
    assert wide > narrow


def test_the_onset_of_a_step_is_where_its_interval_says_to_half_an_hour() -> None:
    found = examined("step", 1.0)
    assert np.mean([one.latest <= DAY <= one.earliest for one in found]) >= 0.87
    assert np.median([one.earliest - one.latest for one in found]) <= 4


def test_the_size_of_a_step_is_where_its_interval_says() -> None:
    assert np.mean([abs(one.change - np.log(1.1)) <= one.half for one in examined("step", 1.0)]) >= 0.87


def test_a_change_of_a_young_series_has_an_interval_too() -> None:
    values = levels(np.random.default_rng(13), 2.0, step(0.2))
    known = usual_moves(values[..., :HISTORY], BOUNDS)
    # of how levels that last for a day differ nothing is known yet
    nothing = replace(known.lasting, deviation=np.full_like(known.lasting.deviation, np.nan))
    found = [examine(values[row, 0], (row, 0), replace(known, lasting=nothing), BOUNDS) for row in range(SERIES)]
    assert all(0 < one.half < np.inf for one in found)
    assert not any("nan" in sentence for one in found for _, sentence in one.says)


def test_a_step_is_called_one_and_a_creep_has_a_rate() -> None:
    assert np.mean([one.shape is Shape.STEP for one in examined("step", 1.0)]) >= 0.9
    creeps = [one for one in examined("creep", 9.0) if one.shape is Shape.CREEP]
    assert len(creeps) >= 0.85 * SERIES
    assert all(one.per_day is not None and one.per_day.low > 0 for one in creeps)
    assert "a day" in creeps[0].says[1][1]


def test_the_vote_of_change_point_methods_stands_behind_a_clear_step_and_behind_nothing_else() -> None:
    values = levels(np.random.default_rng(19), 1.0, step(0.3))[:6, 0]
    usual = usual_moves(values[:, None, :HISTORY], BOUNDS)
    for row, found in enumerate(examine(one, (row, 0), usual, BOUNDS) for row, one in enumerate(values)):
        assert "methods find a change of +" in corroboration(values[row], found)
        assert not corroboration(values[row, :HISTORY], replace(found, per_day=None))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [np.nan, 0.0, 1e9, -np.inf], ids=["nothing", "constant", "a spike", "minus infinity"])
@pytest.mark.parametrize("length", [0, 2, 100, 1500])
def test_any_levels_have_an_outcome(value: float, length: int) -> None:
    values = np.zeros((2, 2, length))
    values[..., length // 2 :: 7] = value if np.isfinite(value) else np.nan
    usual = usual_moves(values, BOUNDS)
    found = judge_levels(values, usual, least(values), BOUNDS)
    assert not found.worse.any()
    if length:
        examine(values[0, 0], (0, 0), replace(usual), BOUNDS)


def test_a_series_that_exists_at_night_only_has_an_outcome() -> None:
    values = levels(np.random.default_rng(18), 1.0)
    values[..., np.arange(values.shape[-1]) % DAY >= 6] = np.nan
    usual = usual_moves(values, BOUNDS)
    assert not judged(values, values.shape[-1], usual).worse.any()
