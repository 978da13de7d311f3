"""Usual moves: how much the levels of each series move when nothing is wrong."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from soakwatch.detector.bounded_blocks import bounded_by_neighbours, noise_of
from soakwatch.detector.pooled_variance import pooled_variance
from soakwatch.detector.sample import FloatArray
from soakwatch.detector.slow_bounds import SlowBounds

_FEWEST_FREEDOM = 3.0
"""A spread that is known by less is not known."""

_WANDERS = 1 / 3
"""Days that a wander of the level is remembered: with it, means over the held blocks are independent of each other."""

_LEAST_PRESENT = 0.5
_SMALLEST = 1e-3
"""Nothing is steadier than a tenth of a percent: a histogram knows no better."""

_OUTLYING = 3.0
_SLOPE_EXCESS = 1.3
"""A wander is not quite forgotten in a day: by simulation the variance of slopes is this much larger."""

_DAYS_EXCESS = 1.9
"""The same of means over days, were the wander remembered for a whole day: a history of a week cannot rule that out."""

_UNTOLD = 1 / 3
_MOST_UNTOLD = 7.0
"""Part of what is known, and days of it at most, in which a creep may be that is not told yet."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Standard deviations (s, m) of a statistic, each known with its degrees of freedom; NaN where not known."""

    deviation: FloatArray
    freedom: FloatArray

    def of(self, row: int) -> Self:
        """That of one row, as one of a single row."""
        return replace(self, deviation=self.deviation[row : row + 1], freedom=self.freedom[row : row + 1])

    def keeping(self, before: Self, rows: npt.NDArray[np.bool_]) -> Self:
        """The same, but for the `rows` marked, (s,), which stay as they were `before`."""
        return replace(
            self,
            deviation=_kept(before.deviation, self.deviation, rows),
            freedom=_kept(before.freedom, self.freedom, rows),
        )


@dataclass(frozen=True, slots=True)
class UsualMoves:
    """What is usual for s series and m metrics, on a log scale; arrays have shape (s, m).

    `reference` is the usual level, `noise` how much a block differs from its neighbours. A `jump` is the difference
    between neighbouring stretches, `held`, `lasting` and `long` are means over so many blocks less the reference.
    `slope` is a block's growth over all n blocks of `history`.
    """

    reference: FloatArray
    noise: FloatArray
    jump: Spread
    held: Spread
    lasting: Spread
    long: Spread
    slope: FloatArray
    slope_spread: Spread
    history: int

    def of(self, row: int) -> Self:
        """What is usual for one row, as one of a single row."""
        one = slice(row, row + 1)
        return replace(
            self,
            reference=self.reference[one],
            noise=self.noise[one],
            jump=self.jump.of(row),
            held=self.held.of(row),
            lasting=self.lasting.of(row),
            long=self.long.of(row),
            slope=self.slope[one],
            slope_spread=self.slope_spread.of(row),
        )

    def keeping(self, before: Self, rows: npt.NDArray[np.bool_]) -> Self:
        """The same, but for the `rows` marked, (s,), which stay as they were `before`."""
        return replace(
            self,
            reference=_kept(before.reference, self.reference, rows),
            noise=_kept(before.noise, self.noise, rows),
            jump=self.jump.keeping(before.jump, rows),
            held=self.held.keeping(before.held, rows),
            lasting=self.lasting.keeping(before.lasting, rows),
            long=self.long.keeping(before.long, rows),
            slope=_kept(before.slope, self.slope, rows),
            slope_spread=self.slope_spread.keeping(before.slope_spread, rows),
        )


def usual_moves(residuals: FloatArray, bounds: SlowBounds) -> UsualMoves:
    """Learn from `residuals` (s, m, n): log levels without season, NaN where they do not count, the newest last.

    The last third is left out, a day at least and a week at most: what is to be judged is not in what it is judged by,
    and a creep is not usual before it is told. What grows evenly over all of the history is no move, or it would hide
    itself. Means are predicted, not described: the doubt about the reference is in their spread.
    """
    history = residuals[..., : max(residuals.shape[-1] - bounds.lasting, 0)]
    noise = noise_of(history)
    values = bounded_by_neighbours(history, noise)
    old = np.where(_is_old(residuals, bounds)[..., : history.shape[-1]], values, np.nan)
    reference, known = mean_of(old), _number(old)
    slope, _ = _without_trend(values - mean_of(values)[..., None])
    _, moves = _without_trend(old - reference[..., None])
    lasting = _of_means(moves, known, bounds.lasting, bounds)
    days = 1 / bounds.long + 1 / np.maximum(known, 1.0)
    return UsualMoves(
        reference=reference,
        noise=noise,
        jump=_of_jumps(moves, known, bounds.jump),
        held=_of_means(moves, known, bounds.held, bounds),
        lasting=lasting,
        long=_scaled(lasting, _DAYS_EXCESS * bounds.lasting * days),
        slope=slope,
        slope_spread=_scaled(lasting, 12 * _SLOPE_EXCESS * bounds.lasting / np.maximum(_number(values), 1.0) ** 3),
        history=history.shape[-1],
    )


