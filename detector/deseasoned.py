"""Deseasoned: log levels without what comes back at the same time of every season."""

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import median_filter

from soakwatch.detector.log_level import typical
from soakwatch.detector.sample import FloatArray, IntArray

_HARMONICS = 4
"""Waves of a day, the shortest six hours long; half or twice as many find the same (benchmarks/changepoint.py)."""

_FEWEST_SEASONS = 2
_SEASONS_OF_A_PEAK = 3
_PEAK = 4.0
"""Standard errors from which a time of day is a peak of its own, such as a nightly job; in a day of 144 points, chance
makes one in a hundred series."""

_HUBER = 1.5
_ITERATIONS = 5
_MEDIAN_TO_ERROR = 1.2533


class Seasonality:
    """A season of `period` points, seen by points `at` (n,), whole numbers that count from the first one."""

    def __init__(self, at: IntArray, period: int) -> None:
        self._at = at
        self._period = period
        angles = np.outer(2 * np.pi * at / period, np.arange(1, _HARMONICS + 1))
        self._waves: FloatArray = np.hstack([np.sin(angles), np.cos(angles)])

    @property
    def known(self) -> bool:
        """Whether there is enough to learn from: two seasons, and more points than waves in each of them."""
        size, seasons = self._at.size, (int(self._at[-1]) + 1) / self._period if self._at.size else 0.0
        return seasons >= _FEWEST_SEASONS and size >= _FEWEST_SEASONS * 2 * self._waves.shape[1]

    def removed(self, levels: FloatArray, steps: Sequence[int] | None = None) -> FloatArray:
        """Give `levels` (n,) less their season; where `steps` are known, they are estimated together.

        Harmonic regression with Huber's weights (Huber, "Robust estimation of a location parameter", Annals of
        Mathematical Statistics 35, 1964). Without `steps` the level is taken as a running median over a season.
        """
        if steps is None:
            smooth = median_filter(levels, size=self._points_of_a_season | 1, mode="nearest")
            return levels - self._waves @ _huber(self._waves, levels - smooth)
        edges = np.array([0, *steps])
        belongs = np.searchsorted(edges, np.arange(levels.size), side="right") - 1
        dummies = (belongs[:, None] == np.arange(edges.size)).astype(np.float64)
        weights = _huber(np.hstack([self._waves, dummies]), levels)[: self._waves.shape[1]]
        return self._without_peaks(levels - self._waves @ weights)

    @property
    def _points_of_a_season(self) -> int:
        seasons = (int(self._at[-1]) + 1) / self._period
        return min(self._period, max(3, round(self._at.size / seasons)))

    def _without_peaks(self, levels: FloatArray) -> FloatArray:
        """Remove also what the waves are too long for, but only where it cannot be chance."""
        deviations = levels - median_filter(levels, size=self._points_of_a_season | 1, mode="nearest")
        rows, columns = np.divmod(self._at, self._period)
        table = np.full((int(rows[-1]) + 1, self._period), np.nan)
        table[rows, columns] = deviations
        seen = np.isfinite(table).sum(axis=0)
        often = seen >= _SEASONS_OF_A_PEAK
        peaks = np.zeros(self._period)
        peaks[often] = np.nanmedian(table[:, often], axis=0)
        least = _PEAK * _MEDIAN_TO_ERROR * typical(deviations) / np.sqrt(np.maximum(seen, 1))
        return levels - np.where(np.abs(peaks) > least, peaks, 0.0)[columns]


def _huber(design: FloatArray, levels: FloatArray) -> FloatArray:
    weights = np.ones(levels.size)
    solution: FloatArray = np.zeros(design.shape[1])
    for _ in range(_ITERATIONS):
        weighted = design * weights[:, None]
        # the normal equations are small; lstsq, because times of day that are never seen leave them singular
        solution = np.asarray(np.linalg.lstsq(weighted.T @ design, weighted.T @ levels, rcond=1e-9)[0], np.float64)
        residuals = np.abs(levels - design @ solution)
        bound = _HUBER * typical(residuals)
        weights = bound / np.maximum(residuals, bound) if bound else weights
    return solution
