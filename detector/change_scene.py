"""A series made ready for finding changes: log levels without season, more and less clipped, and their noise."""

from dataclasses import dataclass
from math import log

import numpy as np

from soakwatch.detector.deseasoned import Seasonality
from soakwatch.detector.log_level import clipped, grain, log_levels
from soakwatch.detector.noise import Noise, noise_of
from soakwatch.detector.sample import FloatArray, IntArray
from soakwatch.detector.segmentation import segmented

_HARD = 3.0
"""Standard deviations at which points are clipped for means, which one spike would carry away."""

_SOFT = 6.0
"""The same for statistics that withstand more themselves, and should see that a series has spikes."""

_FEWEST_POINTS = 10

_STEPS_BESIDE_SEASON = 12.0
"""Penalty, in log n, of the steps that are estimated together with the season: only what is beyond doubt."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The n finite points of a series, which are `at` (n,) in the values that were given.

    `levels`, `soft` and `hard` (n,) are log levels without season: as they are, mildly and strongly clipped. `season`
    is how many points it had, 0 where none was removed.
    """

    at: IntArray
    levels: FloatArray
    soft: FloatArray
    hard: FloatArray
    noise: Noise
    season: int

    @property
    def size(self) -> int:
        """Number of points."""
        return self.at.size

    @property
    def log_size(self) -> float:
        """Its logarithm, which penalties grow with (Yao, Statistics & Probability Letters 6, 1988)."""
        return log(self.size)


def scene_of(values: FloatArray, period: int | None) -> Scene | None:
    """Look at `values` (n,), of which any may be missing (NaN) or infinite; None when too few are left."""
    at = np.flatnonzero(np.isfinite(values))
    if at.size < _FEWEST_POINTS:
        return None
    levels = log_levels(values[at])
    seasonality = Seasonality(at - at[0], period) if period and period > 1 else None
    if seasonality is None or not seasonality.known:
        return _scene(at, levels, None, grain(levels))
    rough = _scene(at, seasonality.removed(levels), None, grain(levels))
    steps = segmented(rough.hard, rough.noise.long_run * _STEPS_BESIDE_SEASON * rough.log_size)
    return _scene(at, seasonality.removed(levels, steps), period, grain(levels))


def _scene(at: IntArray, levels: FloatArray, period: int | None, step: float) -> Scene:
    hard = clipped(levels, _HARD, step)
    return Scene(at, levels, clipped(levels, _SOFT, step), hard, noise_of(hard, period, step), period or 0)
