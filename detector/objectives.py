"""Objectives: the absolute bounds that people set, held against one run."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from soakwatch.core.numbers import format_value
from soakwatch.core.objective import Bound
from soakwatch.core.series import Series
from soakwatch.core.settings import ComparisonSection, ObjectiveSection
from soakwatch.core.verdict import Decision, Effect, Metric, Severity, Verdict
from soakwatch.detector.change import half_width
from soakwatch.detector.error_rate import share_of
from soakwatch.detector.evidence import Evidence
from soakwatch.detector.latency import obstacle_to
from soakwatch.detector.proportions import wilson
from soakwatch.detector.steady_run import SteadyRun

_Interval = tuple[float, float, float]
"""Value, lowest and highest with 95 % confidence, in the metric's unit."""


def check_objectives(
    objectives: Sequence[ObjectiveSection], current: SteadyRun, settings: ComparisonSection
) -> list[Verdict]:
    """Hold every endpoint of the run, after its warm-up, against each objective that matches it.

    The interval covers what this run measured; how much equal runs differ is no excuse for having been too slow.
    """
    return [
        _check(
            Bound.parse(objective.bound),
            Series(current.run.environment, current.run.test, *endpoint),
            current,
            settings,
        )
        for objective in objectives
        for endpoint in sorted(current.evidence)
        if fnmatchcase(endpoint[0], objective.service) and fnmatchcase(endpoint[2], objective.endpoint)
    ]


def _check(bound: Bound, series: Series, current: SteadyRun, settings: ComparisonSection) -> Verdict:
    evidence = current.evidence[series.service, series.method, series.endpoint]
    obstacle = _obstacle(bound.metric, evidence, current, settings)
    measured = None if obstacle else _measure(bound.metric, evidence)
    if measured is None:
        return _undecided(bound, series, obstacle)
    return _held_against(bound, series, measured, settings)


def _undecided(bound: Bound, series: Series, why: str) -> Verdict:
    reason = f"objective {bound} is undecided: {why}"
    return Verdict(series, bound.metric, Decision.UNKNOWN, Severity.NONE, bound.limit, None, None, None, reason)


def _held_against(bound: Bound, series: Series, measured: _Interval, settings: ComparisonSection) -> Verdict:
    value, low, high = (format_value(bound.metric, number) for number in measured)
    decision, severity, verb = _decide(bound, measured, settings)
    reason = f"objective {bound} {verb}: {value} (95 %: {low} to {high})"
    effect = _effect(bound, measured)
    return Verdict(series, bound.metric, decision, severity, bound.limit, measured[0], effect, None, reason)


def _decide(bound: Bound, measured: _Interval, settings: ComparisonSection) -> tuple[Decision, Severity, str]:
    value, low, high = measured
    if low >= bound.limit:
        return Decision.REGRESSED, _severity(bound, value, settings), "is missed"
    if high < bound.limit:
        return Decision.SAME, Severity.NONE, "is met"
    return Decision.UNKNOWN, Severity.NONE, "is undecided, more requests would decide"


def _effect(bound: Bound, measured: _Interval) -> Effect | None:
    if bound.metric is Metric.ERROR_RATE:
        return Effect(*(value - bound.limit for value in measured))
    return Effect(*(value / bound.limit - 1 for value in measured)) if bound.limit else None


def _severity(bound: Bound, value: float, settings: ComparisonSection) -> Severity:
    if bound.metric is Metric.ERROR_RATE:
        critical = value >= bound.limit + settings.critical_error_change
    else:
        critical = value >= bound.limit * (1 + settings.critical_effect)
    return Severity.CRITICAL if critical else Severity.WARNING


def _obstacle(metric: Metric, evidence: Evidence, current: SteadyRun, settings: ComparisonSection) -> str:
    if metric is not Metric.ERROR_RATE:
        saturated = f"the load generator of run {current.run.id} was saturated" if current.saturated else ""
        return saturated or obstacle_to(metric, evidence, settings)
    requests = int(evidence.requests)
    return "" if requests >= settings.min_requests else f"{requests:,} requests are too few to tell"


def _measure(metric: Metric, evidence: Evidence) -> _Interval | None:
    if metric is Metric.ERROR_RATE:
        share = share_of([evidence])
        return share.value, *wilson(share.value, share.effective)
    level = evidence.levels.get(metric)
    if level is None:
        return None
    return level.value, level.moved(-half_width([level.below])), level.moved(half_width([level.above]))
