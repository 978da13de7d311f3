"""Latency: how the response times of one endpoint's successes changed."""

from collections.abc import Sequence
from dataclasses import replace

from soakwatch.core.configuration import ComparisonSection
from soakwatch.core.verdict import Metric
from soakwatch.detector.change import Finding, change_of_levels, pooled_value
from soakwatch.detector.level import QUANTILES, response_time
from soakwatch.detector.sample import Sample
from soakwatch.detector.wording import percent

METRICS = (Metric.P50, Metric.P95, Metric.P99, Metric.MEAN)

_EXPECTED_ABOVE = 10
"""Requests that must be expected above a quantile: with fewer it is little else than the slowest request."""


_MANY = 0.05
"""Share of failures from which they are named as the reason for few successes."""


def compare_response_times(
    finding: Finding, baselines: Sequence[Sample], current: Sample, settings: ComparisonSection
) -> Finding:
    """Complete `finding`, which says series and metric, from samples without empty windows.

    Baseline runs that are too short for the metric are left out; an obstacle is told when none remains.
    """
    metric = finding.metric
    obstacles = [obstacle_to(metric, sample, settings) for sample in baselines]
    usable = [sample for sample, obstacle in zip(baselines, obstacles, strict=True) if not obstacle]
    levels = [level for sample in usable or baselines if (level := response_time(sample, metric))]
    level = response_time(current, metric)
    measured = replace(
        finding,
        baseline=pooled_value(levels, settings.run_to_run) if levels else None,
        current=level.value if level else None,
    )
    obstacle = obstacle_to(metric, current, settings, _failing(baselines, current))
    if obstacle or not usable or level is None:
        told = f"in the current run: {obstacle}" if obstacle else f"in the baseline: {obstacles[-1]}"
        return replace(measured, obstacle=told)
    successes = float(current.successes.sum())
    return replace(measured, change=change_of_levels(levels, level, settings.run_to_run, successes))


def obstacle_to(metric: Metric, sample: Sample, settings: ComparisonSection, aside: str = "") -> str:
    """Say why a response time of `sample` cannot be judged; empty when it can."""
    successes, windows = int(sample.successes.sum()), sample.requests.size
    needed = max(settings.min_requests, _requests_for(metric))
    if not successes:
        return f"no request succeeded with a response time, of {int(sample.requests.sum()):,}{aside}"
    if successes < needed:
        return f"{successes:,} successful requests are too few for {metric}, {needed:,} are needed{aside}"
    if windows < settings.min_windows:
        return f"{windows} windows are too few, {settings.min_windows} are needed"
    return "" if response_time(sample, metric) else "the response times are too large to add up"


def _requests_for(metric: Metric) -> int:
    return round(_EXPECTED_ABOVE / (1 - QUANTILES[metric])) if metric in QUANTILES else 0


def _failing(baselines: Sequence[Sample], current: Sample) -> str:
    """Name the cause when it is errors that leave too few successes."""
    share = current.failures.sum() / current.requests.sum()
    usual = sum(s.failures.sum() for s in baselines) / sum(s.requests.sum() for s in baselines)
    if share <= max(2 * usual, _MANY):
        return ""
    return f"; {percent(share)} of its requests failed ({percent(usual)} before)"
