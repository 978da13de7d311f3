"""Marks: what happened, drawn over the lines of a dashboard: incidents, deploys and runs."""

from typing import Any

from grafana_foundation_sdk.builders.dashboard import AnnotationQuery
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard

from soakwatch.grafana.looks import BLUE, RED
from soakwatch.grafana.questions import DEPLOYS, ENVIRONMENT, OF_SERVICE, REGIONS, RUNS, TEST, during, select
from soakwatch.grafana.target import SOURCE

Mark = Builder[dashboard.AnnotationQuery]


def incidents(*, of_service: bool) -> Mark:
    """From the onset to the recovery, of the services that are chosen or of all."""
    conditions = [ENVIRONMENT, '"valid" = true', *([OF_SERVICE] if of_service else [])]
    query = during('"title", "text", "tags", "end"', REGIONS, '"end"', *conditions)
    texts = {"tagsColumn": "tags", "textColumn": "text"}
    return _mark("Incidents", RED, query, titleColumn="regions.title", timeEndColumn="regions.end", **texts)


def deploys(*, of_service: bool) -> Mark:
    """Each deploy and other marked event, of the services that are chosen or of all."""
    query = select('"label", "service"', DEPLOYS, ENVIRONMENT, *([OF_SERVICE] if of_service else []))
    # without a column of tags every column would be one
    return _mark("Deploys", BLUE, query, titleColumn="deploys.label", tagsColumn="service")


def runs() -> Mark:
    """Each run that is over, from its start to its end."""
    query = during('"label", "outcome", "end" * 1000 AS "ended"', RUNS, '"end" * 1000', TEST)
    names = {"titleColumn": "runs.label", "tagsColumn": "outcome", "timeEndColumn": "runs.ended"}
    return _mark("Runs", "#6e9fff", query, **names)


def written_by_people() -> Mark:
    """Annotations that Grafana keeps itself, as each of its dashboards has them."""
    return (
        AnnotationQuery()
        .name("Annotations & Alerts")
        .built_in(1)
        .enable(enable=True)
        .hide(hide=True)
        .icon_color("rgba(0, 211, 255, 1)")
        .type("dashboard")
        .datasource(dashboard.DataSourceRef(type_val="grafana", uid="-- Grafana --"))
    )


class _Marked(dashboard.AnnotationQuery):
    """An annotation query with what InfluxDB's data source reads of it, which the SDK has no type for.

    Columns are called as Grafana's backend names them, `measurement.column`: public/app/plugins/datasource/influxdb/
    response_parser.ts, transformAnnotationResponse. For texts and tags a part of the name will do.
    """

    asked: dict[str, Any]

    def to_json(self) -> dict[str, object]:
        """As public/app/plugins/datasource/influxdb/components/editor/annotation/AnnotationEditor.tsx writes it."""
        return super().to_json() | {"target": self.asked}


def _mark(name: str, colour: str, query: str, **columns: str) -> Mark:
    made = _Marked()
    made.name, made.enable, made.icon_color, made.datasource = name, True, colour, SOURCE
    made.asked = {"refId": "Anno", "query": query, "rawQuery": True, "fromAnnotations": True, **columns}
    return _Built(made)


class _Built(Builder[dashboard.AnnotationQuery]):
    """Something that is built already."""

    def __init__(self, built: dashboard.AnnotationQuery) -> None:
        self._built = built

    def build(self) -> dashboard.AnnotationQuery:
        return self._built
