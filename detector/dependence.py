"""Dependence: how far neighbouring windows, which resemble each other, widen an interval."""

from dataclasses import dataclass

import numpy as np

from soakwatch.detector.sample import FloatArray

MOST_BATCHES = 32
_ROUNDING = 1e-24
"""Deviations are shares of a total: what is below this is rounding, in which no correlation should be looked for."""

_LEAST_PERSISTENCE = 0.6
"""Chance of single requests lowers the correlation of neighbours, but not how slowly it fades after them; that cannot
be estimated from some 25 windows. By simulation (benchmarks/healthy_pairs_simulated.py) this value gives intervals
their 95 % for levels with a correlation of .6, and halves the false alarms at .85."""

_STRONGEST = 0.9
"""Correlations beyond this one cannot be told from a drift in so few batches."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The variance of an estimate, with the degrees of freedom that it is known with."""

    variance: float
    freedom: float


def spread_of_sum(deviations: FloatArray) -> Spread:
    """Variance of the sum of `deviations` (w,), the windows' contributions to an estimate; they add up to zero.

    Batch means: windows are added up to at most 32 batches, which is enough and makes what is left of the correlation
    short (Schmeiser, "Batch size effects in the analysis of simulation output", Operations Research 30, 1982). What
    is left is taken as an autoregressive level beneath the chance of single requests: n such values have a sum of
    variance n f var, with f = 1 + 2 sum (1 - h/n) r d^(h-1), and n / f is the effective number of batches (Bartlett
    1935; Wilks 2011, eq. 5.12, where d = r). Their own variance is estimated by sum of squares / (n - f), which for
    f = 1 is the usual n - 1, and r is corrected for its bias in small samples, (1 + 3 r) / n (Kendall, Biometrika 41,
    1954). A negative r is taken as none: that batches alternate is more often chance than a reason to be more certain.
    """
    batches = _batches(deviations)
    squares = float(batches @ batches)
    n = batches.size
    if squares < _ROUNDING:
        return Spread(0.0, max(n - 1.0, 1.0))
    r = float(batches[1:] @ batches[:-1]) / squares
    factor = _inflation(min(max(r + (1 + 3 * r) / n, 0.0), _STRONGEST), n)
    return Spread(n * factor * squares / max(n - factor, 1.0), max(n / factor - 1, 1.0))


def combined_freedom(spreads: list[Spread]) -> float:
    """Degrees of freedom of a sum of independent variances (Satterthwaite, Biometrics Bulletin 2, 1946)."""
    total = sum(spread.variance for spread in spreads)
    doubt = sum((spread.variance / total) ** 2 / spread.freedom for spread in spreads) if total else 0.0
    return 1 / doubt if doubt else float("inf")


def _batches(deviations: FloatArray) -> FloatArray:
    length = max(1, -(-deviations.size // MOST_BATCHES))
    if not deviations.size:
        return deviations
    sums: FloatArray = np.add.reduceat(deviations, np.arange(0, deviations.size, length))
    return sums


def _inflation(r: float, n: int) -> float:
    lags = np.arange(1, n)
    decay = max(r, _LEAST_PERSISTENCE)
    return 1 + 2 * r * float(np.sum((1 - lags / n) * decay ** (lags - 1)))
