"""The body of an incident's issue: its present state, always short enough for GitHub."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from soakwatch.core.alert import Alert
from soakwatch.core.deploy import Deploy
from soakwatch.core.incident import Finding, Incident, Kind, RulingKind, State, findings_worst_first
from soakwatch.core.maintenance import Maintenance
from soakwatch.core.numbers import format_share, format_value
from soakwatch.core.roll_up import is_whole_service
from soakwatch.core.series import WHOLE_SERVICE, Series
from soakwatch.core.span import Span
from soakwatch.core.verdict import ErrorGrowth, Severity
from soakwatch.reporter.escaping import Markdown, code, escape, sentence
from soakwatch.reporter.evidence import Evidence
from soakwatch.reporter.incident_chart import IncidentChart, chart_of
from soakwatch.reporter.incident_words import (
    alert_words,
    change_words,
    ended,
    from_to,
    headline,
    how_long,
    lasted,
    maintenance_words,
    metric_of_series,
    minute,
    version_words,
    was_lost,
)
from soakwatch.reporter.markdown_templates import markdown_template
from soakwatch.reporter.page_links import Places, commands_of, links_of, load_command
from soakwatch.reporter.room import first_that_fits
from soakwatch.reporter.summary import metric_name, series_name

_TEMPLATE = "incident_issue.md.j2"
_NO_CHART = IncidentChart("", [])
_MOST_ALERTS = 5


@dataclass(frozen=True, slots=True)
class _Room:
    """How much there is of everything: rows of the table, further ones that are folded, kinds of errors, a chart.

    `around` are deploys, the slowest request, links and commands.
    """

    rows: int
    folded: int
    errors: int
    chart: bool = True
    around: bool = True


_ROOMS = (
    _Room(10, 490, 20),
    _Room(10, 190, 20),
    _Room(10, 90, 10),
    _Room(10, 20, 5),
    _Room(8, 0, 3, chart=False),
    _Room(2, 0, 0, chart=False),
    _Room(2, 0, 0, chart=False, around=False),
)
"""From all that is to what matters most; which is taken depends on how long the names are."""


@dataclass(frozen=True, slots=True)
class _Row:
    severity: Markdown
    endpoint: Markdown
    metric: str
    normal: str
    now: str
    change: Markdown
    since: Markdown


@dataclass(frozen=True, slots=True)
class _Deploy:
    when: Markdown
    what: Markdown
    service: Markdown
    distance: str


@dataclass(frozen=True, slots=True)
class _Error:
    endpoint: Markdown
    kind: str
    sample: str
    before: str
    since: str


@dataclass(frozen=True, slots=True)
class IncidentPage:
    """What the page of an incident is made of.

    `alerts` of Grafana name the incident; `after` is the number of the issue that was on the same before, or 0. Its
    service is in `maintenance`, if in any.
    """

    incident: Incident
    evidence: Evidence
    places: Places
    alerts: Sequence[Alert] = ()
    after: int = 0
    maintenance: Maintenance | None = None

    def body(self) -> str:
        """Write it, as long as GitHub takes it."""
        return first_that_fits(_written(self, room) for room in _ROOMS)


class _Outcome(StrEnum):
    """What people can still do about it."""

    OPEN = "open"
    IGNORED = "ignored"
    ACCEPTED = "accepted"
    OVER = "over"


def _written(page: IncidentPage, room: _Room) -> str:
    incident, evidence = page.incident, page.evidence
    findings = findings_worst_first(incident.findings)
    with_test = len({finding.series.test for finding in findings}) > 1
    shown = [finding for finding in findings[: room.rows + room.folded] if not _has_no_values(finding)]
    rows = [_row(finding, with_test=with_test) for finding in shown]
    chart = _NO_CHART
    if evidence.course is not None and room.chart:
        chart = chart_of(incident, findings[0], evidence.course)
    around = page if room.around else replace(page, evidence=Evidence(evidence.until), places=Places())
    return markdown_template(_TEMPLATE).render(
        fingerprint=incident.fingerprint,
        headline=headline(incident, evidence.previous),
        standing=list(_standing(page)),
        rows=rows[: room.rows],
        folded=rows[room.rows :],
        left_out=", ".join(_left_out(page, room)),
        chart=chart,
        chart_title=metric_of_series(findings[0].metric, findings[0].series),
        deploys=list(_deploys(incident, evidence.previous)) if room.around else [],
        errors=[_error(growth) for growth in evidence.errors[: room.errors]],
        slowest=_slowest(around.evidence),
        links=list(links_of(incident, around.evidence, around.places)),
        commands=list(commands_of(incident, around.evidence.run)),
        load=load_command(around.evidence.run),
        outcome=_outcome(incident, evidence.until),
        accepts=incident.kind is not Kind.NO_DATA,
    )


def _has_no_values(finding: Finding) -> bool:
    """Whether a row would only say what the first sentence does: of a test that did not begin."""
    return finding.baseline is None and finding.current is None


def _left_out(page: IncidentPage, room: _Room) -> Iterator[str]:
    """What there is no room for."""
    rows = len(page.incident.findings) - room.rows - room.folded
    errors = len(page.evidence.errors) - room.errors
    if rows > 0:
        yield f"{rows:,} {'row' if rows == 1 else 'rows'} of the table"
    if page.evidence.course is not None and not room.chart:
        yield "the chart"
    if errors > 0:
        yield f"{errors:,} {'kind' if errors == 1 else 'kinds'} of errors"
    if not room.around:
        yield "deploys, links and how to make the same load"


def _outcome(incident: Incident, at: float) -> _Outcome:
    if incident.is_accepted:
        return _Outcome.ACCEPTED
    if not incident.is_open:
        return _Outcome.OVER
    return _Outcome.IGNORED if incident.is_silent(at) else _Outcome.OPEN


def _row(finding: Finding, *, with_test: bool) -> _Row:
    began, recovered = finding.onset.start, finding.recovered
    return _Row(
        severity=Markdown(_severity(finding.severity) if recovered is None else "normal again"),
        endpoint=_endpoint(finding.series, with_test=with_test),
        metric=metric_name(finding.metric),
        normal=format_value(finding.metric, finding.baseline),
        now=format_value(finding.metric, finding.current),
        change=change_words(finding),
        since=Markdown(minute(began) if recovered is None else from_to(Span(began, recovered), "until")),
    )


def _endpoint(series: Series, *, with_test: bool) -> Markdown:
    name = "all" if is_whole_service(series) else code(f"{series.method} {series.endpoint}".strip())
    return Markdown(f"{name} in {code(series.test)}" if with_test else name)


def _service(name: str) -> Markdown:
    return Markdown("all") if name == WHOLE_SERVICE else code(name)


def _severity(severity: Severity) -> str:
    return f"**{severity}**" if severity is Severity.CRITICAL else str(severity)


def _standing(page: IncidentPage) -> Iterator[Markdown]:
    """What a reader should know before the details: one sentence a line."""
    if page.maintenance is not None:
        yield maintenance_words(page.maintenance)
    yield from _ruled(page.incident, page.evidence.until)
    yield from _stands(page.incident)
    for alert in page.alerts[:_MOST_ALERTS]:
        yield Markdown(f"{alert_words(alert)}.")
    if len(page.alerts) > _MOST_ALERTS:
        yield Markdown(f"And {len(page.alerts) - _MOST_ALERTS:,} more of Grafana's alerts.")
    if page.after:
        yield Markdown(f"The same was wrong before: #{page.after}.")


def _ruled(incident: Incident, at: float) -> Iterator[Markdown]:
    ruling = incident.ruling
    if ruling is not None and ruling.kind is RulingKind.ACCEPT:
        yield Markdown(f"**Accepted** at {minute(ruling.at)} UTC: {sentence(ruling.reason)}")
    elif ruling is not None and incident.is_open and incident.is_silent(at):
        until = "" if ruling.until is None else f" until {minute(ruling.until)} UTC"
        yield Markdown(f"**Ignored**{until}: {sentence(ruling.reason)}")


def _stands(incident: Incident) -> Iterator[Markdown]:
    if incident.is_accepted:
        return
    if was_lost(incident):
        yield Markdown(f"**Over** since {minute(ended(incident))} UTC: nobody measures any of this any more.")
    elif incident.state is State.RESOLVED:
        yield Markdown(f"**Over** since {minute(ended(incident))} UTC, after {lasted(incident)}.")
    elif incident.state is State.RECOVERING and incident.recovering is not None:
        since = minute(incident.recovering)
        yield Markdown(f"**Recovering**: all looks normal since {since} UTC; this is closed if that lasts.")
    elif incident.escalated is not None:
        yield Markdown(f"**Critical** since {minute(incident.escalated)} UTC.")


def _deploys(incident: Incident, previous: Deploy | None) -> Iterator[_Deploy]:
    for deploy in (previous, incident.deploy_before, incident.deploy_after):
        if deploy is not None:
            service = _service(deploy.service)
            title = f": {escape(deploy.title)}" if deploy.title and (deploy.version or deploy.commit) else ""
            what = Markdown(f"{version_words(deploy)}{title}")
            yield _Deploy(Markdown(minute(deploy.at)), what, service, _distance(deploy, incident.onset))


def _distance(deploy: Deploy, onset: Span) -> str:
    if onset.start <= deploy.at < onset.end:
        return "while it began"
    if deploy.at < onset.start:
        return f"{how_long(onset.start - deploy.at)} before it began"
    return f"{how_long(deploy.at - onset.end)} after it began"


def _error(growth: ErrorGrowth) -> _Error:
    return _Error(
        endpoint=series_name(growth.series),
        kind=growth.kind,
        sample=growth.sample,
        before=format_share(growth.baseline_count, growth.baseline_share),
        since=format_share(growth.current_count, growth.current_share),
    )


def _slowest(evidence: Evidence) -> Markdown | str:
    if evidence.slowest is None:
        return ""
    series, exemplar = evidence.slowest
    when = f"{datetime.fromtimestamp(max(0.0, exemplar.at), UTC):%Y-%m-%d %H:%M:%S} UTC"
    trace = f", trace {code(exemplar.trace_id)}" if exemplar.trace_id else ""
    time = escape(f"{exemplar.time:,.0f} ms")
    return Markdown(f"{series_name(series)} took {time} at {when}{trace}.")
