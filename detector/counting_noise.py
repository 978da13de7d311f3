"""Counting noise: what part of how much a level moves is due to how few requests it is taken from."""

import numpy as np

from soakwatch.core.histogram import BUCKETS_PER_OCTAVE
from soakwatch.core.verdict import QUANTILES
from soakwatch.detector.minutes_of_a_day import LOWEST, Minutes
from soakwatch.detector.sample import FloatArray

BOUNDED = 1.15
"""Variance of a bounded mean of normal values, in variances of their mean: the price of leaving out four of ten, by
simulation of 30 and of 120 values."""

_ASIDE = 0.25
"""How far beside a quantile its density is taken from, as a part of what is between it and the nearer end."""


def counting_variance(minutes: Minutes) -> FloatArray:
    """Variance of the log levels (4,) of one step by chance alone, with as many requests as there usually are.

    Of a quantile it is q (1 - q) / (n f^2), of the mean the variance of one over n times its square (Stuart and Ord,
    Kendall's Advanced Theory of Statistics I, 1994, 10.10 and 10.29), with the density f as the difference quotient of
    the quantiles beside it (Siddiqui, Journal of Research of the NBS 64B, 1960; Bloch and Gastwirth, Ann. Math. Stat.
    39, 1968). The distribution is that of the whole day, and no more than what is between steps of a block.
    """
    requests = minutes.requests - minutes.failures
    n = max(float(np.nanmean(requests)), 1e-9)
    total = minutes.counts.sum()
    if not total:
        return np.zeros(4)
    logs = (np.arange(minutes.counts.size) + LOWEST) * np.log(2) / BUCKETS_PER_OCTAVE
    upto = np.cumsum(minutes.counts) / total
    variances = [_of_quantile(q, logs, upto) for q in QUANTILES.values()]
    ms = np.exp(logs)
    mean = float(minutes.counts @ ms) / total
    variances.append(float(minutes.counts @ (ms - mean) ** 2) / total / mean**2)
    return np.array(variances) / n


def _of_quantile(q: float, logs: FloatArray, upto: FloatArray) -> float:
    aside = _ASIDE * min(q, 1 - q)
    low, high = np.interp((q - aside, q + aside), upto, logs)
    return q * (1 - q) * float((high - low) / (2 * aside)) ** 2


def shrinks(variance: FloatArray, counting: FloatArray, times: float) -> FloatArray:
    """What `times` as many requests make of a standard deviation whose square is `variance`, `counting` of it chance.

    As a factor: the part that is counting falls as 1 / `times`, how the level itself moves stays as it is.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(variance > 0, np.minimum(counting / variance, 1.0), 0.0)
    return np.asarray(np.sqrt(1 - share * (1 - 1 / times)))
