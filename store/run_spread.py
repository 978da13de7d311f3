"""Run spread: how much a run's percentiles would differ in another run like it, for comparing two on a dashboard."""

from collections.abc import Mapping, Sequence
from math import log

from soakwatch.core.window import Window

_QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
_Z = 1.959964
_SHORTEST = 0.001
"""Milliseconds; what takes no time has no logarithm."""


def log_percentiles(blocks: Sequence[Window]) -> Mapping[str, float]:
    """Logarithm of each percentile of the successes, `ln_p50` and so on, and its variance, `var_p50`.

    The level is the mean over the run's blocks, its variance that of non-overlapping batch means (Schmeiser, "Batch
    size effects in the analysis of simulation output", Operations Research 30, 1982), enlarged so that 1.96 standard
    deviations are the 95 % interval by Student's distribution. With fewer than two blocks there is no variance.
    """
    found: dict[str, float] = {}
    for name, quantile in _QUANTILES.items():
        values = [block.hist.quantile(quantile) for block in blocks]
        levels = [log(max(value, _SHORTEST)) for value in values if value is not None]
        if levels:
            mean = sum(levels) / len(levels)
            found[f"ln_{name}"] = mean
        if len(levels) > 1:
            freedom = len(levels) - 1
            spread = sum((level - mean) ** 2 for level in levels) / freedom / len(levels)
            found[f"var_{name}"] = spread * (_student(freedom) / _Z) ** 2
    return found


def _student(freedom: int) -> float:
    """Two-sided 95 % quantile of Student's distribution, within 0.13 % (Abramowitz and Stegun 1964, 26.7.5).

    With one or two degrees of freedom that expansion is not good enough. scipy would be 30 MiB of a load generator.
    """
    exact = {1: 12.7062, 2: 4.30265}
    if freedom in exact:
        return exact[freedom]
    z, v = _Z, float(freedom)
    return (
        z
        + (z**3 + z) / (4 * v)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)
        + (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160 * v**4)
    )
