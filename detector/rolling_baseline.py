"""Rolling baseline: what is normal for a series, learnt from its blocks, with how much it usually moves."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from soakwatch.detector.block_spread import REFERENCE, spreads
from soakwatch.detector.quantiles import median
from soakwatch.detector.robust_regression import centre, robust_regression
from soakwatch.detector.sample import FloatArray
from soakwatch.detector.season import TERMS

CLASSES = 33
"""Of load: those of one test, and the one of which nothing is known."""

Mask = npt.NDArray[np.bool_]
Classes = npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Fit:
    """The baselines of k series. `coefficients` (k, m, TERMS), `offsets` (k, m, CLASSES) by class of load.

    `members` (k, CLASSES) are blocks of each class; `level_sd` and `move_sd` (k, m, horizons) say how much means over
    HORIZONS stray from the baseline and from the reference before them; `level_freedom` and `move_freedom` (k, m) are
    the degrees of freedom with which that is known. `found` (k, m) marks what had enough blocks.
    """

    coefficients: FloatArray
    offsets: FloatArray
    members: FloatArray
    level_sd: FloatArray
    move_sd: FloatArray
    level_freedom: FloatArray
    move_freedom: FloatArray
    found: Mask


def fit(design: FloatArray, levels: FloatArray, classes: Classes, present: Mask, memory: float) -> Fit:
    """Fit the baselines of k series to their blocks' `levels` (k, m, b), NaN where out of the baseline.

    `design` (b, TERMS) is the season's, `classes` (k, b) are those of the load; `present` (k, m, b) marks blocks since
    the present level began; those before it help to know the season, not the level. After `memory` blocks a level that
    wanders is another: the level of a shorter time is as doubtful as its wander.
    """
    k, m, b = levels.shape
    usable = ~np.isnan(levels)
    ours = usable & present
    offsets = np.zeros((k, m, CLASSES))
    shift = np.zeros((k, m))
    coefficients = np.zeros((k, m, TERMS))
    several = [int(c) for c in np.unique(classes) if c > 0] if (classes != classes[:, :1]).any() else []
    rounds = 2 if several or not np.array_equal(usable, ours) else 1
    for _ in range(rounds):
        moved = levels - _offset_of(offsets, classes) - np.where(present, 0.0, shift[..., None])
        coefficients = robust_regression(design, moved.reshape(k * m, b)).reshape(k, m, TERMS)
        rest = levels - coefficients @ design.T
        offsets = _offsets(rest, classes, ours, several)
        rest -= _offset_of(offsets, classes)
        shift = median(np.where(usable & ~present, rest, np.nan)) - median(np.where(ours, rest, np.nan))
        shift = np.nan_to_num(shift)
    coefficients[..., 0] += np.nan_to_num(centre(np.where(ours, rest, np.nan)))
    rest = np.where(usable, levels - coefficients @ design.T - _offset_of(offsets, classes), np.nan)
    rest -= np.where(present, 0.0, np.nan_to_num(median(np.where(present, np.nan, rest)))[..., None])
    level_sd, move_sd = spreads(rest)
    number, everything = _number(np.where(ours, rest, np.nan)), _number(rest)
    doubt = np.sqrt(1 + memory / np.maximum(number, 1.0))
    return Fit(
        coefficients,
        offsets,
        _members(classes, ours),
        level_sd * doubt[..., None],
        move_sd,
        level_freedom=np.maximum(everything / memory, 1.0),
        move_freedom=np.maximum(everything / (REFERENCE + 1), 1.0),
        found=(number > 0) & (everything >= REFERENCE),
    )


def _offsets(rest: FloatArray, classes: Classes, ours: Mask, several: list[int]) -> FloatArray:
    """How much longer times are at each class of load than at the commonest one of the series."""
    offsets = np.zeros((*rest.shape[:2], CLASSES))
    for number in several:
        offsets[..., number] = np.nan_to_num(median(np.where(ours & (classes == number)[:, None], rest, np.nan)))
    return offsets


def _offset_of(offsets: FloatArray, classes: Classes) -> FloatArray:
    """`offsets` (k, m, CLASSES) at each block's class; shape (k, m, b)."""
    return np.take_along_axis(offsets, np.maximum(classes, 0)[:, None, :].astype(np.int64), axis=-1)


def _members(classes: Classes, ours: Mask) -> FloatArray:
    known = np.asarray(ours.any(axis=1))
    numbers = np.maximum(classes, 0)
    return np.stack([np.bincount(row[use], minlength=CLASSES) for row, use in zip(numbers, known, strict=True)]).astype(
        np.float64
    )


def _number(values: FloatArray) -> FloatArray:
    return np.asarray((~np.isnan(values)).sum(axis=-1), dtype=np.float64)
