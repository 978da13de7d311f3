"""Fast layer: whether a metric is worse than it was, for so long that no bump explains it."""

from dataclasses import dataclass
from math import ceil, log1p, log2

import numpy as np
import numpy.typing as npt

from soakwatch.core.detector_settings import DetectorSection
from soakwatch.detector.bounded import bounded_mean, counted, exceeded_by
from soakwatch.detector.gates import gaussian, threshold
from soakwatch.detector.metrics import RATE
from soakwatch.detector.sample import FloatArray
from soakwatch.detector.timing import Timing

Mask = npt.NDArray[np.bool_]

_ENOUGH = 0.8
"""Share of a window's steps that must be there."""

_FROM_BASELINE = 2.5
"""Standard deviations that the level must be from the rolling baseline, too: coming back from an unusually good hour
is no regression."""

_AHEAD = 1.1
"""How much more the next weeks differ than those in which it was learnt how much is usual: by simulation of histories
without spikes (benchmarks/detection.py), with this factor chance is as rare as its p-value says."""

_STILL = 2.0
"""Standard deviations from the reference, and one from the baseline, while which an open incident goes on."""


@dataclass(frozen=True, slots=True)
class Window:
    """The last `steps`, of which the share `persistent` must be nearer to the new level than to the old one.

    That is what keeps bumps quiet: two of eight minutes cannot fill 14 of 15, 24 of 30 or 40 of 60.
    """

    steps: int
    persistent: float


@dataclass(frozen=True, slots=True)
class FastBounds:
    """What counts as evidence. `least` and `floor` are the smallest relative and absolute (ms) changes."""

    windows: tuple[Window, ...]
    short: int
    z: float
    least: float
    floor: float

    @classmethod
    def of(cls, settings: DetectorSection, timing: Timing, series: int) -> "FastBounds":
        """As `settings` say, where so many `series` are watched."""
        long = timing.long
        windows = (Window(long // 2, 1 - 1 / (long // 2)), Window(long, 0.8), Window(2 * long, 2 / 3))
        # the number of series is rounded up, so that one more does not move every threshold
        alike = 2 ** (ceil(2 * log2(max(series, 1))) / 2)
        return cls(
            windows,
            timing.short,
            threshold(alike, settings.false_incidents, timing),
            log1p(settings.min_effect),
            settings.floor,
        )


@dataclass(frozen=True, slots=True)
class Yardsticks:
    """What the windows are held against; all arrays have the shape (s, m, windows).

    `reference` is the level of the blocks before the window (NaN where there are none), `move_sd` how much such a
    difference usually is, `level_sd` how far such a mean usually is from the rolling baseline; with their freedom.
    """

    reference: FloatArray
    move_sd: FloatArray
    level_sd: FloatArray
    move_freedom: FloatArray
    level_freedom: FloatArray


@dataclass(frozen=True, slots=True)
class FastReading:
    """What the fast layer reads; arrays of shape (s, m) but for the first three, which are (s, m, windows).

    `level` is the windows' level, `change` its difference from the reference (from the baseline where there is none),
    `z` how many Gaussian standard deviations that is. `alarm` and `elevated` mark where it is worse; `best` is the
    window with the clearest evidence.
    """

    level: FloatArray
    change: FloatArray
    z: FloatArray
    from_baseline: FloatArray
    alarm: Mask
    elevated: Mask
    best: npt.NDArray[np.int64]


def read(
    residuals: FloatArray, normal_ms: FloatArray, patient: Mask, sticks: Yardsticks, bounds: FastBounds
) -> FastReading:
    """Judge the newest steps of `residuals` (s, m, n); `normal_ms` (s, m) is what is normal now.

    Those which `patient` (s,) marks are not judged by the shortest window: the throughput of a whole service has the
    bumps of all of its endpoints, which fill a quarter of an hour about once a month.
    """
    levels, persists = [], []
    reference = np.where(np.isnan(sticks.reference), 0.0, sticks.reference)
    for index, window in enumerate(bounds.windows):
        ordered = np.sort(residuals[..., -window.steps :], axis=-1)
        enough = counted(ordered) >= _ENOUGH * window.steps
        level = np.where(enough, bounded_mean(ordered), np.nan)
        between = (reference[..., index] + level) / 2
        levels.append(level)
        persists.append(exceeded_by(ordered, window.persistent) > between)
    level = np.stack(levels, axis=-1)
    change = level - reference
    z, from_baseline = _evidence(level, change, sticks)
    newest = np.sort(residuals[..., -bounds.short :], axis=-1)
    still = exceeded_by(newest, 0.5)[..., None] > (reference + level) / 2
    with np.errstate(invalid="ignore"):
        clear: Mask = (z > bounds.z) & (from_baseline > _FROM_BASELINE) & np.stack(persists, axis=-1) & still
        clear = clear & _is_large(change, reference, normal_ms, bounds)
    clear[patient, :, 0] = False
    alarm = np.asarray(clear.any(axis=-1))
    best = np.argmax(np.where(clear, z, -np.inf), axis=-1)
    return FastReading(level, change, z, from_baseline, alarm, alarm | _goes_on(change, z, from_baseline, bounds), best)


def _evidence(level: FloatArray, change: FloatArray, sticks: Yardsticks) -> tuple[FloatArray, FloatArray]:
    """Standard deviations from the reference, and from the baseline."""
    alone = np.isnan(sticks.reference)
    from_baseline = gaussian(level / (_AHEAD * sticks.level_sd), sticks.level_freedom)
    from_reference = gaussian(change / (_AHEAD * sticks.move_sd), sticks.move_freedom)
    return np.where(alone, from_baseline, from_reference), from_baseline


def _is_large(change: FloatArray, reference: FloatArray, normal_ms: FloatArray, bounds: FastBounds) -> Mask:
    before = normal_ms[..., None] * np.exp(np.clip(reference, -50, 50))
    by = before * np.expm1(np.clip(change, -50, 50))
    # also where only response times are asked about
    by[:, RATE:] = np.inf
    large: Mask = (change > bounds.least) & (by > bounds.floor)
    return large


def _goes_on(change: FloatArray, z: FloatArray, from_baseline: FloatArray, bounds: FastBounds) -> Mask:
    with np.errstate(invalid="ignore"):
        worse: Mask = (change[..., 0] > bounds.least) & (z[..., 0] > _STILL) & (from_baseline[..., 0] > 1.0)
    return worse
