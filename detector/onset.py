"""Onset: when a level changed, as an interval."""

from math import pi, sqrt

import numpy as np
import numpy.typing as npt

from soakwatch.detector.sample import FloatArray

_BOUND = 7.5
"""Twice the log likelihood ratio up to which a moment belongs to the interval. For independent noise
P(2 log LR <= x) = (1 - exp(-x / 2))^2 gives 5.94 for 90 % (Yao, Biometrika 74, 1987; Bai, Review of Economics
and Statistics 79, 1997); more because noise, correlation and both levels are estimated (tests/test_onset.py)."""

_FAR = 3.0
"""Standard deviations from its level at which a value is a stray one."""

_BUMP = 4.0
"""Standard deviations beyond both levels, in any metric, from which on a step tells nothing of either."""

_MAD = 1.4826
_ROUNDS = 3
_FINEST = 0.003
_STRONGEST = 0.95
_ENDS = 3
"""Steps on either side without which there is no level."""

Mask = npt.NDArray[np.bool_]


def onset_columns(residuals: FloatArray, metric: int, recent: int) -> tuple[int, int]:
    """First and last column of `residuals` (m, n) at which the step of `metric` may have begun.

    The last `recent` columns show it. The likelihood of two levels is a function of the moment of the change; the
    moments at which it is nearly the largest are the interval (Siegmund, Annals of Statistics 16, 1988). Rows are
    metrics of one series: what bumps in one of them is a bump in all, and says nothing of the levels on either side of
    it. Gaps are NaN.
    """
    present = np.flatnonzero(~np.isnan(residuals[metric]))
    n = present.size
    if n < 2 * _ENDS + 1:
        return 0, max(residuals.shape[-1] - 1, 0)
    values = residuals[metric, present]
    known = residuals[:, present]
    known = known[~np.isnan(known).any(axis=-1)]
    change = max(n - recent, _ENDS)
    bumps, costs = _bumps(known, change), np.zeros(n)
    for _ in range(_ROUNDS):
        costs = _costs(values, change, bumps)
        change = int(np.argmin(costs))
    inside = np.flatnonzero(costs <= costs[change] + _BOUND)
    return int(present[inside[0]]), int(present[inside[-1]])


def _bumps(values: FloatArray, change: int) -> Mask:
    """Where any row of `values` (m, n) is far beyond both of its levels; shape (n,)."""
    before, after = (np.median(part, axis=-1, keepdims=True) for part in (values[:, :change], values[:, change:]))
    sd = _deviation(np.concatenate([values[:, :change] - before, values[:, change:] - after], axis=-1))[:, None]
    beyond = np.maximum(values - np.maximum(before, after), np.minimum(before, after) - values)
    return np.asarray((beyond > _BUMP * sd).any(axis=0))


def _costs(values: FloatArray, change: int, bumps: Mask) -> FloatArray:
    """Twice the negative log likelihood, up to a constant, of a change at each place; infinite near the ends.

    Levels and noise are those of a change at `change`. Each step votes for the old level or the new one. Neighbours
    that resemble each other tell less: by the long-run variance of autoregressive noise of the first order (Bai,
    Journal of Time Series Analysis 15, 1994).
    """
    n = values.size
    before, after = float(np.median(values[:change])), float(np.median(values[change:]))
    rest = values - np.where(np.arange(n) < change, before, after)
    sd = float(_deviation(rest))
    stray = (np.abs(rest) > _FAR * sd) & ~bumps
    width = abs(after - before) / sd + 2 * _FAR
    votes = _misfit((values - before) / sd, stray[:change], width) - _misfit(
        (values - after) / sd, stray[change:], width
    )
    r = _correlation(np.where(bumps, 0.0, np.clip(rest, -_FAR * sd, _FAR * sd)))
    costs = np.concatenate([[0.0], np.cumsum(np.where(bumps, 0.0, votes))[:-1]]) * (1 - r) / (1 + r)
    costs[:_ENDS] = np.inf
    costs[n - _ENDS + 1 :] = np.inf
    return np.asarray(costs)


def _misfit(standardised: FloatArray, stray: Mask, width: float) -> FloatArray:
    """Twice the negative log likelihood of normal values, of which the share that is `stray` may be anywhere.

    A contaminated normal distribution (Box and Tiao, Biometrika 55, 1968), here with a flat part of `width` standard
    deviations. One value is bounded in what it says, and says the less the more often such ones stray: of a slow tail
    that is just as large as what the 99th percentile needs, every fifth minute shows nothing.
    """
    share = (np.count_nonzero(stray) + 0.5) / (stray.size + 1)  # Jeffreys' prior
    usual = np.log1p(-share) - standardised**2 / 2
    misfit: FloatArray = -2 * np.logaddexp(usual, np.log(share * sqrt(2 * pi) / width))
    return misfit


def _deviation(rest: FloatArray) -> FloatArray:
    deviation: FloatArray = np.maximum(_MAD * np.median(np.abs(rest), axis=-1), _FINEST)
    return deviation


def _correlation(rest: FloatArray) -> float:
    """First-order autocorrelation of `rest`, which a short sample makes too small (Kendall, Biometrika 41, 1954)."""
    square = float(rest @ rest)
    r = float(rest[1:] @ rest[:-1]) / square if square else 0.0
    return min(max(r + (1 + 3 * r) / rest.size, 0.0), _STRONGEST)
