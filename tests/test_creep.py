"""What telling a creep from a step promises: levels that wander by 3 % over eight hours, ten-minute points."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.signal import lfilter

from soakwatch.core.incident import Shape
from soakwatch.detector.creep import Shapes, compare_shapes
from soakwatch.detector.sample import FloatArray

DAY = 144

Change = Callable[[FloatArray], FloatArray]


def step(size: float) -> Change:
    return lambda days: np.log(1 + size) * (days >= 0)


def creep(per_day: float) -> Change:
    return lambda days: np.log(1 + per_day) * np.maximum(days, 0)


def a_level(random: np.random.Generator, change: Change, days: float, wander: float = 0.03) -> FloatArray:
    """Three weeks without, then `days` with the change."""
    n = int((21 + days) * DAY)
    keeps = np.exp(-1 / 48)
    innovations = random.normal(0, wander * np.sqrt(1 - keeps**2), n)
    innovations[0] = random.normal(0, wander)
    level = lfilter([1], [1, -keeps], innovations) + random.normal(0, 0.02, n)
    return np.asarray(level + change((np.arange(n) - 21 * DAY) / DAY))


def shapes_of(change: Change, days: float, number: int = 60, wander: float = 0.03) -> list[Shapes]:
    random = np.random.default_rng(103)
    return [compare_shapes(a_level(random, change, days, wander), DAY) for _ in range(number)]


def share(shapes: list[Shapes], shape: Shape) -> float:
    return float(np.mean([found.shape is shape for found in shapes]))


@pytest.mark.parametrize(("days", "wander"), [(3.0, 0.0), (7.0, 0.03), (10.0, 0.03)])
def test_two_percent_a_day_are_called_a_creep(days: float, wander: float) -> None:
    assert share(shapes_of(creep(0.02), days, wander=wander), Shape.CREEP) >= 0.75


@pytest.mark.parametrize("days", [0.5, 3.0, 7.0])
def test_a_step_of_twenty_percent_is_not_called_a_creep(days: float) -> None:
    assert share(shapes_of(step(0.2), days), Shape.STEP) >= 0.98


def test_a_wander_is_mostly_nothing_and_never_a_creep() -> None:
    shapes = shapes_of(step(0.0), 3.0)
    assert share(shapes, Shape.CREEP) <= 0.05
    assert np.mean([found.shape is None for found in shapes]) >= 0.7


@pytest.mark.parametrize(("days", "wander"), [(10.0, 0.03), (5.0, 0.0)])
def test_the_rate_per_day_is_where_its_interval_says(days: float, wander: float) -> None:
    rates = [found.per_day for found in shapes_of(creep(0.02), days, wander=wander) if found.per_day]
    assert np.mean([rate.low <= np.log(1.02) <= rate.high for rate in rates]) >= 0.87
    assert 0.015 < np.median([rate.value for rate in rates]) < 0.025


def test_the_beginning_of_a_step_is_where_its_interval_says() -> None:
    found = shapes_of(step(0.2), 4.0)
    assert np.mean([one.latest - 0.13 <= 4.0 <= one.earliest + 0.13 for one in found]) >= 0.9


@pytest.mark.parametrize(
    "levels",
    [
        np.zeros(0),
        np.zeros(2),
        np.zeros(4032),
        np.full(4032, np.nan),
        np.where(np.arange(4032) == 2000, 1e9, 0.0),
        np.where(np.arange(4032) % DAY < 6, 1.0, np.nan),
        np.linspace(0, 1, 4032),
    ],
    ids=["empty", "two", "constant", "nothing", "a spike", "at night only", "a line"],
)
def test_any_levels_have_an_outcome(levels: FloatArray) -> None:
    assert compare_shapes(levels, DAY).over_none >= 0
