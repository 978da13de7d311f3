"""Incidents as cases: what identifies one on GitHub, and how bad it is."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from soakwatch.core.alert import Alert
from soakwatch.core.deploy import Deploy
from soakwatch.core.github_settings import AssigneeSection
from soakwatch.core.incident import Finding, Incident, Kind, State, findings_worst_first
from soakwatch.core.maintenance import Maintenance
from soakwatch.core.numbers import format_effect, format_value
from soakwatch.core.series import WHOLE_SERVICE, Series
from soakwatch.core.verdict import Metric
from soakwatch.reporter.case import Case, Stage, digest, parts_of
from soakwatch.reporter.labels import OURS, service_label, severity_label
from soakwatch.reporter.plain_titles import title_of
from soakwatch.reporter.subject import subject
from soakwatch.reporter.summary import metric_name


def case_of(
    incident: Incident,
    now: float,
    assignees: Iterable[AssigneeSection],
    alerts: Sequence[Alert] = (),
    maintenance: Maintenance | None = None,
) -> Case:
    """The case of an incident that is confirmed, or was; `alerts` are those of Grafana that name it.

    Its service is in `maintenance`, if in any. `now`, in seconds since the epoch, is for silence that ends.
    """
    return Case(
        fingerprint=incident.fingerprint,
        about=digest(incident.environment, incident.service, incident.kind),
        parts=parts_of((one.test, one.service, one.method, one.endpoint) for one in _series(incident)),
        stage=_stage(incident, now),
        critical=incident.escalated is not None,
        alarming=incident.state is State.CONFIRMED,
        accepted=incident.is_accepted,
        since=incident.suspected,
        gist=_gist(incident, alerts, maintenance),
        environment=incident.environment,
        title=incident_title(incident),
        labels=(OURS, severity_label(incident.severity), *_service(incident)),
        assignees=tuple(_assignees(incident.service, assignees)),
        subject=incident,
        muted=maintenance is not None,
    )


def is_worth_an_issue(incident: Incident) -> bool:
    """Whether it was ever confirmed, and says what is wrong: a suspicion alone is nobody's business."""
    return incident.confirmed is not None and bool(incident.findings)


def _stage(incident: Incident, now: float) -> Stage:
    if not incident.is_open:
        return Stage.OVER
    return Stage.SILENT if incident.is_silent(now) else Stage.OPEN


def _series(incident: Incident) -> Iterable[Series]:
    return (finding.series for finding in incident.findings)


def _gist(incident: Incident, alerts: Sequence[Alert], maintenance: Maintenance | None) -> str:
    findings = sorted(
        (str(one.series), one.metric, one.severity, one.shape, one.recovered is None) for one in incident.findings
    )
    ruling = incident.ruling
    return digest(
        incident.state,
        incident.severity,
        findings,
        _named(incident.deploy_before),
        _named(incident.deploy_after),
        "" if ruling is None else (ruling.kind, ruling.until, ruling.reason),
        sorted((one.name, one.fires) for one in alerts),
        # nothing where there is none: pages that were written before there were mutes say what is true
        *([] if maintenance is None else [(maintenance.span, maintenance.title, maintenance.by)]),
    )


def _named(deploy: Deploy | None) -> object:
    return deploy and (deploy.at, deploy.version, deploy.commit)


def incident_title(incident: Incident) -> str:
    """What is wrong, where and by how much, on one line of plain text."""
    where = f"in {incident.environment}"
    findings = findings_worst_first(incident.findings)
    if incident.kind is Kind.NO_DATA and incident.service == WHOLE_SERVICE:
        tests = sorted({finding.series.test for finding in findings})
        return title_of(f"Test {', '.join(tests)} did not begin {where}")
    if incident.kind is Kind.NO_DATA:
        return title_of(f"No data of {incident.service} {where}")
    worst, more = findings[0], len(findings) - 1
    others = f", and {more:,} more" if more else ""
    return title_of(f"{metric_name(worst.metric)} of {subject(worst.series)} {_how_much(worst)} {where}{others}")


def _how_much(finding: Finding) -> str:
    if finding.per_day is not None:
        return f"creeps by {format_effect(Metric.P50, finding.per_day).partition(' (')[0]} a day"
    if finding.effect is None:
        return f"{format_value(finding.metric, finding.baseline)} -> {format_value(finding.metric, finding.current)}"
    return format_effect(finding.metric, finding.effect).partition(" (")[0]


def _service(incident: Incident) -> Iterable[str]:
    # a test that did not begin is no service's
    return () if incident.service == WHOLE_SERVICE else (service_label(incident.service),)


def _assignees(service: str, sections: Iterable[AssigneeSection]) -> Iterable[str]:
    return dict.fromkeys(one.user for one in sections if fnmatchcase(service, one.service))
