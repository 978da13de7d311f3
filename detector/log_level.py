"""Log levels: a series of response times as change points are looked for in it, and how far it is clipped."""

from math import log

import numpy as np
from scipy.ndimage import median_filter

from soakwatch.detector.sample import FloatArray

_FLOOR = log(0.01)
"""A hundredth of the median, which smaller values count as: zero has no logarithm, and it should not look endless."""

_SMOOTHING = 9
"""Points of the running median that a spike is told from: spikes of up to four points are no level."""

_MAD_TO_SD = 1.4826
_MEAN_TO_SD = 1.2533


def log_levels(values: FloatArray) -> FloatArray:
    """Natural logarithms of finite `values` (n,); what is zero or negative counts as a hundredth of the median."""
    positive = values > 0
    logs = np.log(values, where=positive, out=np.full(values.size, -np.inf))
    return np.maximum(logs, np.median(logs[positive]) + _FLOOR) if positive.any() else np.zeros(values.size)


def grain(levels: FloatArray) -> float:
    """How far apart neighbouring values are that occur at all in `levels` (n,), n > 0, such as of whole milliseconds.

    The median of the gaps; next to nothing for measurements that are not rounded, 0 when all are equal.
    """
    gaps = np.diff(np.unique(levels))
    return float(np.median(gaps)) if gaps.size else 0.0


def typical(deviations: FloatArray) -> float:
    """Standard deviation of a normal variable with deviations like these, little moved by outliers.

    From the median of the absolute deviations; where more than half of them are zero, as for whole milliseconds, from
    their mean (Rousseeuw and Croux, JASA 88, 1993, on why not a mean in the first place). 0 for none.
    """
    sizes = np.abs(deviations)
    if not sizes.size:
        return 0.0
    return _MAD_TO_SD * float(np.median(sizes)) or _MEAN_TO_SD * float(sizes.mean())


def clipped(levels: FloatArray, deviations: float, least: float) -> FloatArray:
    """Bring what is further than `deviations` standard deviations from a running median, and than `least`, up to there.

    A level keeps its step, a spike loses its weight (Winsor's method: Tukey, "The future of data analysis", Annals of
    Mathematical Statistics 33, 1962, section 14).
    """
    smooth = median_filter(levels, size=_SMOOTHING, mode="nearest")
    away = levels - smooth
    bound = max(deviations * typical(away), least)
    limited: FloatArray = smooth + np.clip(away, -bound, bound)
    return limited