def _is_old(residuals: FloatArray, bounds: SlowBounds) -> npt.NDArray[np.bool_]:
    """Which blocks of `residuals` are old enough to learn from."""
    n = residuals.shape[-1]
    length = n - np.argmax(~np.isnan(residuals), axis=-1) if n else np.zeros(residuals.shape[:-1])
    untold = np.clip(_UNTOLD * length, bounds.lasting, max(_MOST_UNTOLD * bounds.blocks_a_day, bounds.lasting))
    old: npt.NDArray[np.bool_] = np.arange(n) < n - untold[..., None]
    return old


def _of_means(moves: FloatArray, known: FloatArray, width: int, bounds: SlowBounds) -> Spread:
    """Of means over `width` blocks."""
    return _spread(_means(moves, width), known / (width + _WANDERS * bounds.blocks_a_day))


def _of_jumps(moves: FloatArray, known: FloatArray, width: int) -> Spread:
    """Of differences between neighbouring stretches of `width` blocks."""
    means = _means(moves, width)
    return _spread(means[..., width:] - means[..., :-width], known / (2.0 * width))


def _scaled(spread: Spread, factor: FloatArray) -> Spread:
    """What has `factor` times the variance, and is known as well."""
    return Spread(spread.deviation * np.sqrt(factor), spread.freedom)


def _number(values: FloatArray) -> FloatArray:
    return np.asarray((~np.isnan(values)).sum(axis=-1), dtype=np.float64)


def _kept(before: FloatArray, now: FloatArray, rows: npt.NDArray[np.bool_]) -> FloatArray:
    """Rows of series that are new come after those of `before`."""
    kept = now.copy()
    known = np.flatnonzero(rows[: len(before)])
    kept[known] = before[known]
    return kept


def mean_of(values: FloatArray, present: float = 0.0) -> FloatArray:
    """Mean over the last axis of what there is; NaN where less than the share `present` of it is, or nothing."""
    known = (~np.isnan(values)).sum(axis=-1)
    total = np.nansum(values, axis=-1)
    enough = known > max(present * values.shape[-1] - 1e-9, 0)
    return np.where(enough, total / np.maximum(known, 1), np.nan)


def _means(values: FloatArray, width: int) -> FloatArray:
    """Means of all stretches of `width` blocks of which at least half are there."""
    if values.shape[-1] < width:
        return np.full((*values.shape[:-1], 0), np.nan)
    there = ~np.isnan(values)
    total, known = (_sums(part, width) for part in (np.where(there, values, 0.0), there.astype(np.float64)))
    return np.where(known >= _LEAST_PRESENT * width, total / np.maximum(known, 1.0), np.nan)


def _sums(values: FloatArray, width: int) -> FloatArray:
    upto = np.concatenate([np.zeros((*values.shape[:-1], 1)), np.cumsum(values, axis=-1)], axis=-1)
    sums: FloatArray = upto[..., width:] - upto[..., :-width]
    return sums


def _without_trend(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Slope per block by least squares, and `values` (s, m, n), whose means are zero, without it."""
    there = ~np.isnan(values)
    known = np.maximum(there.sum(axis=-1), 1)
    places = np.arange(values.shape[-1], dtype=np.float64)
    middle = (there * places).sum(axis=-1) / known
    centred = np.where(there, places - middle[..., None], 0.0)
    squares = (centred**2).sum(axis=-1)
    slope = (centred * np.where(there, values, 0.0)).sum(axis=-1) / np.maximum(squares, 1.0)
    return slope, values - slope[..., None] * (places - middle[..., None])


def _spread(moves: FloatArray, freedom: FloatArray) -> Spread:
    """Root mean square, outlying moves bounded, moderated by the other series; as it is for what is predicted."""
    squares = moves**2
    first = np.sqrt(mean_of(squares))
    bounded = mean_of(np.minimum(squares, (_OUTLYING * first[..., None]) ** 2))
    # of the reference, which is known by as much
    doubt = (freedom + 1) / np.maximum(freedom - 1, 1.0)
    variance = np.where(freedom >= _FEWEST_FREEDOM, np.maximum(bounded * doubt, _SMALLEST**2), np.nan)
    columns = [pooled_variance(variance[:, m], freedom[:, m]) for m in range(variance.shape[1])]
    if not columns:
        return Spread(variance, freedom)
    return Spread(np.sqrt(np.column_stack([v for v, _ in columns])), np.column_stack([f for _, f in columns]))
