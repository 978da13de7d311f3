"""Slow power: how much slower a series must get for the slow layer to find it within a day, in each of many trials."""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

from soakwatch.detector.power_trials import Moments
from soakwatch.detector.robust_regression import HUBER
from soakwatch.detector.sample import FloatArray
from soakwatch.detector.slow_bounds import SlowBounds
from soakwatch.detector.slow_layer import HeldMeans, held_means, judge_means
from soakwatch.detector.timing import BLOCK
from soakwatch.detector.usual_moves import UsualMoves

_EVERY = 3
"""Blocks from one look to the next; the means move by little in so many."""

_FIRST = 2 / 3
"""Part of the held blocks before which a new level cannot fill most of them."""

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Past:
    """One series' past over k blocks: what the baseline leaves, `residuals` (4, k), and the season's regressors.

    `design` (k, terms), with `ridge` (terms, terms). `scale` (4,) is the standard deviation of single blocks.
    """

    residuals: FloatArray
    design: FloatArray
    ridge: FloatArray
    scale: FloatArray


@dataclass(frozen=True, slots=True)
class SlowPower:
    """Asks the slow layer of n trials at l looks each: `means` are what it would see of the past as it was.

    A fault adds `risen` times its size to them; and what the baseline has learnt of it by then, `learnt` times the
    size, but no more than `most` (4,), is missing. Rows are trials times looks, in this order.
    """

    means: HeldMeans
    risen: HeldMeans
    learnt: HeldMeans
    most: FloatArray
    usual: UsualMoves
    least: FloatArray
    bounds: SlowBounds

    @classmethod
    def of(
        cls,
        past: Past,
        moments: Moments,
        usual: UsualMoves,
        least: FloatArray,
        bounds: SlowBounds,
        random: Generator,
    ) -> Self:
        """Faults at `moments` of the `past`; `usual` is of the series alone, `least` (1, 4) the least that counts."""
        day = round(bounds.blocks_a_day)
        looks = np.arange(round(_FIRST * bounds.held), day + 1, _EVERY)
        back = np.arange(-bounds.blocks + 1, 1)
        columns = moments.blocks[:, None, None] + looks[:, None] - 1 + back
        inside = columns >= 0
        residuals = past.residuals[:, np.maximum(columns, 0)]
        recent = _rows(np.where(inside, residuals, np.nan).transpose(1, 2, 0, 3))
        since = np.clip(columns - moments.blocks[:, None, None] - moments.phases[:, None, None] / BLOCK + 1, 0, 1)
        learnt = _learnt(past, moments, looks, np.maximum(columns, 0), day, random)
        usually = (np.repeat(one, len(recent), axis=0) for one in (usual.reference, usual.noise))
        return cls(
            held_means(recent, *usually, bounds),
            _means_of(since, bounds),
            _means_of(learnt, bounds),
            HUBER * past.scale,
            usual,
            least,
            bounds,
        )

    def found(self, shift: FloatArray) -> Mask:
        """In which of the n trials a level that is worse by `shift` (n,) is told of within a day."""
        rows = np.repeat(shift, len(self.means.held) // len(shift))[:, None]
        missing = np.minimum(rows, self.most)
        means = HeldMeans(
            *(
                getattr(self.means, one.name)
                + rows * getattr(self.risen, one.name)
                - missing * getattr(self.learnt, one.name)
                for one in fields(HeldMeans)
            )
        )
        worse = judge_means(means, self.usual, self.least, self.bounds).worse
        told: Mask = worse.reshape(len(shift), -1).any(axis=1)
        return told


def _learnt(
    past: Past, moments: Moments, looks: npt.NDArray[np.int64], columns: npt.NDArray[np.int64], day: int, random: Generator
) -> FloatArray:
    """What share of a fault the baseline has taken for normal at each block that is looked at; as `columns` (n, l, b).

    A baseline is fitted once a day, at a moment of its own; by least squares the fit to a level that rose is the rise
    times the projection of the blocks since. What is usual is learnt once a day too, and then follows what is normal.
    """
    there = ~np.isnan(past.residuals).all(axis=0)
    gram = past.design[there].T @ past.design[there] + past.ridge
    fitted, followed = random.integers(0, day, (2, moments.blocks.size))
    shares = np.zeros(columns.shape)
    for trial, (block, upto) in enumerate(zip(moments.blocks.tolist(), fitted.tolist(), strict=True)):
        risen = past.design[block : block + upto]
        moved = np.linalg.solve(gram + risen.T @ risen, risen.sum(axis=0))
        share = past.design[columns[trial]] @ moved
        follows = (looks >= followed[trial]) & (followed[trial] >= upto)
        share -= (follows * (past.design[there].mean(axis=0) @ moved))[:, None]
        shares[trial] = np.where((looks >= upto)[:, None], share, 0.0)
    return shares


def _means_of(shares: FloatArray, bounds: SlowBounds) -> HeldMeans:
    """Means of `shares` (n, l, b), none of which is held near to its neighbours."""
    rows = _rows(shares[:, :, None])
    return held_means(rows, np.zeros(rows.shape[:2]), np.full(rows.shape[:2], np.inf), bounds)


def _rows(values: FloatArray) -> FloatArray:
    return values.reshape(-1, *values.shape[2:])
