"""Power: the smallest slowdown and error rate of an endpoint that would be found in time, told from its own past."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, expm1, inf, isfinite, log, log1p
from zlib import crc32

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

from soakwatch.core.series import Series
from soakwatch.detector.block_spread import REFERENCE
from soakwatch.detector.conditions import Reason
from soakwatch.detector.counting_noise import BOUNDED, counting_variance, shrinks
from soakwatch.detector.error_bounds import ErrorBounds
from soakwatch.detector.error_signals import ErrorSignals
from soakwatch.detector.fast_layer import FastBounds, Yardsticks
from soakwatch.detector.held_signals import GROUP, least_changes
from soakwatch.detector.memory import STEPS, Memory
from soakwatch.detector.metrics import TIMES
from soakwatch.detector.minutes_of_a_day import Minutes, MinutesOfADay
from soakwatch.detector.power_errors import ErrorPower, ErrorTrials
from soakwatch.detector.power_fast import FastPower
from soakwatch.detector.power_search import found_in_most, smallest_found
from soakwatch.detector.power_slow import Past, SlowPower
from soakwatch.detector.power_trials import AFTER, Moments, is_enough, moments_of, out_of_sample, pieces_of, trials_of
from soakwatch.detector.quantiles import median
from soakwatch.detector.references import References
from soakwatch.detector.robust_regression import ridge_of
from soakwatch.detector.sample import FloatArray
from soakwatch.detector.season import TERMS
from soakwatch.detector.slow_bounds import SlowBounds
from soakwatch.detector.timing import BLOCK
from soakwatch.detector.usual_moves import UsualMoves

MOST = 4.0
"""The largest slowdown that is tried: five times as long."""

TIMES_THE_LOAD = 2.0

_TRIALS = 64
_ROUNDS = 7
_ROUNDS_OF_A_DAY = 6
_MAD = 1.4826
_HOURS = 24.0
_LEAST_OF_A_DAY = 1 / 12


@dataclass(frozen=True, slots=True)
class Sight:
    """The smallest change that is found with 80 % probability within an hour, and within a day.

    A slowdown is a ratio minus one, failures are a share of all requests. Infinite where even the largest that was
    tried is missed: a slowdown of MOST, or a failure of everything.
    """

    hour: float
    day: float


@dataclass(frozen=True, slots=True)
class EndpointPower:
    """What would be found of `series`, now and with twice the load.

    `requests` are those of a minute (as they were in the last day), `failing` is the usual share of failures. None
    where it cannot be told, for the `reason`.
    """

    series: Series
    requests: float | None = None
    failing: float | None = None
    slowdown: Sight | None = None
    slowdown_doubled: Sight | None = None
    errors: Sight | None = None
    errors_doubled: Sight | None = None
    reason: str = ""


class PowerStudy:
    """What the detector that remembers `memory` would find, with the `day` before it, step by step.

    The same memory, day and seed give the same numbers, whichever endpoints are asked for.
    """

    def __init__(self, memory: Memory, day: MinutesOfADay, seed: int = 1) -> None:
        self._memory = memory
        self._day = day
        self._seed = seed
        self._usual_failures = ErrorSignals(memory).usual()
        self._learnt, self._long = memory.learnt(), memory.watched_long()
        watched = memory.watched_rows()
        self._fast = FastBounds.of(memory.settings, memory.timing, watched)
        self._slow = SlowBounds.of(memory.settings, memory.timing, watched)
        self._errors = ErrorBounds.of(memory.settings, memory.timing, watched)
        self._sticks = References(memory).sticks(self._fast, {})
        self._design = memory.season.design(memory.block_middles())
        self._hour = round(memory.timing.day / _HOURS / memory.timing.step)

    def of(self, series: Series) -> EndpointPower:
        """What would be found of `series`, an endpoint that the memory knows."""
        row = self._memory.row_of(series)
        if row is None:
            return EndpointPower(series, reason=Reason.NO_DATA.words)
        minutes = self._day.of(series)
        there = ~np.isnan(minutes.requests) & (minutes.requests > 0)
        if not self._long[row]:
            return EndpointPower(series, reason="it is still learnt what is normal")
        if there.mean() < _LEAST_OF_A_DAY:
            return EndpointPower(series, reason="it was tested for less than two hours in the last day")
        random = np.random.default_rng((self._seed, crc32(str((series.environment, series.test, str(series))).encode())))
        power = self._with_errors(EndpointPower(series, float(minutes.requests[there].mean())), row, minutes, random)
        return self._with_slowdown(power, row, minutes, random)

    def _with_errors(self, power: EndpointPower, row: int, minutes: Minutes, random: Generator) -> EndpointPower:
        if not self._usual_failures.requests[row]:
            return power
        now, doubled = (self._errors_at(row, minutes, times, random) for times in (1.0, TIMES_THE_LOAD))
        failing = float(self._usual_failures.share[row])
        return replace(power, failing=failing, errors=now, errors_doubled=doubled)

    def _errors_at(self, row: int, minutes: Minutes, times: float, random: Generator) -> Sight:
        usual, day = self._usual_failures.repeated(row, 1), minutes.requests.size
        hour = np.arange(self._memory.timing.short, self._hour + 1, 2)
        rest = np.arange(self._hour, day + 1, BLOCK)
        found = []
        for looks in (hour, np.concatenate((hour, rest))):
            trials = ErrorTrials.drawn(
                times * minutes.requests, times * minutes.failures, _TRIALS, STEPS, int(looks[-1]), random
            )
            power = ErrorPower(trials, usual, self._errors, looks, STEPS)
            found.append(found_in_most(power.smallest_found(random)))
        return Sight(found[0], min(found))

    def _with_slowdown(self, power: EndpointPower, row: int, minutes: Minutes, random: Generator) -> EndpointPower:
        if not self._learnt[row]:
            return replace(power, reason=Reason.FEW_REQUESTS.words)
        pieces = pieces_of(minutes)
        past = self._past(row)
        usual = self._usual_of(row)
        before = self._slow.lasting + self._slow.jump if usual else REFERENCE + BLOCK
        after = round(self._slow.blocks_a_day) + 1 if usual else AFTER + 1
        moments = moments_of(past.residuals, before, after, _TRIALS, random)
        if moments is None or not is_enough(pieces):
            return replace(power, reason="too little of its past is without gaps")
        fast = self._fast_power(row, past, pieces, moments, random)
        slow = self._slow_power(row, past, moments, usual, random)
        least = least_changes(self._memory, slice(row, row + 1))
        steps = _Smallest.of(fast, slow, min(self._hour, AFTER * BLOCK), float(least.min()))
        factors = _Factors.of(counting_variance(minutes), pieces, self._sticks_of(row), self._fast, usual, self._slow)
        return replace(power, slowdown=steps.sight(), slowdown_doubled=steps.scaled(factors, float(least.min())).sight())

    def _past(self, row: int) -> Past:
        blocks = self._memory.blocks
        inside = (blocks.reasons[row] == int(Reason.NONE)) & (
            blocks.numbers() >= self._memory.since[row, TIMES, None]
        )
        residuals = np.where(inside, blocks.residuals[row, TIMES].astype(np.float64), np.nan)
        known = np.flatnonzero(~np.isnan(residuals).all(axis=0))
        part = slice(int(known[0]) if known.size else residuals.shape[1], None)
        residuals, design, ridge = residuals[:, part], self._design[part], ridge_of(TERMS)
        scale = _MAD * median(np.abs(residuals))
        left = out_of_sample(residuals, design, ridge, round(self._slow.blocks_a_day))
        return Past(left, design, ridge, scale)

    def _usual_of(self, row: int) -> UsualMoves | None:
        usual = self._memory.usual.get(row // GROUP)
        return usual.of(row % GROUP) if usual is not None and row % GROUP < len(usual.reference) else None

    def _sticks_of(self, row: int) -> Yardsticks:
        one = slice(row, row + 1)
        all_ = self._sticks
        return Yardsticks(
            all_.reference[one], all_.move_sd[one], all_.level_sd[one], all_.move_freedom[one], all_.level_freedom[one]
        )

    def _fast_power(
        self, row: int, past: Past, pieces: FloatArray, moments: Moments, random: Generator
    ) -> FastPower:
        baselines = self._memory.baselines
        classes = np.maximum(self._memory.recent.classes[row, -1:], 0)
        normal = baselines.coefficients[row, TIMES] @ past.design.T + baselines.offsets[row, TIMES][:, classes]
        trials = trials_of(past.residuals, np.exp(normal), pieces, moments, random)
        return FastPower(trials, self._sticks_of(row), self._fast, self._memory.timing)

    def _slow_power(
        self, row: int, past: Past, moments: Moments, usual: UsualMoves | None, random: Generator
    ) -> SlowPower | None:
        if usual is None:
            return None
        least = least_changes(self._memory, slice(row, row + 1))
        return SlowPower.of(past, moments, usual, least, self._slow, random)


@dataclass(frozen=True, slots=True)
class _Smallest:
    """The smallest shifts of a log level that are found in n trials: within the hour, by the fast and the slow layer."""

    hour: FloatArray
    fast: FloatArray
    slow: FloatArray

    @classmethod
    def of(cls, fast: FastPower, slow: SlowPower | None, hour: int, least: float) -> "_Smallest":
        n = len(fast.trials.onsets)
        low, high = np.full(n, least / 2), np.full(n, log1p(MOST))
        within = smallest_found(lambda shift: fast.found(shift, hour, 2), low, high, _ROUNDS)
        bound = np.where(np.isfinite(within), 1.1 * within, high)
        later = smallest_found(lambda shift: fast.found(shift, AFTER * BLOCK, 6), low, bound, _ROUNDS_OF_A_DAY)
        held = np.full(n, np.inf) if slow is None else smallest_found(slow.found, low, high, _ROUNDS)
        return cls(within, np.minimum(within, later), held)

    def scaled(self, factors: "_Factors", least: float) -> "_Smallest":
        hour, fast, slow = self.hour * factors.fast, self.fast * factors.fast, self.slow * factors.slow
        return _Smallest(*(np.maximum(one, least) for one in (hour, fast, slow)))

    def sight(self) -> Sight:
        hour, day = found_in_most(self.hour), found_in_most(np.minimum(self.fast, self.slow))
        return Sight(expm1(hour), expm1(min(hour, day)))


@dataclass(frozen=True, slots=True)
class _Factors:
    """What becomes of the smallest shifts with more load: they are as many standard deviations as before."""

    fast: float
    slow: float

    @classmethod
    def of(
        cls,
        counting: FloatArray,
        pieces: FloatArray,
        sticks: Yardsticks,
        fast: FastBounds,
        usual: UsualMoves | None,
        slow: SlowBounds,
    ) -> "_Factors":
        counting = BOUNDED * np.minimum(counting, pieces.var(axis=(0, 2)))
        window = 1
        steps = fast.windows[window].steps
        move = sticks.move_sd[0, TIMES, window]
        of_fast = _factor(move, counting * (1 / steps + 1 / (REFERENCE * BLOCK)))
        if usual is None:
            return cls(of_fast, 1.0)
        jump = usual.jump.deviation[0]
        return cls(of_fast, _factor(jump, counting * 2 / (slow.jump * BLOCK)))


def _factor(deviation: FloatArray, counting: FloatArray) -> float:
    """Of the metric that tells most, before and after."""
    known = np.isfinite(deviation)
    if not known.any():
        return 1.0
    after = deviation * shrinks(deviation**2, counting, TIMES_THE_LOAD)
    return float(after[known].min() / deviation[known].min())
