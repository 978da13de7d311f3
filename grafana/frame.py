"""The frame of a dashboard: what all of them have in common."""

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders.dashboard import Dashboard, DashboardLink, Row
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DashboardLinkType, Panel

from soakwatch.grafana.marks import Mark, written_by_people
from soakwatch.grafana.variables import Variable

TAG = "soakwatch"

OVERVIEW, SERVICE, RUNS, SOAK, PIPELINE = (
    f"soakwatch-{name}" for name in ("overview", "service", "runs", "soak", "pipeline")
)
"""Fixed uids; links lead to them, also those of issues."""


@dataclass(frozen=True)
class Frame:
    """What one dashboard is. `since` is the beginning of its time range, such as `now-6h`."""

    uid: str
    title: str
    description: str
    since: str
    refresh: str
    variables: Sequence[Variable]
    marks: Sequence[Mark] = ()

    def dashboard(self, sections: Sequence[tuple[str, Sequence[Builder[Panel]]]]) -> Dashboard:
        """The dashboard with `sections`: the title of each row, and its panels from left to right."""
        made = (
            Dashboard(self.title)
            .uid(self.uid)
            .description(self.description)
            .tags([TAG])
            .timezone("browser")
            .readonly()
            .tooltip(DashboardCursorSync.CROSSHAIR)
            .time(self.since, "now")
            .refresh(self.refresh)
            .link(_others())
        )
        for variable in self.variables:
            made.with_variable(variable)
        for mark in (written_by_people(), *self.marks):
            made.annotation(mark)
        for title, panels in sections:
            made.with_row(Row(title))
            for panel in panels:
                made.with_panel(panel)
        return _plain(_numbered(made))


def to_service(service: str, endpoint: str = "$__all") -> str:
    """Address of the dashboard of a service with the same store, environment, test and time range."""
    kept = "&".join(f"${{{name}:queryparam}}" for name in ("datasource", "bucket", "env", "test"))
    return f"/d/{SERVICE}?${{__url_time_range}}&{kept}&var-service={service}&var-endpoint={endpoint}"


def _numbered(made: Dashboard) -> Dashboard:
    """With an id for each row and panel, from 1 on: links and alerts name them."""
    for number, panel in enumerate(made.build().panels or [], 1):
        panel.id_val = number
    return made


def _plain(made: Dashboard) -> Dashboard:
    """Without what the SDK writes for every kind of variable, and Grafana knows of intervals only."""
    for variable in made.build().templating.list_val or []:
        variable.auto = variable.auto_count = variable.auto_min = None
    return made


def _others() -> DashboardLink:
    """A menu of the other dashboards, which keeps what was chosen."""
    return (
        DashboardLink("soakwatch")
        .type(DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(as_dropdown=True)
        .keep_time(keep_time=True)
        .include_vars(include_vars=True)
    )
