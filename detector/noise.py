"""Noise: how much the level of a series moves by chance, from one point to the next and over hours."""

from dataclasses import dataclass

import numpy as np

from soakwatch.detector.log_level import typical
from soakwatch.detector.sample import FloatArray

_LEAST = 1e-6
"""Standard deviation (log) that every series has at least: steps of a hundred-thousandth are nobody's business."""

_STRONGEST = 0.9
"""Correlations beyond this one cannot be told from steps."""

_WANDER = 0.25
"""Share of a season over which a level may wander without being another one: six hours of a day."""

_QUARTILE = 0.25
_QUARTILE_OF_NORMAL = 0.3186
"""What a quarter of the absolute values of a standard normal variable are below; steps every day leave as many alone.
The median of them would not: it calls a level that changes every seventeen hours a wander."""

_BEYOND_CHANCE = 2.0
"""Wander below this many autoregressive variances cannot be told from chance, nor from one step, in a week."""


@dataclass(frozen=True, slots=True)
class Noise:
    """Of a series of log levels. A mean of m points has a variance of about `long_run` / m.

    `wander` is the factor by which that is more than an autoregressive level would have; 1 when nothing more is known.
    """

    long_run: float
    wander: float = 1.0


def noise_of(levels: FloatArray, period: int | None, grain: float) -> Noise:
    """Noise in `levels` (n,), n > 2, which may have steps: they are few among the differences that this looks at.

    The autocorrelation is Chakar et al.'s, from the medians of differences one and two points apart ("A robust approach
    for estimating change-points in the mean of an AR(1) process", Bernoulli 23, 2017, section 2.1), and makes the
    long-run variance s^2 (1 + r) / (1 - r), which is what the location and the test of a step depend on (Bai,
    "Estimation of a change point in multiple regression models", Review of Economics and Statistics 79, 1997, 3).
    A season that was removed leaves hours of wander that neighbours do not show: with a `period`, the spread of the
    differences of adjacent means over a quarter of it tells the long-run variance too, and counts where it is twice the
    other. What is rounded to multiples of `grain` has at least the variance of that (Sheppard 1898).
    """
    near, far = typical(np.diff(levels)), typical(levels[2:] - levels[:-2])
    r = min(max((far / near) ** 2 - 1, 0.0), _STRONGEST) if near else 0.0
    variance = max(near**2 / (2 * (1 - r)), grain**2 / 12, _LEAST**2)
    autoregressive = variance * (1 + r) / (1 - r)
    wandering = _of_adjacent_means(levels, max(1, round(period * _WANDER))) if period else 0.0
    if wandering < _BEYOND_CHANCE * autoregressive:
        return Noise(autoregressive)
    return Noise(wandering, wandering / autoregressive)


def _of_adjacent_means(levels: FloatArray, width: int) -> float:
    if levels.size < 2 * width:
        return 0.0
    total = np.concatenate(([0.0], np.cumsum(levels)))
    differences = (total[2 * width :] - 2 * total[width:-width] + total[: -2 * width]) / width
    spread = float(np.quantile(np.abs(differences), _QUARTILE)) / _QUARTILE_OF_NORMAL
    return spread**2 * width / 2
