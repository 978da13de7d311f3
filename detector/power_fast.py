"""Fast power: how much slower a series must get for the fast layer to find it, in each of many trials."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from soakwatch.detector.block_spread import REFERENCE
from soakwatch.detector.bounded import bounded_mean, counted
from soakwatch.detector.fast_layer import FastBounds, Yardsticks, read
from soakwatch.detector.power_trials import AFTER, BEFORE, Trials, with_shift
from soakwatch.detector.sample import FloatArray
from soakwatch.detector.timing import BLOCK, Timing

_FIRST = 10
"""Steps after the onset before which nothing can be found: the shortest window has hardly begun."""

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class FastPower:
    """Asks the fast layer, `read`, of trials of one series; `sticks` are those of its response times, (1, 4, ...)."""

    trials: Trials
    sticks: Yardsticks
    bounds: FastBounds
    timing: Timing

    def found(self, shift: FloatArray, within: int, every: int) -> Mask:
        """In which of the n trials a level that is worse by `shift` (n,) is confirmed `within` so many steps.

        It is looked at each so many steps only; what is seen is taken to have been so since the last look.
        """
        trials = self.trials
        steps = with_shift(trials.steps, trials.onsets, shift)
        references = _references(steps, trials.levels)
        course = _Course.begin(len(shift), self.timing)
        for newest in range(BEFORE * BLOCK + _FIRST, BEFORE * BLOCK + within + BLOCK, every):
            since = newest + 1 - trials.onsets
            inside = (since <= within) & (since > 0)
            if not inside.any() or newest >= steps.shape[-1]:
                continue
            course.look(self._standing(steps[..., : newest + 1], references, newest, course), inside, every)
        return course.confirmed

    def _standing(self, steps: FloatArray, references: FloatArray, newest: int, course: "_Course") -> tuple[Mask, Mask]:
        """Where there is an alarm, and where an open incident goes on; both (n, 4)."""
        n, windows = len(steps), self.bounds.windows
        reference = np.full((n, steps.shape[1], len(windows)), np.nan)
        for place, window in enumerate(windows):
            # of what is suspected it is the level before its onset
            last = np.where(course.suspected, BEFORE - 1, (newest + 1 - window.steps) // BLOCK - 1)
            reference[..., place] = np.take_along_axis(references, last[:, None, None], axis=-1)[..., 0]
        sticks = replace(self.sticks, reference=reference)
        residuals = steps[..., -max(window.steps for window in windows) :]
        reading = read(residuals, self.trials.normal_ms, np.zeros(n, dtype=bool), sticks, self.bounds)
        return reading.alarm, reading.elevated


@dataclass(slots=True)
class _Course:
    """How the findings of n trials go on, as `following` and `incidents` have it; `held` and `quiet` are (n, 4)."""

    timing: Timing
    held: FloatArray
    quiet: FloatArray
    suspected: Mask
    confirmed: Mask

    @classmethod
    def begin(cls, trials: int, timing: Timing) -> "_Course":
        """Nothing is suspected."""
        none = np.zeros(trials, dtype=bool)
        return cls(timing, np.zeros((trials, 4)), np.zeros((trials, 4)), none, none)

    def look(self, standing: tuple[Mask, Mask], inside: Mask, steps: int) -> None:
        """Go on by so many `steps`, in the trials `inside`."""
        alarm, elevated = standing[0] & inside[:, None], standing[1]
        # it began anywhere since the last look
        grown = np.where(self.held > 0, self.held + steps, (steps + 1) / 2)
        normal = ~elevated & inside[:, None]
        self.held = np.where(alarm, grown, np.where(normal, np.maximum(self.held - steps, 0), self.held))
        self.quiet = np.where(alarm, 0, self.quiet + steps * inside[:, None])
        self.confirmed = self.confirmed | (self.held >= self.timing.hold).any(axis=1)
        dropped = (self.quiet >= self.timing.patience).all(axis=1)
        self.held[dropped] = 0
        self.suspected = (self.suspected | alarm.any(axis=1)) & ~dropped


def _references(steps: FloatArray, older: FloatArray) -> FloatArray:
    """Levels of the REFERENCE blocks up to each block of `steps`; (n, 4, BEFORE + 1 + AFTER), NaN with too few."""
    levels = bounded_mean(np.sort(steps.reshape(*steps.shape[:2], BEFORE + 1 + AFTER, BLOCK), axis=-1))
    everything = np.concatenate((older, levels), axis=-1)
    windows = np.sort(np.lib.stride_tricks.sliding_window_view(everything, REFERENCE, axis=-1), axis=-1)
    known = np.where(counted(windows) >= REFERENCE // 2, bounded_mean(windows), np.nan)
    return known[..., -(BEFORE + 1 + AFTER) :]
