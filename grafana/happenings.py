"""Happenings: what is said of services over time, and what was deployed, on more than one dashboard."""

from grafana_foundation_sdk.builders import statetimeline, table

from soakwatch.grafana import looks
from soakwatch.grafana.panels import About, arranged, only, rows, sorted_by, timeline
from soakwatch.grafana.questions import DEPLOYS, ENVIRONMENT, PER_SERVICE, SERVICES, SLOWLY, select
from soakwatch.grafana.target import Target, tables


def verdicts_over_time(condition: str, height: int) -> statetimeline.Panel:
    """The verdict of each service that `condition` selects."""
    query = select('max("rank") AS "verdict"', SERVICES, condition, by=f"{SLOWLY}, {PER_SERVICE}", fill="null")
    about = About(
        "Verdicts",
        "The verdict of each service over time: that of its worst endpoint and metric. Grey is unknown, gaps are "
        "silence.",
        width=24,
        height=height,
    )
    return timeline(about, [Target("A", query, "$tag_service")])


def deploys(*conditions: str) -> table.Panel:
    """What was deployed or marked."""
    query = select('"service", "label"', DEPLOYS, ENVIRONMENT, *conditions)
    shown = {"Time": "When", "service": "Service", "label": "What"}
    about = About("Deploys", "What was deployed or marked in the time range.", width=8, height=9)
    panel = rows(about, tables(query)).transformations([only(list(shown)), arranged(shown)])
    return panel.override_by_name("When", looks.look(unit=looks.MOMENT)).sort_by([sorted_by("When")])
