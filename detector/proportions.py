"""Proportions: intervals for shares and for their difference."""

from math import hypot, sqrt

Z = 1.959964
"""Two-sided 95 % quantile of the normal distribution."""


def wilson(share: float, n: float, z: float = Z) -> tuple[float, float]:
    """Score interval of a share seen in `n` > 0 trials, which need not be whole (Wilson, JASA 22, 1927)."""
    scale = 1 + z * z / n
    middle = (share + z * z / (2 * n)) / scale
    half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / scale
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))


def newcombe(baseline: float, n_baseline: float, current: float, n_current: float, z: float = Z) -> tuple[float, float]:
    """Interval of current - baseline from both shares' score intervals.

    Newcombe, "Interval estimation for the difference between independent proportions", Statistics in Medicine 17,
    1998, method 10: never wider than [-1, 1], and sensible when a share is zero.
    """
    low_b, high_b = wilson(baseline, n_baseline, z)
    low_c, high_c = wilson(current, n_current, z)
    change = current - baseline
    return change - hypot(current - low_c, high_b - baseline), change + hypot(high_c - current, baseline - low_b)
