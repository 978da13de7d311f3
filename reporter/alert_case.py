"""Grafana's alerts as cases: the life of their issues is that of incidents."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from soakwatch.core.alert import Alert
from soakwatch.core.github_settings import AssigneeSection
from soakwatch.core.verdict import Severity
from soakwatch.reporter.case import Case, Stage, digest
from soakwatch.reporter.labels import OURS, service_label, severity_label
from soakwatch.reporter.plain_titles import title_of


def case_of_alert(alert: Alert, assignees: Iterable[AssigneeSection] = ()) -> Case:
    """The case of an alert that is about no incident; the labels `severity`, `service` and `env` say more of it."""
    identity = digest("grafana", alert.fingerprint, length=16)
    critical = alert.label("severity").casefold() == "critical"
    service = alert.label("service")
    labels = (OURS, severity_label(Severity.CRITICAL if critical else Severity.WARNING))
    return Case(
        fingerprint=f"g{identity}",
        about=digest("grafana", alert.fingerprint),
        parts=frozenset({identity}),
        stage=Stage.OPEN if alert.fires else Stage.OVER,
        critical=critical,
        alarming=alert.fires,
        accepted=False,
        since=alert.started,
        gist=digest(alert.fires, alert.started, alert.summary, alert.description),
        environment=alert.label("env"),
        title=title_of(": ".join(part for part in (alert.name, alert.summary) if part)) or "(empty)",
        labels=(*labels, service_label(service)) if service else labels,
        assignees=tuple(dict.fromkeys(one.user for one in assignees if fnmatchcase(service, one.service))),
        subject=alert,
    )
