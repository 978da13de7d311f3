"""Between runs: two equal runs differ by more than their windows say."""

from collections.abc import Sequence
from statistics import fmean, variance

from soakwatch.detector.dependence import Spread, combined_freedom
from soakwatch.detector.level import Level

FEWEST_RUNS = 3
"""Baseline runs from which on the variation between runs is estimated."""

_PRIOR_FREEDOM = 10.0
"""How many runs' worth the configured variation counts beside what the baseline runs show."""


def run_variance(levels: Sequence[Level], run_to_run: float) -> Spread:
    """Variance of the log level between equal runs.

    With fewer than three baseline runs it is the configured `run_to_run` squared, taken as known. With more it is what
    their levels vary beyond their own errors (DerSimonian and Laird, Controlled Clinical Trials 7, 1986), drawn towards
    the configured one, as variances that few values say little about should be (Smyth, Statistical Applications in
    Genetics and Molecular Biology 3, 2004): each weighs by its degrees of freedom.
    """
    configured = run_to_run**2
    if len(levels) < FEWEST_RUNS:
        return Spread(configured, float("inf"))
    freedom = len(levels) - 1
    within = fmean((level.below.variance + level.above.variance) / 2 for level in levels)
    seen = max(0.0, variance(level.log for level in levels) - within)
    total = _PRIOR_FREEDOM + freedom
    return Spread((_PRIOR_FREEDOM * configured + freedom * seen) / total, total)


def pooled(levels: Sequence[Level], between: Spread) -> Level:
    """Mean level of the baseline runs, each weighted by how well it is known; `between` is part of its spread."""
    weights = [1 / ((level.below.variance + level.above.variance) / 2 + between.variance + 1e-12) for level in levels]
    shares = [weight / sum(weights) for weight in weights]

    def side(spreads: Sequence[Spread]) -> Spread:
        parts = [Spread(s.variance * share**2, s.freedom) for s, share in zip(spreads, shares, strict=True)]
        parts.append(Spread(between.variance * sum(share**2 for share in shares), between.freedom))
        return Spread(sum(part.variance for part in parts), combined_freedom(parts))

    return Level(
        sum(share * level.log for share, level in zip(shares, levels, strict=True)),
        side([level.below for level in levels]),
        side([level.above for level in levels]),
    )
