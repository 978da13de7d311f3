"""Issue cases: all that issues should be about, as the ledger knows it."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from soakwatch.core.alert import Alert
from soakwatch.core.github_settings import AssigneeSection
from soakwatch.core.maintenance import Maintenance
from soakwatch.detector.maintenance import NOTHING_PLANNED, MaintenanceCalendar, maintained
from soakwatch.reporter.alert_case import case_of_alert
from soakwatch.reporter.case import Case
from soakwatch.reporter.incident_case import case_of, is_worth_an_issue
from soakwatch.scheduler.alert_book import known_alerts
from soakwatch.scheduler.mute_book import known_mutes
from soakwatch.store.ledger import LedgerReading


@dataclass(frozen=True, slots=True)
class KnownCases:
    """Cases, and Grafana's alerts by the fingerprint of the incident that they name.

    So is the maintenance that the services of open incidents are in.
    """

    cases: Sequence[Case]
    alerts: Mapping[str, Sequence[Alert]]
    maintenance: Mapping[str, Maintenance] = field(default_factory=dict)


_LATELY = 2 * 86_400.0
"""Seconds for which an incident that is over is looked at, whether it has an issue or not."""

_SETTLES = 600.0
"""Seconds after maintenance for which people are told nothing either: the detector has to look again first."""


def known_cases(
    ledger: LedgerReading,
    assignees: Sequence[AssigneeSection],
    now: float,
    wanted: Collection[str] = (),
    planned: MaintenanceCalendar = NOTHING_PLANNED,
) -> KnownCases:
    """Every confirmed incident that is open or was lately, or is `wanted` by its fingerprint, and each alert.

    What is maintained is so by `planned`, or because people muted it. An alert that names an incident adds to the page
    of that one and makes none of its own, also where nobody knows it. Raises StoreUnavailable.
    """
    alerts: defaultdict[str, list[Alert]] = defaultdict(list)
    for alert in known_alerts(ledger, now):
        alerts[alert.incident].append(alert)
    there = {one.fingerprint: one for one in ledger.incidents(now - _LATELY)}
    names = sorted(set(wanted) - there.keys())
    # what is asked for may be the beginning of several
    old = [one for name in names for one in ledger.incidents_named(name) if one.fingerprint == name]
    incidents = [one for one in [*there.values(), *old] if is_worth_an_issue(one)]
    calendar = planned.with_mutes(known_mutes(ledger))
    muted, settling = (maintained(incidents, calendar, at) for at in (now, now - _SETTLES))
    cases = [
        case_of(one, now, assignees, alerts.get(one.fingerprint, ()), muted.get(one.fingerprint)) for one in incidents
    ]
    cases = [replace(one, muted=one.muted or one.fingerprint in settling) for one in cases]
    return KnownCases([*cases, *(case_of_alert(one, assignees) for one in alerts.get("", ()))], alerts, muted)
