"""Segmentation: where a series of levels is best cut when every cut has its price."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from soakwatch.detector.sample import FloatArray, IntArray

_SHORTEST = 5
"""Points that a level lasts at least: a spike is not one."""

_LOOKED_EVERY = 16
"""Points after which beginnings are forgotten: to look at each one costs more than it saves."""


def segmented(levels: FloatArray, penalty: float) -> list[int]:
    """Indices at which another segment of `levels` (n,) begins, the best for squared errors plus `penalty` per cut.

    Exact: optimal partitioning that forgets where no last segment can begin any more (Killick, Fearnhead and Eckley,
    "Optimal detection of changepoints with a linear computational cost", JASA 107, 2012, section 3). As segments have a
    shortest length, that is known of a beginning only so many points after a better one was found. `penalty` has the
    unit of the squared levels; where it is a multiple of their long-run variance, it knows of autocorrelation.
    """
    n = levels.size
    if n < 2 * _SHORTEST:
        return []
    sums = _Sums.of(levels)
    # of the levels up to each end; the first segment has no cut
    least = np.full(n + 1, np.inf)
    least[0] = -penalty
    last = np.zeros(n + 1, dtype=np.int64)
    useless_from = np.full(n + 1, n + 1)
    begins, known = np.zeros(n + 1, dtype=np.int64), 1
    for end in range(_SHORTEST, n + 1):
        cost = least[begins[:known]] + sums.errors(begins[:known], end)
        best = int(cost.argmin())
        least[end], last[end] = cost[best] + penalty, begins[best]
        if end % _LOOKED_EVERY == 0:
            worse = begins[:known][cost > least[end]]
            useless_from[worse] = np.minimum(useless_from[worse], end + _SHORTEST)
            kept = begins[:known][useless_from[begins[:known]] > end + 1]
            known = kept.size
            begins[:known] = kept
        if end + 1 >= 2 * _SHORTEST:
            begins[known] = end + 1 - _SHORTEST
            known += 1
    return _cuts(last)


@dataclass(frozen=True, slots=True)
class _Sums:
    """Sums of the levels and of their squares before each place (n + 1,), around their mean."""

    levels: FloatArray
    squares: FloatArray

    @classmethod
    def of(cls, levels: FloatArray) -> Self:
        around = levels - levels.mean()
        return cls(*(np.concatenate(([0.0], np.cumsum(values))) for values in (around, around**2)))

    def errors(self, begins: IntArray, end: int) -> FloatArray:
        """Squared errors of segments from `begins` (k,) to `end` around their means."""
        sums = self.levels[end] - self.levels[begins]
        return np.asarray(self.squares[end] - self.squares[begins] - sums**2 / (end - begins))


def _cuts(last: IntArray) -> list[int]:
    """The beginnings of all segments but the first; `last` (n + 1,) is where the one that ends there begins."""
    cuts, place = list[int](), int(last[-1])
    while place > 0:
        cuts.append(place)
        place = int(last[place])
    return cuts[::-1]
