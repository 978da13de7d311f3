"""Incidents over time: what each step's signals make of those that are open, and which begin.

    suspect -> confirmed       one of its findings has been in alarm for `hold` steps
    suspect -> resolved        none was in alarm for `patience` steps: there was nothing
    confirmed -> recovering    all of its findings have been normal for `patience` steps
    recovering -> confirmed    one is in alarm again
    recovering -> resolved     all have been normal for `healthy` steps
    any -> resolved            somebody accepted its level, or nobody tests any of it any more

A finding that is elevated, less than an alarm and more than normal, keeps everything as it is. So does silence: a step
of which nothing can be told counts for none of these. A finding of which nothing could be told for longer than
baselines look back is gone, and the others decide.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from soakwatch.core.deploy import Deploy
from soakwatch.core.incident import Finding, Incident, Kind, Shape, State, fingerprint_of
from soakwatch.core.span import Span
from soakwatch.core.verdict import Metric, Severity
from soakwatch.detector.deploys_around import with_deploys
from soakwatch.detector.following import begin, follow, is_gone
from soakwatch.detector.grouping import Alarm, group_alarms
from soakwatch.detector.onset_vote import agreed_onset
from soakwatch.detector.signal import Key, Signal, Standing
from soakwatch.detector.timing import Timing

_LATENCY = (Metric.P50, Metric.P95, Metric.P99, Metric.MEAN)
_STRENGTH = (Standing.UNKNOWN, Standing.NORMAL, Standing.ELEVATED, Standing.ALARM)


def advance_incidents(
    incidents: Sequence[Incident], signals: Iterable[Signal], at: float, timing: Timing, deploys: Sequence[Deploy]
) -> list[Incident]:
    """`incidents` after the step that ended at `at`, with those that began in it at the end.

    Pure, and all that it has to know is in `incidents`: a step that one of them has seen, or an earlier one, changes
    nothing. Resolved ones pass through; they need not be given. `deploys` are all that are known; later ones than `at`
    do not count.
    """
    if any(one.judged is not None and at <= one.judged for one in incidents):
        return list(incidents)
    told = _by_key(signals)
    continuing = [one for one in incidents if one.is_open and not one.is_accepted]
    members = {key for one in incidents if one.is_open for key in _keys(one)}
    alarms = [
        Alarm(signal, signal.finding)
        for key, signal in told.items()
        if signal.standing is Standing.ALARM and signal.finding is not None and key not in members
    ]
    grouping = group_alarms(alarms, continuing, timing)
    followed = [
        _follow(one, told, grouping.joining.get(one.fingerprint, ()), at, timing) if one.is_open else one
        for one in incidents
    ]
    begun = [_begin(group, at, timing) for group in grouping.beginning]
    return with_deploys([*followed, *begun], deploys, at)


def watched(incidents: Iterable[Incident]) -> dict[Key, Span]:
    """Onsets of the findings of open incidents: what the engine must tell of at every step, and not learn from.

    Not of those whose level people accepted, which is what is to be learnt.
    """
    return {
        (finding.series, finding.metric, one.kind): finding.onset
        for one in incidents
        if one.is_open and not one.is_accepted
        for finding in one.findings
    }


def accepted(incidents: Iterable[Incident]) -> dict[Key, float]:
    """From when on, in seconds since the epoch, a level that people accepted is the baseline; the latest of each.

    It is the end of the onset's interval: before, it may still be the old level. With one response time of a series
    all of them are accepted; those which were not found to be slower may be, by less. Silence has no level.
    """
    begins: dict[Key, float] = {}
    for one in incidents:
        if one.is_accepted and one.kind is not Kind.NO_DATA:
            for finding in one.findings:
                for metric in _LATENCY if one.kind is Kind.LATENCY else (finding.metric,):
                    key = (finding.series, metric, one.kind)
                    begins[key] = max(finding.onset.end, begins.get(key, finding.onset.end))
    return begins


def dropped(incidents: Sequence[Incident], at: float) -> dict[Key, Span]:
    """What ceased to be suspected in the step that ended at `at`, from its onset until then: there was nothing.

    Not that of series which belong to an open incident: it keeps them out of the baselines.
    """
    kept = {finding.series for one in incidents if one.is_open for finding in one.findings}
    return {
        (finding.series, finding.metric, one.kind): Span(finding.onset.start, at)
        for one in incidents
        if one.was_dropped and one.resolved == at
        for finding in one.findings
        if finding.series not in kept
    }


def _by_key(signals: Iterable[Signal]) -> dict[Key, Signal]:
    """The strongest signal of each key; layers may differ."""
    strongest: dict[Key, Signal] = {}
    for signal in signals:
        known = strongest.get(signal.key)
        strongest[signal.key] = signal if known is None else _stronger(known, signal)
    return strongest


def _stronger(one: Signal, other: Signal) -> Signal:
    """The stronger of two signals about the same; where both are alarms, with the nearer numbers.

    What creeps only looking back for hours can tell.
    """
    weaker, stronger = sorted((one, other), key=_strength)
    near, far = weaker.finding, stronger.finding
    if near is None or far is None or weaker.standing is not Standing.ALARM or far.shape is Shape.CREEP:
        return stronger
    if weaker.looks_back or not stronger.looks_back:
        return stronger
    return replace(stronger, finding=replace(near, evidence=(*near.evidence, *far.evidence)))


def _strength(signal: Signal) -> tuple[int, bool, str]:
    # the text only makes it one order, whatever the order of signals
    return _STRENGTH.index(signal.standing), signal.immediate, repr(signal.finding)


def _keys(incident: Incident) -> Iterable[Key]:
    return ((finding.series, finding.metric, incident.kind) for finding in incident.findings)


def _begin(alarms: Sequence[Alarm], at: float, timing: Timing) -> Incident:
    environment, service, kind = alarms[0].place
    findings = tuple(begin(alarm.finding, alarm.signal, timing) for alarm in alarms)
    suspect = Incident(
        fingerprint=fingerprint_of(environment, service, kind, at),
        environment=environment,
        service=service,
        kind=kind,
        state=State.SUSPECT,
        suspected=at,
        onset=agreed_onset([finding.onset for finding in findings]),
        severity=Severity.WARNING,
        findings=findings,
    )
    return _judged(suspect, at, timing)


def _follow(
    incident: Incident, told: Mapping[Key, Signal], joining: Iterable[Alarm], at: float, timing: Timing
) -> Incident:
    if incident.is_accepted:
        return replace(incident, state=State.RESOLVED, resolved=at, judged=at)
    known = [
        follow(finding, told.get(key), timing, incident.confirmed)
        for key, finding in zip(_keys(incident), incident.findings, strict=True)
    ]
    findings = (*known, *(begin(alarm.finding, alarm.signal, timing) for alarm in joining))
    return _judged(replace(incident, findings=findings), at, timing)


def _judged(incident: Incident, at: float, timing: Timing) -> Incident:
    """Decide its state from its findings, and what follows from them."""
    state = _next_state(incident, at, timing)
    came = {} if state is incident.state else {state: at}
    severity = _severity(incident)
    is_first = severity is Severity.CRITICAL and incident.escalated is None
    return replace(
        incident,
        state=state,
        confirmed=came.get(State.CONFIRMED, incident.confirmed),
        recovering=came.get(State.RECOVERING, incident.recovering),
        resolved=came.get(State.RESOLVED),
        onset=agreed_onset([finding.onset for finding in incident.findings]),
        severity=severity,
        escalated=at if is_first else incident.escalated,
        judged=at,
    )


def _next_state(incident: Incident, at: float, timing: Timing) -> State:
    there = [finding for finding in incident.findings if not is_gone(finding, at, timing)]
    return _state_after(incident.state, there, timing) if there else State.RESOLVED


def _state_after(state: State, there: Sequence[Finding], timing: Timing) -> State:
    match state:
        case State.SUSPECT if any(finding.course.held >= timing.hold for finding in there):
            return State.CONFIRMED
        case State.SUSPECT if all(finding.course.quiet >= timing.patience for finding in there):
            return State.RESOLVED
        case State.CONFIRMED if all(finding.recovered is not None for finding in there):
            return State.RECOVERING
        case State.RECOVERING if any(finding.recovered is None for finding in there):
            return State.CONFIRMED
        case State.RECOVERING if all(finding.course.normal >= timing.healthy for finding in there):
            return State.RESOLVED
    return state


def _severity(incident: Incident) -> Severity:
    """That of the worst finding that is not normal again; the last one where all are."""
    now: list[Finding] = [finding for finding in incident.findings if finding.recovered is None]
    if not now:
        return incident.severity
    return Severity.CRITICAL if any(one.severity is Severity.CRITICAL for one in now) else Severity.WARNING
