"""Block spread: how much means of blocks usually stray from the baseline, and from what was before them."""

import numpy as np

from soakwatch.detector.bounded import bounded_mean, counted
from soakwatch.detector.quantiles import quantiles
from soakwatch.detector.robust_regression import FINEST
from soakwatch.detector.sample import FloatArray

HORIZONS = (1, 2, 3, 6)
"""Blocks over which means are followed, to know how much means over as long usually move."""

REFERENCE = 12
"""Blocks that are the reference of what comes after them."""

_TAIL = 0.1
_TAIL_SPAN = 2.5631
"""The robust standard deviation of what moves: the span between its deciles, 2.56 standard deviations of a Gaussian
one. Bumps are in less than a tenth of the windows on either side."""

_HIGH, _HIGH_SPAN = 0.98, 2.0537
"""A quantile that an incident of some hours which nobody noticed does not reach in weeks."""

_BUMP = 2
"""Blocks that a bump can be most of."""


def spreads(rest: FloatArray) -> tuple[FloatArray, FloatArray]:
    """How much means of the residuals `rest` (k, m, b) over each horizon stray from zero, and from what was before."""
    level, move = [], []
    references = _references(rest)
    for blocks in HORIZONS:
        means = _means(rest, blocks)
        moves = means[..., REFERENCE:] - references[..., : means.shape[-1] - REFERENCE]
        level.append(_spread(means))
        move.append(np.maximum(_spread(moves), _upper_spread(moves)) if blocks > _BUMP else _spread(moves))
    return np.stack(level, axis=-1), np.stack(move, axis=-1)


def _means(rest: FloatArray, blocks: int) -> FloatArray:
    """Medians over `blocks` neighbours, NaN where one is missing; shape (k, m, b - blocks + 1).

    Of blocks the median is as little moved by a bump as the bounded mean of the steps is, which this stands for.
    """
    windows = np.sort(np.lib.stride_tricks.sliding_window_view(rest, blocks, axis=-1), axis=-1)
    middle = (windows[..., (blocks - 1) // 2] + windows[..., blocks // 2]) / 2
    return np.where(np.isnan(windows[..., -1]), np.nan, middle)


def _references(rest: FloatArray) -> FloatArray:
    """Bounded means over REFERENCE neighbours of which half are there."""
    windows = np.sort(np.lib.stride_tricks.sliding_window_view(rest, REFERENCE, axis=-1), axis=-1)
    return np.where(counted(windows) >= REFERENCE // 2, bounded_mean(windows), np.nan)


def _spread(values: FloatArray) -> FloatArray:
    low, high = quantiles(values, (_TAIL, 1 - _TAIL))
    spread = (high - low) / _TAIL_SPAN
    return np.where(np.isnan(spread), np.inf, np.maximum(spread, FINEST))


def _upper_spread(values: FloatArray) -> FloatArray:
    """The same from how far up they go: where bumps come often, they pile up."""
    middle, high = quantiles(values, (0.5, _HIGH))
    spread = (high - middle) / _HIGH_SPAN
    return np.where(np.isnan(spread), np.inf, spread)
