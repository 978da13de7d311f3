"""Words of annotations: plain text in which no name can become a link, a picture or anything else.

Grafana shows the text of an annotation as HTML that it has sanitised: links and pictures stay, scripts go. So what
means something to HTML becomes a character reference, and what an address or a link of Markdown begins with is broken
by a space of no width.
"""

import re
import unicodedata
from html import escape

from soakwatch.core.deploy import Deploy
from soakwatch.core.incident import Finding, Incident, Kind, State, findings_worst_first
from soakwatch.core.maintenance import Maintenance
from soakwatch.core.numbers import format_size, format_value
from soakwatch.core.run import Outcome, Run
from soakwatch.core.series import WHOLE_SERVICE
from soakwatch.core.verdict import Metric, Severity

ANY = "*"
"""The pattern that names all."""

_LONGEST = 120
_LONGEST_TAG = 80
"""Bytes. Grafana takes 100 characters of each tag, and 500 bytes for all of them."""

_LONGEST_COMMIT = 12
_ZERO_WIDTH_SPACE = "\u200b"
_BEGINS_LINK = re.compile(r":(?=//)|@|(?<=www)\.|\](?=[\[(:])", re.IGNORECASE)
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def plain(name: str) -> str:
    """A name as it reads, on one line, not endless, and nothing but text."""
    line = " ".join("".join(map(_visible, name)).split()) or "(empty)"
    short = line if len(line) <= _LONGEST else f"{line[: _LONGEST * 2 // 3]}…{line[-_LONGEST // 3 + 1 :]}"
    return escape(_BEGINS_LINK.sub(rf"\g<0>{_ZERO_WIDTH_SPACE}", short))


def tag_of(key: str, name: str) -> tuple[str, ...]:
    """The tag that says `key` is `name`; none where the name is empty. A colon in it would end it for Grafana."""
    line = " ".join("".join(map(_visible, name)).split()).replace(":", "_")
    short = line.encode()[:_LONGEST_TAG].decode(errors="ignore").strip()
    return (f"{key}:{short}",) if short else ()


def run_text(run: Run) -> str:
    """What a run was."""
    details = [f"{run.users} users" if run.users else "", f"version {plain(run.version)}" if run.version else ""]
    how = {Outcome.RUNNING: "no end is known", Outcome.FINISHED: "finished", Outcome.IMPORTED: "imported"}[run.outcome]
    before = f"goes on from {plain(run.continues)}" if run.continues else ""
    said = ", ".join([*filter(None, [*details, before]), how])
    return f"Run {plain(run.id)} of {plain(run.test)} in {plain(run.environment)}: {said}"


def deploy_text(deploy: Deploy) -> str:
    """What was deployed."""
    what = "all services" if deploy.service == WHOLE_SERVICE else plain(deploy.service)
    parts = [
        f"version {plain(deploy.version)}" if deploy.version else "",
        f"commit {plain(deploy.commit[:_LONGEST_COMMIT])}" if deploy.commit else "",
        plain(deploy.title) if deploy.title else "",
    ]
    said = ", ".join(filter(None, parts))
    return f"Deploy of {what} in {plain(deploy.environment)}{f': {said}' if said else ''}"


def incident_text(incident: Incident) -> str:
    """What regressed, by how much, and what became of it."""
    grade = "critical" if incident.severity is Severity.CRITICAL else "warning"
    return f"Regression ({grade}) in {plain(incident.environment)}: {_what(incident)}; {_outcome(incident)}"


def maintenance_text(maintenance: Maintenance) -> str:
    """What was done to what, who asked for it and why."""
    what = "Mute" if maintenance.mute else "Maintenance"
    whose = "all services" if maintenance.service == ANY else plain(maintenance.service)
    where = "" if maintenance.environment == ANY else f" in {plain(maintenance.environment)}"
    by = f" (by {plain(maintenance.by)})" if maintenance.by else ""
    return f"{what} of {whose}{where}: {plain(maintenance.title)}{by}"


def _what(incident: Incident) -> str:
    findings = findings_worst_first(incident.findings)
    if not findings:
        return f"{incident.kind} of {plain(incident.service)}"
    others = f", and {len(findings) - 1} more" if len(findings) > 1 else ""
    if incident.kind is Kind.NO_DATA:
        return f"no data of {plain(str(findings[0].series))}{others}"
    return f"{_change(findings[0])}{others}"


def _change(finding: Finding) -> str:
    metric = finding.metric
    name = "error rate" if metric is Metric.ERROR_RATE else metric.value
    values = f"{format_value(metric, finding.current)} instead of {format_value(metric, finding.baseline)}"
    size = f" ({format_size(metric, finding.effect)})" if finding.effect else ""
    return f"{name} of {plain(str(finding.series))} {values}{size}"


def _outcome(incident: Incident) -> str:
    if incident.is_accepted:
        return "accepted as the new normal"
    return {
        State.SUSPECT: "suspected",
        State.CONFIRMED: "it goes on",
        State.RECOVERING: "it looks normal again",
        State.RESOLVED: "it is over",
    }[incident.state]


def _visible(character: str) -> str:
    if character.isspace():
        return " "
    hidden = unicodedata.category(character) in _HIDDEN
    return "\ufffd" if hidden else character
