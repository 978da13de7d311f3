"""Pages: the text of every issue and comment, whatever they are about."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from soakwatch.core.alert import Alert
from soakwatch.core.incident import Incident
from soakwatch.core.maintenance import Maintenance
from soakwatch.reporter.case import Case, Regressions, digest
from soakwatch.reporter.evidence import Evidence
from soakwatch.reporter.incident_issue import IncidentPage
from soakwatch.reporter.issue_marker import Marker
from soakwatch.reporter.other_pages import alert_body, report_body, summary_body
from soakwatch.reporter.page_links import Places


@dataclass(frozen=True, slots=True)
class Pages:
    """Writes bodies. `evidence` reads the store; `alerts` are Grafana's, by fingerprint of the incident they name.

    So is the `maintenance` that the services of some of them are in.
    """

    evidence: Callable[[Incident], Evidence]
    places: Places
    alerts: Mapping[str, Sequence[Alert]]
    maintenance: Mapping[str, Maintenance] = field(default_factory=dict)

    def text(self, case: Case, after: int) -> str:
        """The body of the issue on `case` as people read it; `after` is the number of the one before, or 0."""
        match case.subject:
            case Incident() as incident:
                alerts = self.alerts.get(incident.fingerprint, ())
                muted = self.maintenance.get(incident.fingerprint)
                return IncidentPage(incident, self.evidence(incident), self.places, alerts, after, muted).body()
            case Alert() as alert:
                return alert_body(alert, after)
            case Regressions() as regressions:
                return report_body(regressions, after)
            case members:
                return summary_body(members)


def marked(text: str, marker: Marker) -> tuple[str, Marker]:
    """A body with its marker, which knows the text by now."""
    known = replace(marker, text=digest(text))
    return f"{text.rstrip()}\n\n{known}\n", known
