"""How incidents look on a terminal."""

from collections.abc import Iterable, Iterator, Sequence

from soakwatch.cli.moments import written_minute, written_moment
from soakwatch.cli.terminal import printable, results
from soakwatch.core.deploy import Deploy
from soakwatch.core.incident import Finding, Incident, Kind, Ruling, RulingKind, Shape, State, findings_worst_first
from soakwatch.core.maintenance import Maintenance
from soakwatch.core.numbers import format_change, format_duration, format_effect
from soakwatch.core.series import WHOLE_SERVICE
from soakwatch.core.span import Span
from soakwatch.core.verdict import Metric, Severity

_COLOURS = {Severity.CRITICAL: "red", Severity.WARNING: "yellow", Severity.NONE: "default"}
_LONG = 1_000
"""Characters of a sentence that are shown."""


def standing_of(incident: Incident, now: float) -> str:
    """Where it stands, in a word or two: `confirmed`, `suspect, ignored`, `accepted`, `dropped`."""
    if incident.is_accepted:
        return "accepted"
    if incident.was_dropped:
        return "dropped"
    return f"{incident.state}, ignored" if incident.is_open and incident.is_silent(now) else str(incident.state)


def what_is_worst(incident: Incident) -> str:
    """Its worst finding, and how many more there are."""
    findings = findings_worst_first(incident.findings)
    more = f" and {len(findings) - 1} more" if len(findings) > 1 else ""
    return f"{_what(findings[0])}{more}" if findings else ""


def change_line(incident: Incident, before: State | None, now: float) -> str:
    """What happened to an incident, in one line for a log; `before` is None for a new suspicion."""
    parts = [
        f"{incident.fingerprint} {standing_of(incident, now)}" + (f" (was {before})" if before else ""),
        f"{incident.severity} {_subject(incident)}",
        what_is_worst(incident),
        f"since {_onset(incident.onset)}",
        *([f"after {_deploy_words(incident.deploy_before)}"] if incident.deploy_before else []),
    ]
    return str(printable("; ".join(part for part in parts if part), _LONG))


def print_incidents(incidents: Iterable[Incident], now: float) -> None:
    """Two lines for each, which also fit on a narrow terminal."""
    for incident in incidents:
        style = _COLOURS[incident.severity] if incident.is_open else "dim"
        _line(f"{incident.fingerprint}  {standing_of(incident, now)}, {heading_of(incident)}", style)
        _line(f"    {what_is_worst(incident)}", style)


def heading_of(incident: Incident) -> str:
    """How bad, what, of what and since when, in a few words."""
    return f"{incident.severity} {_subject(incident)}, since {written_minute(incident.onset.start)} UTC"


def _subject(incident: Incident) -> str:
    # a test that did not begin is no service, and its incident has no other finding
    tests = {finding.series.test for finding in incident.findings}
    whose = f"test {', '.join(sorted(tests))}" if incident.service == WHOLE_SERVICE else incident.service
    return f"{incident.kind} of {whose} in {incident.environment}"


def print_incident(
    incident: Incident, rulings: Sequence[Ruling], now: float, maintenance: Maintenance | None = None
) -> None:
    """Everything that is known of one: since when, after which deploy, what was decided, and why it fired.

    Its service is in `maintenance`, if in any.
    """
    _line(f"{incident.fingerprint}  {_subject(incident)}: {standing_of(incident, now)}, {incident.severity}")
    if maintenance is not None:
        _line(f"  {'muted' if maintenance.mute else 'maintenance':<14} {_maintenance(maintenance)}")
    for name, value in _facts(incident, rulings):
        _line(f"  {name:<14} {value}")
    _line("what is wrong")
    for finding in findings_worst_first(incident.findings):
        style = _COLOURS[finding.severity] if finding.recovered is None else "dim"
        _line(f"  {finding.severity}  {_what(finding)}, {_since(finding)}", style)
    _line("why it fired")
    for finding in findings_worst_first(incident.findings):
        _line(f"  {finding.series} {finding.metric}")
        for testimony in finding.evidence:
            _line(f"    {written_moment(testimony.at)}  {testimony.method}: {testimony.says}")
        if not finding.evidence:
            _line("    nothing was kept")


def _facts(incident: Incident, rulings: Sequence[Ruling]) -> Iterator[tuple[str, str]]:
    confidence = "" if incident.kind is Kind.NO_DATA else " (90 % confidence)"
    yield "began", f"{_onset(incident.onset)}{confidence}"
    yield "suspected", written_moment(incident.suspected)
    for name, moment in (
        ("confirmed", incident.confirmed),
        ("recovering", incident.recovering),
        ("resolved", incident.resolved),
    ):
        if moment is not None:
            yield name, written_moment(moment)
    yield "deploy before", _deploy(incident.deploy_before, incident.onset)
    yield "deploy after", _deploy(incident.deploy_after, incident.onset)
    for ruling in rulings:
        yield "ruling", _ruling(ruling)


def _maintenance(maintenance: Maintenance) -> str:
    by = f" by {maintenance.by}" if maintenance.by else ""
    return f"until {written_moment(maintenance.span.end)}{by}: {maintenance.title}; nothing is concluded meanwhile"


def _ruling(ruling: Ruling) -> str:
    done = "accepted" if ruling.kind is RulingKind.ACCEPT else "ignored"
    until = "" if ruling.until is None else f" until {written_moment(ruling.until)}"
    by = f" by {ruling.by}" if ruling.by else ""
    return f"{done}{until}{by} at {written_moment(ruling.at)}: {ruling.reason}"


def _deploy(deploy: Deploy | None, onset: Span) -> str:
    if deploy is None:
        return "none is known"
    if onset.start <= deploy.at < onset.end:
        distance = "within that time"
    elif deploy.at < onset.start:
        distance = f"{format_duration(onset.start - deploy.at)} before"
    else:
        distance = f"{format_duration(deploy.at - onset.end)} after"
    return f"{_deploy_words(deploy)} at {written_moment(deploy.at)}, {distance}"


def _deploy_words(deploy: Deploy) -> str:
    what = " ".join(part for part in (deploy.version, deploy.commit and f"({deploy.commit})") if part)
    whose = "all services" if deploy.service == "*" else deploy.service
    return f"{what or deploy.title} of {whose}"


def _since(finding: Finding) -> str:
    again = "" if finding.recovered is None else f", normal again since {written_minute(finding.recovered)}"
    return f"since {written_minute(finding.onset.start)}{again}"


def _what(finding: Finding) -> str:
    if finding.current == 0.0 and finding.metric is Metric.THROUGHPUT and finding.evidence:
        return f"{finding.series}: {finding.evidence[-1].says}"
    change = format_change(finding.metric, finding.baseline, finding.current, finding.effect)
    return f"{finding.series} {finding.metric} {change}{_a_day(finding)}"


def _a_day(finding: Finding) -> str:
    if finding.shape is not Shape.CREEP or finding.per_day is None:
        return ""
    return f", creeping by {format_effect(Metric.P50, finding.per_day)} a day"


def _onset(onset: Span) -> str:
    if onset.end - onset.start < 1:
        return written_moment(onset.start)
    return f"between {written_moment(onset.start)} and {written_moment(onset.end)}"


def _line(text: str, style: str = "default") -> None:
    results.print(printable(text, _LONG), soft_wrap=True, style=style)
