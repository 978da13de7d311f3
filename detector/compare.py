"""Comparing a run with the runs before it: from windows to verdicts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from soakwatch.core.configuration import ComparisonSection, ObjectiveSection
from soakwatch.core.errors import UsageError
from soakwatch.core.series import Series
from soakwatch.core.verdict import Comparison, Decision, Metric, Verdict
from soakwatch.detector.change import Finding
from soakwatch.detector.comparability import Comparable, saturation_note, with_like_load, with_unhurried_generator
from soakwatch.detector.decision import decide_all
from soakwatch.detector.error_growth import grown_errors
from soakwatch.detector.error_rate import compare_error_rates, share_in
from soakwatch.detector.latency import METRICS, compare_response_times
from soakwatch.detector.lateness import generators_part
from soakwatch.detector.level import response_time
from soakwatch.detector.objectives import check_objectives
from soakwatch.detector.run_data import RunData
from soakwatch.detector.sample import Endpoint, Sample, SteadyRun, endpoint_of, is_endpoint, steady_part
from soakwatch.detector.throughput import find_throughput, judged_on_its_own, throughput_evidence
from soakwatch.detector.timeline import timelines_of

_MOST_NAMED = 5
"""Endpoints that a message names of each side."""


@dataclass(frozen=True, slots=True)
class _Pairing:
    """The current run and its comparable baselines: those for response times are among those for error rates."""

    current: SteadyRun
    for_errors: Comparable
    for_times: Comparable
    settings: ComparisonSection


def compare_runs(
    baselines: Sequence[RunData],
    current: RunData,
    settings: ComparisonSection,
    objectives: Sequence[ObjectiveSection] = (),
) -> Comparison:
    """Compare `current` with one or several earlier runs, endpoint by endpoint.

    Verdicts come in the order of service, method and endpoint, five for each (p50, p95, p99, mean, error rate); then
    one on the throughput of each service, then the objectives. Raises UsageError when a run has no windows, or when
    the runs have no endpoint in common.
    """
    if not baselines:
        raise UsageError(f"run {current.run.id} needs at least one earlier run to be compared with")
    baselines = sorted(baselines, key=lambda data: data.run.start)
    endpoints = _all_endpoints(baselines, current)
    steady_baselines = [steady_part(data) for data in baselines]
    steady = steady_part(current)
    verdicts = _compare(_pair(steady_baselines, steady, settings), endpoints)
    verdicts += check_objectives(objectives, steady, settings)
    regressed = [verdict.series for verdict in verdicts if verdict.decision is Decision.REGRESSED]
    return Comparison(
        [data.run for data in baselines],
        current.run,
        verdicts,
        grown_errors(list(zip(baselines, steady_baselines, strict=True)), (current, steady)),
        timelines_of(regressed, baselines[-1], current),
    )


def _all_endpoints(baselines: Sequence[RunData], current: RunData) -> list[Endpoint]:
    before: set[Endpoint] = set()
    for data in baselines:
        before |= _endpoints_in(data)
    now = _endpoints_in(current)
    if before & now:
        return sorted(before | now)
    raise UsageError(
        f"run {current.run.id} has no endpoint in common with {', '.join(data.run.id for data in baselines)}: "
        f"it has {_some(now)}; before there were {_some(before)}. Do both belong to the same test and service names?"
    )


def _endpoints_in(data: RunData) -> set[Endpoint]:
    if not data.windows:
        raise UsageError(
            f"run {data.run.id} has no windows: it made no requests, or its windows never reached this store"
        )
    return {endpoint_of(series) for series in {window.series for window in data.windows} if is_endpoint(series)}


def _some(endpoints: Iterable[Endpoint]) -> str:
    names = [" ".join(part for part in endpoint if part) for endpoint in sorted(endpoints)]
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _pair(baselines: Sequence[SteadyRun], current: SteadyRun, settings: ComparisonSection) -> _Pairing:
    alike = with_like_load(baselines, current, settings.max_load_difference)
    return _Pairing(current, alike, with_unhurried_generator(alike, current), settings)


def _compare(pairing: _Pairing, endpoints: Sequence[Endpoint]) -> list[Verdict]:
    findings = [finding for endpoint in endpoints for finding in _find(pairing, endpoint)]
    services = sorted({service for service, _, _ in endpoints})
    rates = [find_throughput(one, pairing.for_times, pairing.current, pairing.settings) for one in services]
    verdicts = decide_all([*findings, *(rate for rate in rates if rate)], pairing.settings)
    own, throughput = verdicts[: len(findings)], verdicts[len(findings) :]
    explained = [judged_on_its_own(verdict, own) for verdict in throughput]
    return [_with_evidence(verdict, pairing) for verdict in own] + explained


def _find(pairing: _Pairing, endpoint: Endpoint) -> list[Finding]:
    series = Series(pairing.current.run.environment, pairing.current.run.test, *endpoint)
    times = [_find_metric(Finding(series, metric), pairing, pairing.for_times, endpoint) for metric in METRICS]
    return [*times, _find_metric(Finding(series, Metric.ERROR_RATE), pairing, pairing.for_errors, endpoint)]


def _find_metric(finding: Finding, pairing: _Pairing, comparable: Comparable, endpoint: Endpoint) -> Finding:
    if comparable.obstacle:
        return replace(finding, obstacle=comparable.obstacle)
    before = [sample for run in comparable.runs if (sample := _sample(run, endpoint))]
    now = _sample(pairing.current, endpoint)
    if now is None:
        was = _value(before[-1], finding.metric) if before else None
        return replace(finding, baseline=was, obstacle="gone: the current run has no requests to it after its warm-up")
    if not before:
        value = _value(now, finding.metric)
        return replace(finding, current=value, obstacle="new: the baseline has no requests to it after its warm-up")
    if finding.metric is Metric.ERROR_RATE:
        return compare_error_rates(finding, before, now, pairing.settings)
    part = generators_part(finding.metric, [run.late for run in comparable.runs], pairing.current.late)
    return compare_response_times(replace(finding, generators_part=part), before, now, pairing.settings)


def _sample(run: SteadyRun, endpoint: Endpoint) -> Sample | None:
    """Only windows with requests: an endpoint that is seldom called has no level in the others."""
    whole = run.samples.get(endpoint)
    return whole.where(whole.requests > 0) if whole and whole.requests.sum() else None


def _value(sample: Sample, metric: Metric) -> float | None:
    if metric is Metric.ERROR_RATE:
        return share_in(sample)
    level = response_time(sample, metric)
    return level.value if level else None


def _with_evidence(verdict: Verdict, pairing: _Pairing) -> Verdict:
    """Add what supports or qualifies a verdict to its reason."""
    if verdict.metric is Metric.ERROR_RATE:
        note = saturation_note(pairing.for_errors, pairing.current)
        return replace(verdict, reason=verdict.reason + note) if verdict.effect else verdict
    if verdict.decision is not Decision.REGRESSED:
        return verdict
    endpoint = endpoint_of(verdict.series)
    note = throughput_evidence(endpoint, pairing.for_times, pairing.current, pairing.settings)
    return replace(verdict, reason=verdict.reason + note)
