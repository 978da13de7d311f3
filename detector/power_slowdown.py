"""Slowdown power: the smallest slowdown that either layer finds, and what more load makes of it."""

from dataclasses import dataclass, replace
from math import expm1, log1p

import numpy as np

from soakwatch.detector.block_spread import REFERENCE
from soakwatch.detector.counting_noise import BOUNDED, shrinks
from soakwatch.detector.power_fast import FastPower
from soakwatch.detector.power_search import found_in_most, smallest_found
from soakwatch.detector.power_slow import SlowPower
from soakwatch.detector.power_trials import AFTER
from soakwatch.detector.sample import FloatArray
from soakwatch.detector.timing import BLOCK

MOST = 4.0
"""The largest slowdown that is tried: five times as long."""

_ROUNDS = 7
_ROUNDS_LATER = 6
_EVERY, _EVERY_LATER = 2, 6
"""Steps from one look of the fast layer to the next, in the first hour and after it."""

_WINDOW = 1
"""Of the fast layer's windows the one whose noise stands for that of all: half an hour."""


@dataclass(frozen=True, slots=True)
class Sight:
    """The smallest change that is found with 80 % probability within an hour, and within a day.

    A slowdown is a ratio minus one, failures are a share of all requests. Infinite where even the largest that was
    tried is missed: a slowdown of MOST, or a failure of everything.
    """

    hour: float
    day: float


@dataclass(frozen=True, slots=True)
class Shifts:
    """The smallest shifts of a log level that are found in n trials; infinite where none that was tried is.

    `hour` within the hour, `fast` within the day by the fast layer, `slow` by the slow one; `least` counts at all.
    """

    hour: FloatArray
    fast: FloatArray
    slow: FloatArray
    least: float

    def sight(self) -> Sight:
        """What is found in most of the trials."""
        hour, day = found_in_most(self.hour), found_in_most(np.minimum(self.fast, self.slow))
        return Sight(expm1(hour), expm1(min(hour, day)))

    def with_load(self, times: float, counting: FloatArray, fast: FastPower, slow: SlowPower | None) -> "Shifts":
        """The same with so many `times` the load: shifts that are as many standard deviations as before.

        `counting` (4,) is what chance does to a single step, as a variance. Of what stretches differ by, the part that
        is counting falls; how the level moves stays as it is. Thresholds are learnt from such differences and follow.
        """
        steps = fast.bounds.windows[_WINDOW].steps
        of_fast = _factor(fast.sticks.move_sd[0, :, _WINDOW], _of_difference(counting, steps, REFERENCE * BLOCK), times)
        of_slow = 1.0
        if slow is not None:
            jump = slow.gates.bounds.jump * BLOCK
            of_slow = _factor(slow.gates.usual.jump.deviation[0], _of_difference(counting, jump, jump), times)
        return replace(
            self,
            hour=self._scaled(self.hour, of_fast),
            fast=self._scaled(self.fast, of_fast),
            slow=self._scaled(self.slow, of_slow),
        )

    def _scaled(self, shifts: FloatArray, factor: float) -> FloatArray:
        """What counts at all is as much as before, however well it is known."""
        return np.minimum(shifts, np.maximum(shifts * factor, self.least))


def smallest_shifts(fast: FastPower, slow: SlowPower | None, hour: int) -> Shifts:
    """Search in all trials; `hour` is how many steps the hour has, as far as there are trials of it."""
    n = len(fast.trials.onsets)
    low, high = np.full(n, fast.bounds.least / 2), np.full(n, log1p(MOST))
    within = min(hour, AFTER * BLOCK)
    soon = smallest_found(lambda shift: fast.found(shift, within, _EVERY), low, high, _ROUNDS)
    # what is found in an hour is found in a day
    most = np.where(np.isfinite(soon), 1.1 * soon, high)
    later = smallest_found(lambda shift: fast.found(shift, AFTER * BLOCK, _EVERY_LATER), low, most, _ROUNDS_LATER)
    held = np.full(n, np.inf) if slow is None else smallest_found(slow.found, low, high, _ROUNDS)
    return Shifts(soon, np.minimum(soon, later), held, fast.bounds.least)


def _of_difference(counting: FloatArray, steps: int, before: int) -> FloatArray:
    """Variance of the difference of bounded means over so many steps, and over those before them, by counting."""
    return BOUNDED * counting * (1 / steps + 1 / before)


def _factor(deviation: FloatArray, counting: FloatArray, times: float) -> float:
    """What becomes of the standard deviation of the metric that is steadiest, before and after."""
    known = np.isfinite(deviation)
    if not known.any():
        return 1.0
    after = deviation * shrinks(deviation**2, counting, times)
    return float(after[known].min() / deviation[known].min())
