"""The tables of incidents: what is wrong, since when, and the issue that tells more."""

from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

from soakwatch.grafana import looks
from soakwatch.grafana.panels import About, arranged, only, rows, sorted_by
from soakwatch.grafana.questions import ENVIRONMENT, INCIDENTS, REGIONS, during, lately, select_of
from soakwatch.grafana.target import tables

_TOLD = {
    "title": 'last("title") AS "title"',
    "severity": 'last("severity") AS "severity"',
    "state": 'last("state") AS "state"',
    "since": 'last("onset") * 1000 AS "since"',
    "deploy": 'last("deploy") AS "deploy"',
    "issue": 'last("issue") AS "issue"',
    "open": 'last("open") AS "open"',
}


def open_incidents(*conditions: str, width: int) -> table.Panel:
    """What is wrong now."""
    inner = lately(", ".join(_TOLD.values()), INCIDENTS, ENVIRONMENT, *conditions, by='"service", "fingerprint"')
    asked = ", ".join(f'"{name}"' for name in ("service", "title", "severity", "state", "since", "deploy", "issue"))
    query = select_of(f'{asked}, "fingerprint"', inner, '"open" = 1')
    about = About(
        "Open incidents",
        "What is wrong now, with the service's version when it began, and the issue that tells more. The fingerprint "
        "is what `soakwatch incidents show` takes.",
        width=width,
        height=6,
    )
    shown = {
        "service": "Service",
        "title": "What",
        "severity": "Severity",
        "state": "State",
        "since": "Since",
        "deploy": "Version then",
        "issue": "Issue",
        "fingerprint": "Fingerprint",
    }
    return _dressed(rows(about, tables(query)).transformations([only(list(shown)), arranged(shown)]), "Since")


def past_incidents(*conditions: str, width: int) -> table.Panel:
    """What happened in the time range, also what is over."""
    asked = '"service", "title", "severity", "state", "end", "deploy", "issue", "fingerprint"'
    query = during(asked, REGIONS, '"end"', ENVIRONMENT, '"valid" = true', *conditions)
    about = About(
        "What happened",
        "Every incident of the time range, also one that began before it, with its issue. What is not over yet ends "
        "when it was last looked at.",
        width=width,
        height=9,
    )
    shown = {
        "Time": "Since",
        "end": "Until",
        "service": "Service",
        "title": "What",
        "severity": "Severity",
        "state": "State",
        "deploy": "Version then",
        "issue": "Issue",
        "fingerprint": "Fingerprint",
    }
    panel = rows(about, tables(query)).transformations([only(list(shown)), arranged(shown)])
    return _dressed(panel, "Since").override_by_name("Until", looks.look(unit=looks.MOMENT))


def _dressed(panel: table.Panel, newest: str) -> table.Panel:
    severity: list[DynamicConfigValue] = looks.look(mappings=_json(looks.SEVERITIES))
    state = looks.look(mappings=_json(looks.STATES))
    return (
        panel.sort_by([sorted_by(newest)])
        .override_by_name("Since", looks.look(unit=looks.MOMENT))
        .override_by_name("Severity", [*looks.cell("color-text"), *severity])
        .override_by_name("State", [*looks.cell("color-text"), *state])
        .override_by_name("Issue", looks.link_property("The issue", "${__value.raw}", new_tab=True))
        .override_by_name("What", looks.look(custom_width=420))
    )


def _json(words: dict[str, str]) -> list[dict[str, object]]:
    return [one.to_json() for one in looks.colours_of(words)]
