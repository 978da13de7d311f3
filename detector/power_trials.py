"""Power trials: moments of a series' own past in which a fault could have begun, and what would have been seen.

What the baseline leaves of the past is real, block by block, for as long as it is remembered; single steps are kept for
hours only. So each block of a trial gets the steps of a block of the last day, drawn at random, around its own level:
a block bootstrap of what is within blocks (Kuensch, Annals of Statistics 17, 1989).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

from soakwatch.detector.block_spread import REFERENCE
from soakwatch.detector.bounded import bounded_mean
from soakwatch.detector.minutes_of_a_day import Minutes
from soakwatch.detector.power_search import TRIALS
from soakwatch.detector.sample import FloatArray, IntArray
from soakwatch.detector.timing import BLOCK

AFTER = 18
"""Blocks after the one in which it begins, in which the fast layer may find it: then it has lasted for three hours, and
what it is compared with is as slow."""

BEFORE = 7
"""Blocks before that of which there are single steps: more than the longest window."""

_FEWEST_PIECES = 12
_FEWEST_DAYS = 3
"""Of shorter pasts the season of a day is not known from the others."""

_PRESENT = 0.8
"""Share of a trial's blocks that must be there."""


@dataclass(frozen=True, slots=True)
class Moments:
    """When n faults begin: the block, a column of the k blocks of the past, and the step in it, 0 to BLOCK - 1."""

    blocks: IntArray
    phases: IntArray


@dataclass(frozen=True, slots=True)
class Trials:
    """n trials of one series; all on a log scale, less what is normal.

    `steps` (n, 4, t) are single steps from BEFORE blocks before the block of the fault to AFTER after it, `levels`
    (n, 4, REFERENCE + 1) the blocks before these. `onsets` (n,) are the steps from which on it is slower, `normal_ms`
    (n, 4) what is normal.
    """

    steps: FloatArray
    levels: FloatArray
    onsets: IntArray
    normal_ms: FloatArray


def out_of_sample(residuals: FloatArray, design: FloatArray, ridge: FloatArray, a_day: int) -> FloatArray:
    """What a baseline that had not seen the day would leave of each day of `residuals` (m, k), NaN for gaps.

    `design` (k, terms) are the season's regressors. By least squares a day is left out in closed form (Cook and
    Weisberg, Residuals and Influence in Regression, 1982, section 2.2; in groups as in Kim and Park, Statistics and
    Probability Letters 24, 1995). What comes will differ from the baseline by so much, not by what it was fitted to.
    """
    there: npt.NDArray[np.bool_] = np.asarray((~np.isnan(residuals)).any(axis=0))
    used: FloatArray = design[np.flatnonzero(there)]
    gram = used.T @ used + ridge
    left = residuals.copy()
    if len(used) < _FEWEST_DAYS * a_day:
        return left
    for end in range(residuals.shape[1], 0, -a_day):
        day = slice(max(end - a_day, 0), end)
        rows = design[day] * there[day, None]
        moved = np.linalg.solve(gram - rows.T @ rows, rows.T @ np.nan_to_num(residuals[:, day]).T)
        left[:, day] += (design[day] @ moved).T
    return left


def pieces_of(minutes: Minutes) -> FloatArray:
    """How single steps lie around the level of their block, in the blocks of the day without gaps; (p, 4, BLOCK)."""
    blocks = minutes.values.reshape(4, -1, BLOCK).transpose(1, 0, 2)
    gaps = np.isnan(blocks).reshape(len(blocks), -1).sum(axis=1)
    whole: FloatArray = blocks[gaps == 0]
    return whole - bounded_mean(np.sort(whole, axis=-1))[..., None]


def is_enough(pieces: FloatArray) -> bool:
    """Whether there are enough of them to know how steps differ within blocks."""
    return len(pieces) >= _FEWEST_PIECES


def moments_of(residuals: FloatArray, before: int, after: int, random: Generator) -> Moments | None:
    """Moments spread evenly over the past (m, k), with so many blocks `before` and `after`.

    None where there is no moment around which most blocks are there.
    """
    there: npt.NDArray[np.bool_] = np.asarray(~np.isnan(residuals).any(axis=0))
    first, last = before, residuals.shape[1] - after
    if last <= first:
        return None
    known = np.concatenate(([0], np.cumsum(there)))
    candidates = np.arange(first, last)
    near = known[candidates + AFTER + 1] - known[candidates - REFERENCE]
    candidates = candidates[near >= _PRESENT * (AFTER + 1 + REFERENCE)]
    if not candidates.size:
        return None
    places = (np.arange(TRIALS) + random.random(TRIALS)) * candidates.size / TRIALS
    return Moments(candidates[places.astype(np.int64)], random.integers(0, BLOCK, TRIALS))


def trials_of(
    residuals: FloatArray, normal_ms: FloatArray, pieces: FloatArray, moments: Moments, random: Generator
) -> Trials:
    """Trials at `moments` of the past `residuals` (4, k), of which `normal_ms` (4, k) is normal."""
    around = np.arange(-BEFORE, AFTER + 1)
    drawn = pieces[random.integers(0, len(pieces), (moments.blocks.size, around.size))]
    levels = residuals[:, moments.blocks[:, None] + around].transpose(1, 2, 0)
    steps = (levels[..., None] + drawn).transpose(0, 2, 1, 3).reshape(moments.blocks.size, 4, -1)
    older = np.arange(-BEFORE - REFERENCE - 1, -BEFORE)
    columns = np.maximum(moments.blocks[:, None] + older, 0)
    return Trials(
        steps,
        residuals[:, columns].transpose(1, 0, 2),
        BEFORE * BLOCK + moments.phases,
        normal_ms[:, moments.blocks].T,
    )


def with_shift(steps: FloatArray, onsets: IntArray, shift: FloatArray) -> FloatArray:
    """`steps` (n, 4, t), from `onsets` (n,) on worse by `shift` (n,)."""
    since: npt.NDArray[np.bool_] = np.arange(steps.shape[-1]) >= onsets[:, None]
    shifted: FloatArray = steps + (since * shift[:, None])[:, None, :]
    return shifted
