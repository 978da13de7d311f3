"""Gates: how clear evidence must be so that quiet months stay quiet."""

from math import exp, pi, sqrt

import numpy as np
from scipy.special import lambertw

from soakwatch.detector.sample import FloatArray
from soakwatch.detector.timing import Timing

_MONTH = 30.0
_SHARE = 1 / 3
"""Of the false incidents that are allowed; `slow_bounds` and `error_bounds` have the other parts."""

_LIKE_ONE = 2.0
"""Independent series that the five metrics of one are worth; p50, p95, p99 and the mean mostly move together."""

_LEAST, _MOST = 3.0, 9.0


def threshold(series: float, false_incidents: float, timing: Timing) -> float:
    """Standard deviations beyond which the mean of `long` steps is from its reference, by chance, so rarely.

    `series` are watched, `false_incidents` a month (of all layers) are allowed. The difference D of the mean of n
    steps and that of R steps before is a Gaussian process whose correlation falls by c = ((1/n)^2 + (1/n + 1/R)^2 +
    (1/R)^2) / (2 (1/n + 1/R)) in a step, and such a process exceeds z in c z phi(z) separate stretches per step
    (Leadbetter, Lindgren and Rootzen, Extremes, 1983, theorem 12.2.9 with alpha = 1; Aldous, Probability
    Approximations via the Poisson Clumping Heuristic, 1989, D10). Solved for z by Lambert's W (Corless et al., "On the
    Lambert W function", Adv. Comput. Math. 5, 1996).
    """
    n, reference = 1 / timing.long, 1 / timing.reference
    falls = (n**2 + (n + reference) ** 2 + reference**2) / (2 * (n + reference))
    looks = series * _LIKE_ONE * _MONTH * timing.day / timing.step
    allowed = _SHARE * false_incidents / max(looks * falls, 1.0)
    allowed = min(max(allowed, _exceeded(_MOST)), _exceeded(_LEAST))
    # z phi(z) = a where -z^2 = W(-2 pi a^2), on the lower branch
    return sqrt(-lambertw(-2 * pi * allowed**2, -1).real)


def _exceeded(z: float) -> float:
    return z * exp(-z * z / 2) / sqrt(2 * pi)


def gaussian(t: FloatArray, freedom: FloatArray) -> FloatArray:
    """The standard deviations of a Gaussian that are as rare as `t` of Student's t.

    Wallace, "Bounds on normal approximations to Student's and the chi-square distributions", Ann. Math. Stat. 30, 1959.
    How much a series usually moves is itself an estimate, and after a week not a good one.
    """
    correction = (8 * freedom + 1) / (8 * freedom + 3)
    return np.sign(t) * correction * np.sqrt(freedom * np.log1p(t * t / freedom))
