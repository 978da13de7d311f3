"""Slow power: how much slower a series must get for the slow layer to find it within a day, in each of many trials."""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

from soakwatch.detector.power_trials import Moments
from soakwatch.detector.robust_regression import HUBER
from soakwatch.detector.sample import FloatArray, IntArray
from soakwatch.detector.slow_bounds import SlowBounds
from soakwatch.detector.slow_layer import HeldMeans, held_means, judge_means
from soakwatch.detector.timing import BLOCK
from soakwatch.detector.usual_moves import UsualMoves

_EVERY = 4
"""Blocks from one look to the next; the means move by little in so many."""

_FIRST = 5 / 6
"""Part of the held blocks before which a new level cannot fill most of them."""

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Past:
    """One series' past over k blocks: what the baseline leaves, `residuals` (4, k), and the season's regressors.

    `design` (k, terms), with `ridge` (terms, terms). `scale` (4,) is the standard deviation of single blocks, `day` how
    many blocks a day has.
    """

    residuals: FloatArray
    design: FloatArray
    ridge: FloatArray
    scale: FloatArray
    day: int

    @property
    def known(self) -> FloatArray:
        """The regressors of the blocks that are there."""
        known: FloatArray = self.design[~np.isnan(self.residuals).all(axis=0)]
        return known


@dataclass(frozen=True, slots=True)
class Gates:
    """What the slow layer judges one series by: what is `usual`, the `least` change that counts (1, 4), its bounds."""

    usual: UsualMoves
    least: FloatArray
    bounds: SlowBounds


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
    gates: Gates

    @classmethod
    def of(cls, past: Past, moments: Moments, gates: Gates, random: Generator) -> Self:
        """Faults at `moments` of the `past`, in each of which there is a whole day after it."""
        bounds, usual = gates.bounds, gates.usual
        looks = np.arange(round(_FIRST * bounds.held), past.day + 1, _EVERY)
        begins = moments.blocks[:, None, None]
        columns = begins + looks[:, None] - 1 + np.arange(-bounds.blocks + 1, 1)
        within = np.maximum(columns, 0)
        recent = np.where(columns >= 0, past.residuals[:, within], np.nan)
        rows = _rows(recent.transpose(1, 2, 0, 3))
        reference, noise = (np.repeat(one, len(rows), axis=0) for one in (usual.reference, usual.noise))
        since = np.clip(columns - begins - moments.phases[:, None, None] / BLOCK + 1, 0, 1)
        return cls(
            held_means(rows, reference, noise, bounds),
            _means_of(since, bounds),
            _means_of(_learnt(past, moments, _Looks(looks, within), random), bounds),
            HUBER * past.scale,
            gates,
        )

    def found(self, shift: FloatArray) -> Mask:
        """In which of the n trials a level that is worse by `shift` (n,) is told of within a day."""
        rows = np.repeat(shift, len(self.means.held) // len(shift))[:, None]
        means = HeldMeans(*(self._mean(one.name, rows, np.minimum(rows, self.most)) for one in fields(HeldMeans)))
        worse = judge_means(means, self.gates.usual, self.gates.least, self.gates.bounds).worse
        return np.asarray(worse.reshape(len(shift), -1).any(axis=1))

    def _mean(self, name: str, size: FloatArray, learnt: FloatArray) -> FloatArray:
        was, risen, missing = (getattr(of, name) for of in (self.means, self.risen, self.learnt))
        mean: FloatArray = was + size * risen - learnt * missing
        return mean


@dataclass(frozen=True, slots=True)
class _Looks:
    """When it is looked, l numbers of blocks `after` the onset, and at which blocks of the past: (n, l, b)."""

    after: IntArray
    columns: IntArray


def _learnt(past: Past, moments: Moments, looks: _Looks, random: Generator) -> FloatArray:
    """What share of a fault the baseline has taken for normal at each block that is looked at; (n, l, b).

    A baseline is fitted once a day, at a moment of its own; by least squares the fit to a level that rose is the rise
    times the projection of the blocks since. What is usual is learnt once a day too, and then follows what is normal.
    """
    known = past.known
    gram, middle = known.T @ known + past.ridge, known.mean(axis=0)
    fitted, followed = random.integers(0, past.day, (2, moments.blocks.size))
    shares = np.zeros(looks.columns.shape)
    for trial, (block, upto) in enumerate(zip(moments.blocks.tolist(), fitted.tolist(), strict=True)):
        risen = past.design[block : block + upto]
        moved = np.linalg.solve(gram + risen.T @ risen, risen.sum(axis=0))
        share = past.design[looks.columns[trial]] @ moved
        follows = (looks.after >= followed[trial]) & (followed[trial] >= upto)
        share -= (follows * (middle @ moved))[:, None]
        shares[trial] = np.where((looks.after >= upto)[:, None], share, 0.0)
    return shares


def _means_of(shares: FloatArray, bounds: SlowBounds) -> HeldMeans:
    """Means of `shares` (n, l, b), none of which is held near to its neighbours."""
    rows = _rows(shares[:, :, None])
    return held_means(rows, np.zeros(rows.shape[:2]), np.full(rows.shape[:2], np.inf), bounds)


def _rows(values: FloatArray) -> FloatArray:
    return values.reshape(-1, *values.shape[2:])
