"""Votes: four methods that fail differently say whether the level of a series changes at a point.

Each gives a ratio of its evidence to what it asks for: at 1 it begins to say yes. The first, with all points of both
levels, takes a drift for a step, and misses one where neighbours resemble each other; the second misses it among spikes
on both sides, the third where spikes or the next step are close by, and the fourth in a series that is wild elsewhere.
"""

from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np

from soakwatch.detector.change_scene import Scene
from soakwatch.detector.sample import FloatArray

_COST = 12.0
_ENERGY = 10.0
_T = 5.0
_L1 = 3.0
_ENERGY_WINDOW = 30
_T_WINDOW = 15
"""Points, where there is no season. Hunter's windows are 50 points, Perfherder's 12; people who read series of builds
want to see a level for about as long. With a season a window is one season, so that what its removal left cancels."""

_NOTHING = 1e-12
"""Keeps the ratios of series without any noise finite."""

_FEWEST = 2


class Method(StrEnum):
    """Who says that there is a change."""

    COST = "penalised cost"
    ENERGY = "windowed E-divisive"
    T = "t over a window"
    L1 = "L1 step fit"


@dataclass(frozen=True, slots=True)
class Place:
    """A point `at` which the level may change, between its neighbours of that kind, or the ends, `start` and `stop`."""

    start: int
    at: int
    stop: int


Votes = dict[Method, float]
"""The evidence of each method, as a ratio to what it asks for."""


def votes_on(place: Place, scene: Scene, l1_of_all: float) -> Votes:
    """Ask all methods; `l1_of_all` is what `absolute_errors` gives for the finest segmentation."""
    return {
        Method.COST: penalised_cost(place, scene),
        Method.ENERGY: energy(place, scene),
        Method.T: windowed_t(place, scene),
        Method.L1: l1_gain(place, scene, l1_of_all),
    }


def penalised_cost(place: Place, scene: Scene) -> float:
    """By how much a step lowers the squared error, against a penalty of 12 log n long-run variances.

    That is the square of a z statistic of the two means. Yao's Schwarz criterion (1988) with the long-run variance in
    place of the variance, as autocorrelation wants it (Lavielle and Moulines, "Least-squares estimation of an unknown
    number of shifts in a time series", Journal of Time Series Analysis 21, 2000, section 4).
    """
    before, after = scene.hard[place.start : place.at], scene.hard[place.at : place.stop]
    step = float(after.mean() - before.mean())
    variance = scene.noise.long_run * (1 / before.size + 1 / after.size)
    return step**2 / variance / (_COST * scene.log_size)


def energy(place: Place, scene: Scene) -> float:
    """Energy distance of the windows before and after, within the neighbouring changes, in mean distances.

    Matteson and James, "A nonparametric approach for multiple change point analysis of multivariate data", JASA 109,
    2014, eq. 5-6 with an exponent of 1; in windows as Fleming et al., "Hunter: using change point detection to hunt for
    performance regressions", ICPE 2023, section 3. By chance the scaled distance is about one mean distance within a
    window; instead of permutations, whose smallest p value says little, a multiple of that is asked for.
    """
    width = max(_ENERGY_WINDOW, scene.season)
    before = scene.soft[max(place.start, place.at - width) : place.at]
    after = scene.soft[place.at : min(place.stop, place.at + width)]
    m, n = before.size, after.size
    if min(m, n) < _FEWEST:
        return 0.0
    both = np.concatenate((before, after))
    distances = np.abs(both[:, None] - both)
    within = float(distances[:m, :m].sum()) / (m * (m - 1)), float(distances[m:, m:].sum()) / (n * (n - 1))
    apart = 2 * float(distances[:m, m:].mean()) - sum(within)
    return apart * m * n / (m + n) / (sum(within) / 2 + _NOTHING) / (_ENERGY * scene.noise.wander)


def windowed_t(place: Place, scene: Scene) -> float:
    """Squared t statistic of linearly weighted windows, as Mozilla's Perfherder computes it (treeherder, perfalert).

    Its windows do not stop at neighbouring changes, so that a level which lasted for moments only is no level.
    """
    width = max(_T_WINDOW, scene.season)
    before = scene.soft[max(0, place.at - width) : place.at][::-1]
    after = scene.soft[place.at : place.at + width]
    if min(before.size, after.size) < _FEWEST:
        return 0.0
    (old, old_variance), (new, new_variance) = _weighted(before), _weighted(after)
    return (new - old) ** 2 / (old_variance + new_variance + _NOTHING) / (_T**2 * scene.noise.wander)


def _weighted(window: FloatArray) -> tuple[float, float]:
    """Mean of `window` (m,), its first point weighing most, and the variance of the mean."""
    weights = np.arange(window.size, 0, -1.0)
    mean = float(weights @ window) / float(weights.sum())
    return mean, float(((window - mean) ** 2).sum()) / (window.size - 1) / window.size


def l1_gain(place: Place, scene: Scene, l1_of_all: float) -> float:
    """By how much a step lowers the absolute error of a fit by medians, against an information criterion.

    As asv's step detection (asv, step_detect), after Friedrich et al., "Complexity penalized M-estimation: fast
    computation", Journal of Computational and Graphical Statistics 17, 2008: n log of all absolute errors plus 3 log n
    per step. Spikes raise all errors, so that small steps in a wild series are none.
    """
    without = absolute_errors(scene, [place.start, place.stop])
    gain = max(without - absolute_errors(scene, [place.start, place.at, place.stop]), 0.0)
    evidence = scene.size * float(np.log1p(gain / (l1_of_all + _NOTHING)))
    return evidence / (_L1 * scene.log_size * scene.noise.wander)


def absolute_errors(scene: Scene, edges: list[int]) -> float:
    """Sum of the absolute deviations from the medians of the segments between `edges`, ascending."""
    segments = (scene.levels[start:stop] for start, stop in pairwise(edges))
    return sum(float(np.abs(segment - np.median(segment)).sum()) for segment in segments)
