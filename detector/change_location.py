"""Where a level changed: the likeliest place, and the interval that holds the true one."""

from dataclasses import dataclass
from math import log, sqrt

import numpy as np

from soakwatch.detector.change_scene import Scene
from soakwatch.detector.change_votes import Place
from soakwatch.detector.sample import FloatArray

_MISSED = 0.05
_CRITICAL = -2 * log(1 - sqrt(1 - _MISSED))
"""7.35. Hansen, "Sample splitting and threshold estimation", Econometrica 68, 2000, theorem 1 and table I."""

_TOLERANCE = 12
"""Points over which a place counts for its neighbours, fading: half of it six points, as an hour, away."""

_REACH = 30
"""Points to either side that are looked at, where there is no season; with one, a season."""


@dataclass(frozen=True, slots=True)
class Location:
    """The level changes at `index`, and with 95 % confidence neither before `low` nor after `high`.

    Indices are of the values that were given: at `index` the new level has come.
    """

    index: int
    low: int
    high: int


def location_of(place: Place, scene: Scene) -> Location:
    """Find the change near `place`, between its neighbours, within 30 points or a season to either side.

    The likelihood of a step at each point, with the long-run variance in place of the variance (Bai, Review of
    Economics and Statistics 79, 1997), is averaged over neighbours, because the likeliest point alone is often one of
    two ends of a flat top. The interval has all points whose likelihood ratio Hansen (2000) cannot reject, and
    one more at its beginning: the point in which the change happens is a mixture of both levels.
    """
    reach = max(_REACH, scene.season)
    start, stop = max(place.start, place.at - reach), min(place.stop, place.at + reach)
    deviance = _deviance(scene.hard[start:stop]) / scene.noise.long_run
    likely = start + 1 + int(np.argmax(_averaged(np.exp(-deviance / 2))))
    possible = start + 1 + np.flatnonzero(deviance <= _CRITICAL)
    low, high = min(int(possible[0]), likely), max(int(possible[-1]), likely)
    # what is between two points that are there may have changed anywhere in between
    earliest = int(scene.at[low - 1]) + 1 if scene.at[low - 1] + 1 < scene.at[low] else int(scene.at[low - 1])
    return Location(int(scene.at[likely]), max(earliest, 1), int(scene.at[high]))


def _deviance(levels: FloatArray) -> FloatArray:
    """By how much the squared error of a step at 1, 2, .. n - 1 exceeds that of the best one; shape (n - 1,)."""
    n = levels.size
    count = np.arange(1, n)
    total = np.cumsum(levels - levels.mean())[:-1]
    explained = total**2 * n / (count * (n - count))
    worse: FloatArray = explained.max() - explained
    return worse


def _averaged(likelihood: FloatArray) -> FloatArray:
    kernel = 1 - np.abs(np.arange(-_TOLERANCE, _TOLERANCE + 1)) / (_TOLERANCE + 1)
    averaged: FloatArray = np.convolve(likelihood, kernel, "full")[_TOLERANCE : _TOLERANCE + likelihood.size]
    return averaged
