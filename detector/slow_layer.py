"""Slow layer: levels that have held for hours, judged by how much this series' own levels usually move."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from soakwatch.detector.bounded_blocks import bounded_by_neighbours
from soakwatch.detector.sample import FloatArray
from soakwatch.detector.slow_bounds import SlowBounds
from soakwatch.detector.usual_moves import Spread, UsualMoves, mean_of

BoolArray = npt.NDArray[np.bool_]

_CLUMPS = 3.0
"""A jump and the level after it are correlated (about .3), which makes both together this much more frequent."""

_LEAST_DEVIATIONS = 2.0
"""What a jump and the level after it must show each: neither a return to normal nor a wander is a step."""

_LEAST_PRESENT = 0.5
_STILL = 0.5
"""Part of what counts as a change, from which an incident that is open goes on."""

_RECENTLY = 0.8
"""The latter half of the held blocks must be as much of the change: else it is about to be over. So must the first
hours of an improvement that lasts."""

_POINTS = 72
"""Of days so many blocks are enough: their mean moves by far more than what is between them."""

_TREND_LOOKS = 6.0
"""Independent looks at the trend over all of a history while one goes by."""


@dataclass(frozen=True, slots=True)
class Levels:
    """What the newest blocks amount to; arrays have shape (s, m).

    `worse` passes every gate, `elevated` is so much above the reference that an incident goes on, `better` is an
    improvement that has lasted. `level` is the mean over the held blocks less the reference, on a log scale, `jump`
    how much it changed when the held blocks began.
    """

    worse: BoolArray
    elevated: BoolArray
    better: BoolArray
    level: FloatArray
    jump: FloatArray


@dataclass(frozen=True, slots=True)
class HeldMeans:
    """Means of the newest blocks less the reference, on a log scale; arrays have shape (s, m), NaN with too few.

    `held`, `lasting` and `days` are over so many blocks, `lately` is over the latter half of the held ones, `eldest`
    over the first hours of the lasting ones. The jumps are how much the level changed when these began.
    """

    held: FloatArray
    lasting: FloatArray
    days: FloatArray
    lately: FloatArray
    eldest: FloatArray
    jump: FloatArray
    long_jump: FloatArray


def judge_levels(recent: FloatArray, usual: UsualMoves, least: FloatArray, bounds: SlowBounds) -> Levels:
    """Judge the newest blocks, `recent` (s, m, n) with n >= `bounds.blocks`, by what is `usual`.

    `least` (s, m) is the smallest change, as a log ratio, that counts.
    """
    return judge_means(held_means(recent, usual.reference, usual.noise, bounds), usual, least, bounds)


def held_means(recent: FloatArray, reference: FloatArray, noise: FloatArray, bounds: SlowBounds) -> HeldMeans:
    """What there is to judge of the newest blocks, `recent` (s, m, n) with n >= `bounds.blocks`.

    `reference` and `noise` (s, m) are the usual level, and how much a block usually differs from its neighbours.
    """
    newest = recent[..., -bounds.lasting - bounds.jump :]
    values = bounded_by_neighbours(newest, noise) - reference[..., None]
    sparse = recent[..., -bounds.long :][..., :: max(bounds.long // _POINTS, 1)]
    return HeldMeans(
        held=mean_of(values[..., -bounds.held :], _LEAST_PRESENT),
        lasting=mean_of(values[..., -bounds.lasting :], _LEAST_PRESENT),
        days=mean_of(bounded_by_neighbours(sparse, noise), _LEAST_PRESENT) - reference,
        lately=mean_of(values[..., -max(bounds.held // 2, 1) :], _LEAST_PRESENT),
        eldest=mean_of(values[..., -bounds.lasting :][..., : max(bounds.held // 3, 1)], _LEAST_PRESENT),
        jump=_jump_before(values, bounds.held, bounds.jump),
        long_jump=_jump_before(values, bounds.lasting, bounds.jump),
    )


def judge_means(means: HeldMeans, usual: UsualMoves, least: FloatArray, bounds: SlowBounds) -> Levels:
    """Judge `means` by what is `usual`; `least` (s, m) is the smallest change, as a log ratio, that counts.

    Four ways to be worse: a jump after which the level has held, both together improbable; a level that is improbable
    however it came about, of hours or of days; a trend over weeks.
    """
    held, lasting, lately = means.held, means.lasting, means.lately
    allowed = float(np.log(bounds.allowed))
    with np.errstate(invalid="ignore"):
        step = _step_rate(means.jump, usual.jump, held, usual.held, bounds) <= allowed
        level = _level_rate(held, usual.held, bounds.held) <= allowed
        long_level = _level_rate(lasting, usual.lasting, bounds.lasting) <= allowed
        long_level |= _level_rate(means.days, usual.long, bounds.long) <= allowed
        trend = _is_trend(usual, least, allowed)
        up = ((step | level) & (held >= least)) | ((long_level | trend) & (lasting >= least))
        down = _step_rate(-means.long_jump, usual.jump, -lasting, usual.lasting, bounds) <= allowed
        down |= _level_rate(-lasting, usual.lasting, bounds.lasting) <= allowed
        better = down & (lasting <= -least) & (np.maximum(lately, means.eldest) <= -_RECENTLY * least)
        elevated = (lately >= _STILL * least) & (lately >= usual.held.deviation)
        worse = up & (lately >= _RECENTLY * least)
    return Levels(worse, elevated, better, held, means.jump)


def _jump_before(values: FloatArray, since: int, width: int) -> FloatArray:
    """How much the level changed `since` blocks before the end."""
    n = values.shape[-1]
    after = mean_of(values[..., n - since : n - since + width], _LEAST_PRESENT)
    before = mean_of(values[..., max(n - since - width, 0) : n - since], _LEAST_PRESENT)
    return after - before


def _log_tail(value: FloatArray, spread: Spread) -> FloatArray:
    """Logarithm of how much rarer a crossing of `value` is than one of zero.

    For a normal process exp(-z^2 / 2) (Rice, Bell System Technical Journal 24, 1945); where the deviation is itself
    estimated, that of a t field (Worsley, Advances in Applied Probability 26, 1994, theorem 3.1).
    """
    z = value / spread.deviation
    freedom = np.maximum(spread.freedom, 2.0)
    log_tail: FloatArray = np.where(value > 0, -(freedom - 1) / 2 * np.log1p(z * z / freedom), 0.0)
    return np.where(np.isnan(z), np.inf, log_tail)


def _level_rate(level: FloatArray, spread: Spread, width: int) -> FloatArray:
    """Logarithm of how often, in a block, a mean over `width` blocks rises above `level` by chance.

    A mean over a stretch crosses its own mean upwards about once in two of them.
    """
    return _log_tail(level, spread) - float(np.log(2.0 * width))


def _step_rate(jump: FloatArray, jumps: Spread, level: FloatArray, levels: Spread, bounds: SlowBounds) -> FloatArray:
    """Logarithm of how often, in a block, a jump and a level after it are as large by chance."""
    rate = _log_tail(jump, jumps) + _log_tail(level, levels) + float(np.log(_CLUMPS / bounds.jump))
    enough = (jump >= _LEAST_DEVIATIONS * jumps.deviation) & (level >= _LEAST_DEVIATIONS * levels.deviation)
    return np.where(enough, rate, np.inf)


def _is_trend(usual: UsualMoves, least: FloatArray, allowed: float) -> BoolArray:
    """Whether the whole history grows, by more than what counts, and improbably so."""
    rate = _log_tail(usual.slope, usual.slope_spread) + float(np.log(_TREND_LOOKS / max(usual.history, 1)))
    return np.asarray((rate <= allowed) & (usual.slope * usual.history >= least))
