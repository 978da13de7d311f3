"""Latency: how the response times of one endpoint's successes changed."""

from collections.abc import Sequence
from dataclasses import replace

from soakwatch.core.numbers import format_value
from soakwatch.core.settings import ComparisonSection
from soakwatch.core.verdict import QUANTILES, Metric
from soakwatch.detector.change import Finding, change_of_levels, pooled_value
from soakwatch.detector.evidence import Evidence

_EXPECTED_ABOVE = 10
"""Requests that must be expected above a quantile: with fewer it is little else than the slowest request."""


_MANY = 0.05
"""Share of failures from which they are named as the reason for few successes."""


def compare_response_times(
    finding: Finding, baselines: Sequence[Evidence], current: Evidence, settings: ComparisonSection
) -> Finding:
    """Complete `finding`, which says series and metric.

    Baseline runs that are too short for the metric are left out; an obstacle is told when none remains.
    """
    metric = finding.metric
    obstacles = [obstacle_to(metric, evidence, settings) for evidence in baselines]
    usable = [evidence for evidence, obstacle in zip(baselines, obstacles, strict=True) if not obstacle]
    levels = [level for evidence in usable or baselines if (level := evidence.levels.get(metric))]
    level = current.levels.get(metric)
    measured = replace(
        finding,
        baseline=pooled_value(levels, settings.run_to_run) if levels else None,
        current=level.value if level else None,
    )
    obstacle = obstacle_to(metric, current, settings, _failing(baselines, current))
    if obstacle or not usable or level is None:
        told = f"in the current run: {obstacle}" if obstacle else f"in the baseline: {obstacles[-1]}"
        return replace(measured, obstacle=told)
    return replace(measured, change=change_of_levels(levels, level, settings.run_to_run, current.successes))


def obstacle_to(metric: Metric, evidence: Evidence, settings: ComparisonSection, aside: str = "") -> str:
    """Say why a response time cannot be judged by `evidence`; empty when it can."""
    successes, windows = int(evidence.successes), evidence.windows
    needed = max(settings.min_requests, _requests_for(metric))
    if not successes:
        return f"no request succeeded with a response time, of {int(evidence.requests):,}{aside}"
    if successes < needed:
        return f"{successes:,} successful requests are too few for {metric}, {needed:,} are needed{aside}"
    if windows is not None and windows < settings.min_windows:
        return f"{windows} windows are too few, {settings.min_windows} are needed"
    if metric in evidence.levels:
        return ""
    return "its file does not have it" if windows is None else "the response times are too large to add up"


def _requests_for(metric: Metric) -> int:
    return round(_EXPECTED_ABOVE / (1 - QUANTILES[metric])) if metric in QUANTILES else 0


def _failing(baselines: Sequence[Evidence], current: Evidence) -> str:
    """Name the cause when it is errors that leave too few successes."""
    usual = sum(evidence.failures for evidence in baselines) / sum(evidence.requests for evidence in baselines)
    if not current.share > max(2 * usual, _MANY):
        return ""
    now, before = (format_value(Metric.ERROR_RATE, share) for share in (current.share, usual))
    return f"; {now} of its requests failed ({before} before)"
