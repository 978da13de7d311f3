"""Throughput: requests per second, evidence beside a latency regression and seldom a verdict of its own.

Locust's users wait for each response before they go on (a closed model): whatever makes them wait lowers the requests
per second of everything that they use.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from soakwatch.core.numbers import format_size
from soakwatch.core.series import WHOLE_SERVICE, Series
from soakwatch.core.settings import ComparisonSection
from soakwatch.core.verdict import Decision, Metric, Severity, Verdict
from soakwatch.detector.change import Change, Finding, change_of_levels, pooled_value
from soakwatch.detector.comparability import Comparable
from soakwatch.detector.level import Level, rate
from soakwatch.detector.sample import Endpoint, FloatArray
from soakwatch.detector.steady_run import SteadyRun

_EQUAL_USERS = 0.05
"""Relative difference of users up to which they are equal: throughput follows their number, and a run's last sample
may have been taken while users were being stopped."""


def throughput_evidence(
    endpoint: Endpoint, comparable: Comparable, current: SteadyRun, settings: ComparisonSection
) -> str:
    """Say by how much the requests per second of an endpoint changed; empty when not notably or not at equal users."""
    equal = [run for run in comparable.runs if _equal_users(run, current)]
    change = _change(equal, current, [endpoint], settings.run_to_run)
    if change is None or not change.excludes_none or abs(change.effect.value) < settings.min_effect:
        return ""
    return f"; at equal users its requests per second changed by {format_size(Metric.THROUGHPUT, change.effect)}"


def find_throughput(
    service: str, comparable: Comparable, current: SteadyRun, settings: ComparisonSection
) -> Finding | None:
    """Compare a whole service's requests per second; None when it is not in both runs."""
    series = Series(current.run.environment, current.run.test, service, WHOLE_SERVICE, WHOLE_SERVICE)
    finding = Finding(series, Metric.THROUGHPUT, obstacle=comparable.obstacle)
    if comparable.obstacle:
        return finding
    endpoints = _endpoints_of(service, [*comparable.runs, current])
    if any(run.basis and not run.samples for run in (*comparable.runs, current)):
        return replace(finding, obstacle="throughput is compared between runs of the store only")
    levels = _levels(comparable.runs, endpoints)
    level = _level(current, endpoints)
    if level is None or not levels:
        return None
    measured = replace(finding, baseline=pooled_value(levels, settings.run_to_run), current=level.value)
    equal = [run for run in comparable.runs if _equal_users(run, current)]
    obstacle = _obstacle(equal, current, endpoints, settings)
    change = None if obstacle else _change(equal, current, endpoints, settings.run_to_run)
    if change is None and not obstacle:
        obstacle = "how long the windows of the baseline were is not known"
    return replace(measured, obstacle=obstacle, change=change)


def judged_on_its_own(verdict: Verdict, others: Sequence[Verdict]) -> Verdict:
    """Take back a throughput verdict that the verdicts on endpoints (`others`, of all services) explain.

    Users go from service to service, so a slow endpoint of one lowers the throughput of all: what follows from a change
    elsewhere is no change of its own, `same`. If nothing could be said of the service's own response times, nothing
    can be said of what its throughput means.
    """
    if verdict.decision not in (Decision.REGRESSED, Decision.IMPROVED):
        return verdict
    moved = [v for v in others if v.decision in (Decision.REGRESSED, Decision.IMPROVED)]
    if moved:
        cause = next((v for v in moved if v.series.service == verdict.series.service), moved[0])
        reason = f"{verdict.reason}; no change of its own: {cause.metric.replace('_', ' ')} of {cause.series} changed"
        return replace(verdict, decision=Decision.SAME, severity=Severity.NONE, reason=reason)
    own = [v for v in others if v.series.service == verdict.series.service and v.metric is Metric.MEAN]
    if all(v.decision is Decision.UNKNOWN for v in own):
        reason = f"{verdict.reason}; whether response times explain it is not known"
        return replace(verdict, decision=Decision.UNKNOWN, severity=Severity.NONE, reason=reason)
    return verdict


def _change(runs: Sequence[SteadyRun], current: SteadyRun, endpoints: Sequence[Endpoint], sd: float) -> Change | None:
    levels, level = _levels(runs, endpoints), _level(current, endpoints)
    if level is None or not levels:
        return None
    return change_of_levels(levels, level, sd, float(_requests(current, endpoints).sum()))


def _levels(runs: Sequence[SteadyRun], endpoints: Sequence[Endpoint]) -> list[Level]:
    return [level for run in runs if (level := _level(run, endpoints))]


def _level(run: SteadyRun, endpoints: Sequence[Endpoint]) -> Level | None:
    return rate(_requests(run, endpoints), run.seconds)


def _requests(run: SteadyRun, endpoints: Sequence[Endpoint]) -> FloatArray:
    found = [run.samples[endpoint].requests for endpoint in endpoints if endpoint in run.samples]
    return np.sum(found, axis=0, dtype=np.float64) if found else np.zeros_like(run.seconds)


def _endpoints_of(service: str, runs: Sequence[SteadyRun]) -> list[Endpoint]:
    return sorted({endpoint for run in runs for endpoint in run.samples if endpoint[0] == service})


def _equal_users(run: SteadyRun, current: SteadyRun) -> bool:
    if run.users is None or current.users is None:
        return False
    return abs(run.users - current.users) <= _EQUAL_USERS * run.users


def _obstacle(
    equal: Sequence[SteadyRun], current: SteadyRun, endpoints: Sequence[Endpoint], settings: ComparisonSection
) -> str:
    if not equal:
        return "throughput is compared at equal, known users only"
    fewest = min(float(_requests(run, endpoints).sum()) for run in (*equal, current))
    if fewest < settings.min_requests:
        return f"{int(fewest):,} requests are too few, {settings.min_requests:,} are needed"
    windows = min(run.starts.size for run in (*equal, current))
    if windows < settings.min_windows:
        return f"{windows} windows are too few, {settings.min_windows} are needed"
    return ""
