"""Incident evidence: what the store has on an incident, for its page."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from math import isnan

from soakwatch.core.deploy import Deploy
from soakwatch.core.incident import Incident, findings_worst_first
from soakwatch.core.roll_up import MINUTE, TEN_MINUTES
from soakwatch.core.run import Run
from soakwatch.core.series import WHOLE_SERVICE, Series
from soakwatch.core.span import Span
from soakwatch.core.verdict import ErrorGrowth
from soakwatch.core.window import ErrorCount, Exemplar
from soakwatch.detector.deploys_around import concerns
from soakwatch.reporter.evidence import Course, Evidence
from soakwatch.store.contract import Column, WindowStore
from soakwatch.store.metric_history import metric_history

_HOUR, _DAY = 3_600.0, 86_400.0
_BEFORE_AT_LEAST, _BEFORE_AT_MOST = _HOUR, 3 * _DAY
"""Seconds before the onset that a chart shows: half of what came after, within these bounds."""

_FINE = 4 * _HOUR
"""Seconds up to which a chart is made of minutes."""

_LOOKED_FOR_SLOWEST = 600.0
_MOST_KINDS = 20


def evidence_of(store: WindowStore, incident: Incident, deploys: Sequence[Deploy], now: float) -> Evidence:
    """What is known at `now` about `incident`; `deploys` are those that changed something. Raises StoreUnavailable."""
    until = min(now, incident.resolved or incident.judged or now)
    run = _run(store, incident, until)
    return Evidence(
        until=until,
        course=_course(store, incident, until),
        errors=tuple(_errors(store, incident, until)),
        slowest=_slowest(store, incident, until),
        previous=_previous(incident, deploys),
        run=run,
    )


def _course(store: WindowStore, incident: Incident, until: float) -> Course | None:
    worst = findings_worst_first(incident.findings)[0]
    after = max(0.0, until - incident.onset.start)
    start = incident.onset.start - min(max(_BEFORE_AT_LEAST, after / 2), _BEFORE_AT_MOST)
    width = MINUTE if until - start <= _FINE else TEN_MINUTES
    moments, values = metric_history(store, worst.series, worst.metric, width, Span(start, until))
    if not len(moments):
        return None
    known = [None if isnan(value) else float(value) for value in values]
    return Course(worst.series, worst.metric, [float(moment) for moment in moments], known)


def _run(store: WindowStore, incident: Incident, until: float) -> Run | None:
    tests = {finding.series.test for finding in incident.findings}
    there = [
        one
        for one in store.runs()
        if one.environment == incident.environment and one.test in tests and one.start <= until
    ]
    seen = [one for one in there if one.end is None or one.end >= incident.onset.start]
    return seen[-1] if seen else None


def _previous(incident: Incident, deploys: Iterable[Deploy]) -> Deploy | None:
    """What the deploy before the onset replaced."""
    before = incident.deploy_before
    if before is None:
        return None
    earlier = [one for one in deploys if one.at < before.at and concerns(one, incident)]
    return earlier[-1] if earlier else None


def _errors(store: WindowStore, incident: Incident, until: float) -> Iterator[ErrorGrowth]:
    """Kinds of errors whose share of the requests of their endpoint grew; what grew most comes first."""
    before, since = Span(incident.onset.start - _DAY, incident.onset.start), Span(incident.onset.end, until)
    counts: dict[str, Counter[tuple[Series, str]]] = {"before": Counter(), "since": Counter()}
    samples: dict[tuple[Series, str], str] = {}
    for error in _errors_between(store, incident, Span(before.start, until)):
        key = (error.series, error.kind)
        if before.start <= error.start < before.end:
            counts["before"][key] += error.count
        elif since.start <= error.start:
            counts["since"][key] += error.count
            samples.setdefault(key, error.sample)
    if not counts["since"]:
        return
    requests = [_requests(store, incident.service, span) for span in (before, since)]
    grown = [
        ErrorGrowth(series, kind, samples[series, kind], counts["before"][series, kind], count, *shares)
        for (series, kind), count in counts["since"].items()
        if (shares := _shares(series, (counts["before"][series, kind], count), requests))[1] > shares[0]
    ]
    yield from sorted(grown, key=lambda one: one.baseline_share - one.current_share)[:_MOST_KINDS]


def _errors_between(store: WindowStore, incident: Incident, span: Span) -> Iterator[ErrorCount]:
    for run in store.runs():
        if run.environment == incident.environment and run.start < span.end and (run.end or span.end) > span.start:
            yield from (one for one in store.errors(run.id) if one.series.service == incident.service)


def _requests(store: WindowStore, service: str, span: Span) -> dict[Series, float]:
    width = MINUTE if span.end - span.start <= _FINE else TEN_MINUTES
    found = store.history(width, span, [Column.COUNT], [service])
    return {series: float(history.values[Column.COUNT].sum()) for series, history in found.items()}


def _shares(series: Series, counts: tuple[int, int], requests: Sequence[dict[Series, float]]) -> tuple[float, float]:
    before, since = (
        min(1.0, count / max(1.0, made.get(series, 0.0))) for count, made in zip(counts, requests, strict=True)
    )
    return before, since


def _slowest(store: WindowStore, incident: Incident, until: float) -> tuple[Series, Exemplar] | None:
    """The slowest request of its first minutes, or else of its last ones: windows are many, and kept for days only."""
    series = {finding.series for finding in incident.findings}
    begun = incident.onset.end
    for start in (begun, max(begun, until - _LOOKED_FOR_SLOWEST)):
        span = Span(start, min(until, start + _LOOKED_FOR_SLOWEST))
        found = [
            (window.series, window.exemplar)
            for window in store.windows_between(span)
            if window.exemplar is not None and (window.series in series or _is_of(window.series, incident, series))
        ]
        if found:
            return max(found, key=lambda one: one[1].time)
    return None


def _is_of(series: Series, incident: Incident, affected: Iterable[Series]) -> bool:
    """Whether it is an endpoint of a service that is affected as a whole."""
    return (series.environment, series.service) == (incident.environment, incident.service) and any(
        one.endpoint == WHOLE_SERVICE for one in affected
    )
