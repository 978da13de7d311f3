"""Pooled variance: what each series' variance says, and what those of all others say about it."""

import numpy as np
from scipy.special import digamma, polygamma

from soakwatch.detector.sample import FloatArray

_MOST_FREEDOM = 60.0
"""What others say counts for as much as this at most: a series may be another kind of thing than they are."""

_FEWEST_SERIES = 5


def pooled_variance(variance: FloatArray, freedom: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Variances (s,) moderated by one another, with their degrees of freedom; NaN stays NaN.

    Each is a weighted mean of itself and of a common value; the weight of the latter follows from how much the
    variances differ beyond chance (Smyth, "Linear models and empirical Bayes methods for assessing differential
    expression", Statistical Applications in Genetics and Molecular Biology 3, 2004, sections 3 and 6.2).
    """
    usable = np.isfinite(variance) & (variance > 0) & (freedom > 0)
    if usable.sum() < _FEWEST_SERIES:
        return variance, freedom
    half = freedom[usable] / 2
    logs = np.log(variance[usable]) - digamma(half) + np.log(half)
    beyond = float(np.var(logs, ddof=1) - polygamma(1, half).mean())
    prior = min(2 * _inverse_trigamma(beyond), _MOST_FREEDOM) if beyond > 0 else _MOST_FREEDOM
    common = float(np.exp(logs.mean() + digamma(prior / 2) - np.log(prior / 2)))
    pooled = (prior * common + freedom * variance) / (prior + freedom)
    return np.where(usable, pooled, variance), np.where(usable, freedom + prior, freedom)


def _inverse_trigamma(value: float) -> float:
    """Newton's method on 1 / trigamma, which is nearly linear (Smyth 2004, appendix)."""
    if value > 1e6:  # noqa: PLR2004  (where the series begins with its first term)
        return float(value**-0.5)
    found = 0.5 + 1 / value
    for _ in range(20):
        tri = float(polygamma(1, found))
        found += tri * (1 - tri / value) / float(polygamma(2, found))
    return float(found)
