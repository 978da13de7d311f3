"""Comparing a run with the runs before it: from windows, or what files have instead, to verdicts."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from soakwatch.core.errors import UsageError
from soakwatch.core.roll_up import is_whole_service
from soakwatch.core.run_summary import PlainBaseline, RunSummary, RunTotals
from soakwatch.core.series import Series
from soakwatch.core.settings import ComparisonSection, ObjectiveSection
from soakwatch.core.verdict import Comparison, Decision, Metric, Timeline, Verdict
from soakwatch.detector.change import Finding
from soakwatch.detector.comparability import Comparable, saturation_note, with_like_load, with_unhurried_generator
from soakwatch.detector.decision import decide_all
from soakwatch.detector.error_growth import grown_errors
from soakwatch.detector.error_rate import compare_error_rates
from soakwatch.detector.evidence import METRICS, Evidence
from soakwatch.detector.known_services import with_known_services
from soakwatch.detector.latency import compare_response_times
from soakwatch.detector.lateness import generators_part
from soakwatch.detector.objectives import check_objectives
from soakwatch.detector.run_data import RunData
from soakwatch.detector.sample import Endpoint, endpoint_of, service_of
from soakwatch.detector.steady_run import Grouping, SteadyRun, steady_part
from soakwatch.detector.throughput import find_throughput, judged_on_its_own, throughput_evidence
from soakwatch.detector.timeline import timelines_of

Compared = RunData | RunSummary
"""A run of the store, or what a file tells of one."""

_MOST_NAMED = 5
"""Endpoints that a message names of each side."""


@dataclass(frozen=True, slots=True)
class _Pairing:
    """The current run and its comparable baselines: those for response times are among those for error rates."""

    current: SteadyRun
    for_errors: Comparable
    for_times: Comparable
    settings: ComparisonSection
    metrics: Collection[Metric]

    @property
    def basis(self) -> str:
        """What else than windows the evidence rests on."""
        return " and ".join(dict.fromkeys(run.basis for run in (*self.for_errors.runs, self.current) if run.basis))


def compare_runs(
    baselines: Sequence[Compared],
    current: Compared,
    settings: ComparisonSection,
    objectives: Sequence[ObjectiveSection] = (),
    metrics: Collection[Metric] = tuple(Metric),
) -> Comparison:
    """Compare `current` with one or several earlier runs, endpoint by endpoint.

    Verdicts come in the order of service, method and endpoint, five for each (p50, p95, p99, mean, error rate, as far
    as they are among `metrics`); then one on the throughput of each service where there are windows, then the
    objectives. Where a baseline has nothing but numbers of whole services, whole services are compared. Raises
    UsageError when a run has no requests, or when the runs have no endpoint in common.
    """
    if not baselines:
        raise UsageError(f"run {current.run.id} needs at least one earlier run to be compared with")
    if isinstance(current, PlainBaseline):
        raise UsageError(f"{current.run.id} has plain numbers without counts, which can only be a baseline")
    baselines, current = _with_services(sorted(baselines, key=lambda data: data.run.start), current)
    plain = [data for data in baselines if isinstance(data, PlainBaseline)]
    if plain and len(baselines) > 1:
        raise UsageError(f"{plain[0].run.id} has plain numbers without counts, which no other baseline can be added to")
    group = service_of if plain else endpoint_of
    endpoints = _all_endpoints(baselines, current, group)
    steady_baselines = [steady_part(data, group) for data in baselines]
    steady = steady_part(current, group)
    verdicts = _compare(_pair(steady_baselines, steady, settings, metrics), endpoints)
    verdicts += check_objectives(objectives, steady, settings)
    return Comparison(
        [data.run for data in baselines],
        current.run,
        verdicts,
        grown_errors(steady_baselines, steady),
        _timelines(verdicts, baselines, current),
    )


def _with_services(baselines: Sequence[Compared], current: Compared) -> tuple[Sequence[Compared], Compared]:
    known = [series for data in (*baselines, current) for series in _series_in(data)]

    def named(data: Compared) -> Compared:
        return with_known_services(data, known) if isinstance(data, RunTotals) else data

    return [named(data) for data in baselines], named(current)


def _series_in(data: Compared) -> Collection[Series]:
    if isinstance(data, PlainBaseline):
        return []
    return {window.series for window in data.windows} if isinstance(data, RunData) else data.endpoints


def _timelines(verdicts: Sequence[Verdict], baselines: Sequence[Compared], current: Compared) -> list[Timeline]:
    """Files have no windows to draw."""
    newest = baselines[-1]
    if not isinstance(newest, RunData) or not isinstance(current, RunData):
        return []
    regressed = [verdict.series for verdict in verdicts if verdict.decision is Decision.REGRESSED]
    return timelines_of(regressed, newest, current)


def _all_endpoints(baselines: Sequence[Compared], current: Compared, group: Grouping) -> list[Endpoint]:
    before: set[Endpoint] = set()
    for data in baselines:
        before |= _endpoints_in(data, group)
    now = _endpoints_in(current, group)
    if before & now:
        return sorted(before | now)
    raise UsageError(
        f"run {current.run.id} has no endpoint in common with {', '.join(data.run.id for data in baselines)}: "
        f"it has {_some(now)}; before there were {_some(before)}. Do both belong to the same test and service names?"
    )


def _endpoints_in(data: Compared, group: Grouping) -> set[Endpoint]:
    if isinstance(data, PlainBaseline):
        return {service_of(Series("", "", service, "", "")) for service in data.services}
    if not isinstance(data, RunData):
        return {group(series) for series in data.endpoints}
    if not data.windows:
        raise UsageError(
            f"run {data.run.id} has no windows: it made no requests, or its windows never reached this store"
        )
    return {group(series) for series in {window.series for window in data.windows} if not is_whole_service(series)}


def _some(endpoints: Iterable[Endpoint]) -> str:
    names = [" ".join(part for part in endpoint if part) for endpoint in sorted(endpoints)]
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _pair(
    baselines: Sequence[SteadyRun], current: SteadyRun, settings: ComparisonSection, metrics: Collection[Metric]
) -> _Pairing:
    alike = with_like_load(baselines, current, settings.max_load_difference)
    return _Pairing(current, alike, with_unhurried_generator(alike, current), settings, metrics)


def _compare(pairing: _Pairing, endpoints: Sequence[Endpoint]) -> list[Verdict]:
    findings = [finding for endpoint in endpoints for finding in _find(pairing, endpoint)]
    verdicts = decide_all([*findings, *_rates(pairing, endpoints)], pairing.settings)
    own, throughput = verdicts[: len(findings)], verdicts[len(findings) :]
    explained = [judged_on_its_own(verdict, own) for verdict in throughput]
    return [_with_evidence(verdict, pairing) for verdict in own] + explained


def _rates(pairing: _Pairing, endpoints: Sequence[Endpoint]) -> list[Finding]:
    if Metric.THROUGHPUT not in pairing.metrics:
        return []
    services = sorted({service for service, _, _ in endpoints})
    found = [find_throughput(one, pairing.for_times, pairing.current, pairing.settings) for one in services]
    return [rate for rate in found if rate]


def _find(pairing: _Pairing, endpoint: Endpoint) -> list[Finding]:
    series = Series(pairing.current.run.environment, pairing.current.run.test, *endpoint)
    comparable = {**dict.fromkeys(METRICS, pairing.for_times), Metric.ERROR_RATE: pairing.for_errors}
    return [
        _find_metric(Finding(series, metric, indirect=bool(pairing.basis)), pairing, runs, endpoint)
        for metric, runs in comparable.items()
        if metric in pairing.metrics
    ]


def _find_metric(finding: Finding, pairing: _Pairing, comparable: Comparable, endpoint: Endpoint) -> Finding:
    if comparable.obstacle:
        return replace(finding, obstacle=comparable.obstacle)
    before = [evidence for run in comparable.runs if (evidence := run.evidence.get(endpoint))]
    now = pairing.current.evidence.get(endpoint)
    if now is None:
        was = _value(before[-1], finding.metric) if before else None
        return replace(
            finding, baseline=was, obstacle=f"gone: the current run has no requests to it{_part(pairing.current)}"
        )
    if not before:
        value = _value(now, finding.metric)
        return replace(
            finding, current=value, obstacle=f"new: the baseline has no requests to it{_part(comparable.runs[-1])}"
        )
    if finding.metric is Metric.ERROR_RATE:
        return compare_error_rates(finding, before, now, pairing.settings)
    part = generators_part(finding.metric, [run.late for run in comparable.runs], pairing.current.late)
    return compare_response_times(replace(finding, generators_part=part), before, now, pairing.settings)


def _part(run: SteadyRun) -> str:
    return "" if run.basis else " after its warm-up"


def _value(evidence: Evidence, metric: Metric) -> float | None:
    if metric is Metric.ERROR_RATE:
        return evidence.share
    level = evidence.levels.get(metric)
    return level.value if level else None


def _with_evidence(verdict: Verdict, pairing: _Pairing) -> Verdict:
    """Add what supports or qualifies a verdict to its reason."""
    if not verdict.effect:
        return verdict
    note = ""
    if verdict.metric is Metric.ERROR_RATE:
        note = saturation_note(pairing.for_errors, pairing.current)
    elif verdict.decision is Decision.REGRESSED:
        endpoint = endpoint_of(verdict.series)
        note = throughput_evidence(endpoint, pairing.for_times, pairing.current, pairing.settings)
    basis = f"; from {pairing.basis}" if pairing.basis else ""
    return replace(verdict, reason=verdict.reason + note + basis)
