"""Corroboration: whether the vote of change-point methods finds a change where a layer found one."""

import numpy as np

from soakwatch.detector.changepoint import find_change_points
from soakwatch.detector.held_level import HeldLevel
from soakwatch.detector.sample import FloatArray

METHOD = "change points"

_ALIKE = 0.5
_MOST_BLOCKS = 1008
"""A week is enough to see a change in, and costs some 30 ms."""


def corroboration(levels: FloatArray, held: HeldLevel) -> str:
    """What the vote says of `held`, as a sentence; empty where it finds no change there.

    `levels` (n,) are those that `held` was found in: on a log scale, without season, NaN for gaps, the newest last. For
    a creep any change since its onset counts: the vote knows steps only. It finds what wanders, too: a change that is
    much smaller is another one.
    """
    known = levels[-_MOST_BLOCKS:]
    first, last = known.size - held.earliest, known.size - held.latest
    creeps = held.per_day is not None
    last, least = (float(known.size), 0.0) if creeps else (last, _ALIKE * abs(held.change))
    found = [
        point
        for point in find_change_points(np.exp(known))
        if point.low <= last and point.high >= first and point.step * np.sign(held.change) > least
    ]
    if not found:
        return ""
    point = max(found, key=lambda point: abs(point.step))
    return f"{len(point.methods)} of 4 methods find a change of {np.expm1(point.step):+.0%} there".replace("%", " %")
