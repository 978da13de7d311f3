"""Held levels: what a change that has lasted is: its shape, its size, since when, and why it is believed."""

from dataclasses import dataclass
from math import expm1
from typing import Any, Self

import numpy as np
from scipy.special import stdtrit

from soakwatch.core.incident import Shape
from soakwatch.core.span import Span
from soakwatch.detector.bounded_blocks import bounded_by_neighbours
from soakwatch.detector.creep import Growth, Shapes, compare_shapes
from soakwatch.detector.sample import FloatArray
from soakwatch.detector.slow_bounds import SlowBounds
from soakwatch.detector.step_place import step_between
from soakwatch.detector.usual_moves import UsualMoves, mean_of

_CONFIDENCE = 0.975


@dataclass(frozen=True, slots=True)
class HeldLevel:
    """A change of a log level by `change`, `half` of the 95 % interval either way.

    It began between `earliest` and `latest` blocks before the end, with 90 % confidence. `per_day` is how much it grows
    in a day, on a log scale too, if it is a creep. `says` are sentences for people, by method.
    """

    shape: Shape
    change: float
    half: float
    earliest: float
    latest: float
    per_day: Growth | None
    says: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls, told: dict[str, Any]) -> Self:
        """What `asdict` made of one, also by way of JSON."""
        growth = told["per_day"]
        return cls(
            **{
                **told,
                "shape": Shape(told["shape"]),
                "per_day": None if growth is None else Growth(**growth),
                "says": tuple((method, sentence) for method, sentence in told["says"]),
            }
        )

    def onset(self, at: float, block: float) -> Span:
        """When it began, where the last block, `block` seconds long, ended at `at` (seconds since the epoch)."""
        return Span(at - self.earliest * block, at - self.latest * block)


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found when the newest block, counted from the epoch, was `block`."""

    block: int
    held: HeldLevel


def examine(residuals: FloatArray, place: tuple[int, int], usual: UsualMoves, bounds: SlowBounds) -> HeldLevel:
    """Look closely at `residuals` (n,), those of row and metric `place`, of which `judge_levels` said something.

    The newest is last; NaN are gaps and what does not count, but not what belongs to the change itself.
    """
    noise, reference = float(usual.noise[place]), float(usual.reference[place])
    values = bounded_by_neighbours(residuals[None, None], np.array([[noise]]))[0, 0] - reference
    shapes = compare_shapes(values, bounds.blocks_a_day)
    creeps = shapes.shape is Shape.CREEP
    earliest, latest = _since(values, shapes, noise, float(usual.held.deviation[place]), bounds)
    blocks = bounds.held if creeps else int(np.clip(latest, bounds.held // 2, bounds.lasting))
    change = float(mean_of(values[-blocks:]))
    # of a young series it is not known yet how levels that lasted a day differ: those of half a day say it, too
    lasted = blocks >= bounds.lasting and np.isfinite(usual.lasting.deviation[place])
    spread = usual.lasting if lasted else usual.held
    deviation, freedom = float(spread.deviation[place]), float(spread.freedom[place])
    return HeldLevel(
        shape=Shape.CREEP if creeps else Shape.STEP,
        change=change,
        half=float(stdtrit(max(freedom, 1.0), _CONFIDENCE)) * deviation,
        earliest=earliest,
        latest=latest,
        per_day=shapes.per_day,
        says=_sentences(change, deviation, blocks, shapes, bounds),
    )


def _since(values: FloatArray, shapes: Shapes, noise: float, wander: float, bounds: SlowBounds) -> tuple[float, float]:
    """Between how many blocks before the end it began."""
    a_day, n = bounds.blocks_a_day, float(values.size)
    if shapes.shape is None:
        return min(2.0 * bounds.held, n), float(bounds.held // 2)
    around = min(shapes.earliest * a_day, n), shapes.latest * a_day
    if shapes.shape is Shape.CREEP:
        return around
    return step_between(values, around, noise, wander, a_day)


def _sentences(
    change: float, deviation: float, blocks: int, shapes: Shapes, bounds: SlowBounds
) -> tuple[tuple[str, str], ...]:
    hours = 24 * blocks / bounds.blocks_a_day
    level = (
        f"the mean of the last {hours:.0f} hours is {_percent(change)} off what is usual, "
        f"from which such means usually differ by {_percent(deviation)} ({change / deviation:.1f} standard deviations)"
    )
    said = [("held level", level)]
    growth = shapes.per_day
    if growth is not None:
        slopes = (_percent(slope) for slope in (growth.value, growth.low, growth.high))
        said.append(
            ("shape", "it grows by {} a day (95 %: {} to {})".format(*slopes) + _better(shapes, "a creep", "a step"))
        )
    elif shapes.shape is Shape.STEP:
        said.append(("shape", "it changed at once" + _better(shapes, "a step", "a creep")))
    return tuple(said)


def _better(shapes: Shapes, best: str, other: str) -> str:
    than = f"{other} by {shapes.over_other:.0f} and than chance by {shapes.over_none:.0f} (BIC)"
    return f"; {best} explains it better than {than}"


def _percent(change: float) -> str:
    return f"{100 * expm1(change):+.1f} %"
