"""Targets: questions in InfluxQL as panels carry them; the SDK has no type for InfluxDB's."""

from dataclasses import dataclass
from typing import Literal

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import DataSourceRef

SOURCE = DataSourceRef(type_val="influxdb", uid="${datasource}")
"""The data source that is chosen at the top of the dashboard."""

Form = Literal["time_series", "table"]


@dataclass(frozen=True)
class Target(Dataquery, Builder[Dataquery]):
    """One question. `alias` names its lines, with `$tag_service` for a tag; `ref` is its letter in the panel."""

    ref: str
    query: str
    alias: str = ""
    form: Form = "time_series"

    def build(self) -> Dataquery:
        """What the builders of panels ask for."""
        return self

    def to_json(self) -> dict[str, object]:
        """As Grafana's InfluxDB data source reads it: public/app/plugins/datasource/influxdb/types.ts, InfluxQuery."""
        return {
            "alias": self.alias,
            "datasource": SOURCE.to_json(),
            "query": self.query,
            "rawQuery": True,
            "refId": self.ref,
            "resultFormat": self.form,
        }


def tables(*queries: str) -> list[Target]:
    """Questions whose answers are tables, with the letters A, B, C."""
    return [Target(chr(ord("A") + index), query, form="table") for index, query in enumerate(queries)]
