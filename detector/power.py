"""Power: the smallest slowdown and error rate of an endpoint that would be found in time, told from its own past."""

from dataclasses import dataclass, fields, replace
from zlib import crc32

import numpy as np
from numpy.random import Generator

from soakwatch.core.roll_up import MINUTE
from soakwatch.core.series import Series
from soakwatch.detector.block_spread import REFERENCE
from soakwatch.detector.conditions import Reason
from soakwatch.detector.counting_noise import counting_variance
from soakwatch.detector.error_bounds import ErrorBounds
from soakwatch.detector.error_signals import ErrorSignals
from soakwatch.detector.fast_layer import FastBounds, Yardsticks
from soakwatch.detector.held_signals import GROUP, least_changes
from soakwatch.detector.memory import Memory
from soakwatch.detector.metrics import TIMES
from soakwatch.detector.minutes_of_a_day import Minutes, MinutesOfADay
from soakwatch.detector.power_errors import ErrorPower, ErrorTrials
from soakwatch.detector.power_fast import FastPower
from soakwatch.detector.power_search import found_in_most
from soakwatch.detector.power_slow import Gates, Past, SlowPower
from soakwatch.detector.power_slowdown import Sight, smallest_shifts
from soakwatch.detector.power_trials import AFTER, is_enough, moments_of, out_of_sample, pieces_of, trials_of
from soakwatch.detector.quantiles import median
from soakwatch.detector.references import References
from soakwatch.detector.robust_regression import ridge_of
from soakwatch.detector.sample import FloatArray
from soakwatch.detector.season import TERMS
from soakwatch.detector.slow_bounds import SlowBounds
from soakwatch.detector.timing import BLOCK

TIMES_THE_LOAD = 2.0
"""What is told beside the present load."""

_MAD = 1.4826
_HOURS = 24.0
_LEAST_OF_A_DAY = 1 / 12


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
        self._design = memory.block_design()
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
        random = np.random.default_rng(
            (self._seed, crc32(str((series.environment, series.test, str(series))).encode()))
        )
        requests = float(minutes.requests[there].mean()) * MINUTE / self._memory.timing.step
        power = self._with_errors(EndpointPower(series, requests), row, minutes, random)
        return self._with_slowdown(power, row, minutes, random)

    def _with_errors(self, power: EndpointPower, row: int, minutes: Minutes, random: Generator) -> EndpointPower:
        if not self._usual_failures.requests[row]:
            return power
        now, doubled = (self._errors_at(row, minutes, times, random) for times in (1.0, TIMES_THE_LOAD))
        failing = float(self._usual_failures.share[row])
        return replace(power, failing=failing, errors=now, errors_doubled=doubled)

    def _errors_at(self, row: int, minutes: Minutes, load: float, random: Generator) -> Sight:
        usual, day = self._usual_failures.repeated(row, 1), minutes.requests.size
        hour = np.arange(self._memory.timing.short, self._hour + 1)
        later = np.concatenate((hour, np.arange(self._hour, day + 1, BLOCK)))
        sizes = []
        for looks in (hour, later):
            trials = ErrorTrials.drawn(minutes, load, int(looks[-1]), random)
            sizes.append(found_in_most(ErrorPower(trials, usual, self._errors, looks).smallest_found(random)))
        return Sight(sizes[0], min(sizes))

    def _with_slowdown(self, power: EndpointPower, row: int, minutes: Minutes, random: Generator) -> EndpointPower:
        if not self._learnt[row]:
            return replace(power, reason=Reason.FEW_REQUESTS.words)
        past, pieces, gates = self._past(row), pieces_of(minutes), self._gates(row)
        before, after = (REFERENCE + BLOCK, AFTER + 1) if gates is None else (gates.bounds.of_a_step, past.day + 1)
        moments = moments_of(past.residuals, before, after, random)
        if moments is None or not is_enough(pieces):
            return replace(power, reason="too little of its past is without gaps")
        trials = trials_of(past.residuals, self._normal_ms(row, past), pieces, moments, random)
        fast = FastPower(trials, self._sticks_of(row), self._fast, self._memory.timing)
        slow = None if gates is None else SlowPower.of(past, moments, gates, random)
        shifts = smallest_shifts(fast, slow, self._hour)
        # no more of it than there is between the steps of a block
        counting = np.minimum(counting_variance(minutes), pieces.var(axis=(0, 2)))
        doubled = shifts.with_load(TIMES_THE_LOAD, counting, fast, slow)
        return replace(power, slowdown=shifts.sight(), slowdown_doubled=doubled.sight())

    def _past(self, row: int) -> Past:
        blocks = self._memory.blocks
        inside = (blocks.reasons[row] == int(Reason.NONE)) & (blocks.numbers() >= self._memory.since[row, TIMES, None])
        residuals = np.where(inside, self._memory.block_residuals(slice(row, row + 1), slice(None))[0, TIMES], np.nan)
        known = np.flatnonzero(~np.isnan(residuals).all(axis=0))
        part = slice(int(known[0]) if known.size else residuals.shape[1], None)
        residuals, design, ridge = residuals[:, part], self._design[part], ridge_of(TERMS)
        day = round(self._slow.blocks_a_day)
        left = out_of_sample(residuals, design, ridge, day)
        return Past(left, design, ridge, _MAD * median(np.abs(residuals)), day)

    def _gates(self, row: int) -> Gates | None:
        """What the slow layer judges it by; None while that is not known."""
        usual = self._memory.usual.get(row // GROUP)
        if usual is None or row % GROUP >= len(usual.reference):
            return None
        return Gates(usual.of(row % GROUP), least_changes(self._memory, slice(row, row + 1)), self._slow)

    def _sticks_of(self, row: int) -> Yardsticks:
        return Yardsticks(*(getattr(self._sticks, one.name)[row : row + 1, TIMES] for one in fields(Yardsticks)))

    def _normal_ms(self, row: int, past: Past) -> FloatArray:
        """What is normal in each block of the `past` at the load of now; (4, k)."""
        baselines = self._memory.baselines
        load = np.maximum(self._memory.recent.classes[row, -1:], 0)
        normal: FloatArray = baselines.coefficients[row, TIMES] @ past.design.T + baselines.offsets[row, TIMES][:, load]
        return np.exp(normal)
