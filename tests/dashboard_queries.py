"""Dashboards as a test asks them: each question of each panel, with Grafana's variables and macros put in."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soakwatch.core.configuration import Configuration
from soakwatch.grafana.annotation_events import Event, events_of
from soakwatch.grafana.catalogue import DASHBOARDS, FOLDER
from soakwatch.grafana.dashboard_model import Dashboard, Panel, Target, read_dashboard
from soakwatch.grafana.frames import Frame, table, time_series
from soakwatch.grafana.influxql import AnsweredSeries, Influxql
from soakwatch.grafana.interpolation import Asked, interpolate, interpolate_query
from soakwatch.grafana.time_range import TimeRange
from soakwatch.grafana.value_formats import Choice
from soakwatch.grafana.variable_values import resolve

ALL = tuple(read_dashboard(FOLDER / f"{name}.json") for name in DASHBOARDS)
MINUTES_15, DAY, MONTH = 15 * 60, 86_400, 28 * 86_400


@dataclass(frozen=True)
class Answer:
    """What one question of a panel gave, and how long that took, in seconds."""

    panel: Panel
    target: Target
    query: str
    series: Sequence[AnsweredSeries]
    frames: Sequence[Frame]
    took: float

    @property
    def is_empty(self) -> bool:
        return not any(frame.length for frame in self.frames)

    @property
    def columns(self) -> set[str]:
        return {field.name for frame in self.frames for field in frame.fields}


@dataclass(frozen=True)
class Asker:
    """Asks the dashboards of one store, over a stretch of `seconds` up to `end`."""

    configuration: Configuration
    end: float
    seconds: float
    given: Mapping[str, Sequence[str]]

    def range(self) -> TimeRange:
        return TimeRange(round((self.end - self.seconds) * 1000), round(self.end * 1000))

    def choices(self, dashboard: Dashboard) -> dict[str, Choice]:
        names = {variable.name for variable in dashboard.variables}
        chosen = {"bucket": [self.configuration.store.bucket], **self.given}
        given = {name: values for name, values in chosen.items() if name in names}
        server = Influxql(self.configuration.store)
        return resolve(dashboard.variables, server.ask, Asked(self.range()), round(self.end * 1000), given)

    def answers(self, dashboard: Dashboard) -> Iterator[Answer]:
        choices = self.choices(dashboard)
        for panel in dashboard.panels:
            for target in panel.targets:
                yield self.ask(panel, target, choices)

    def ask(self, panel: Panel, target: Target, choices: Mapping[str, Choice]) -> Answer:
        query = interpolate_query(target.query, choices, Asked(self.range(), 60_000))
        began = time.perf_counter()
        answered = Influxql(self.configuration.store).ask(query)
        took = time.perf_counter() - began
        shown = table(answered, target.ref) if target.is_table else None
        frames = time_series(answered, interpolate(target.alias, choices), target.ref) if shown is None else shown
        return Answer(panel, target, query, answered, frames, took)

    def events(self, dashboard: Dashboard) -> Iterator[tuple[str, Sequence[Event]]]:
        choices = self.choices(dashboard)
        for annotation in dashboard.annotations:
            if annotation.query:
                query = interpolate_query(annotation.query, choices, Asked(self.range()))
                yield annotation.name, events_of(annotation, Influxql(self.configuration.store).ask(query))

    def of(self, name: str, title: str, ref: str = "A", kind: str = "") -> Answer:
        """The answer to one question of the panel with this title; `kind` of panel where two are called so."""
        dashboard = dashboard_called(name)
        (panel, *_) = [one for one in dashboard.panels if one.title == title and kind in one.type]
        (target,) = [target for target in panel.targets if target.ref == ref]
        return self.ask(panel, target, self.choices(dashboard))

    def number(self, name: str, title: str) -> float:
        """The last number of a panel that shows one."""
        *_, last = (row for series in self.of(name, title).series for row in series.values if row[-1] is not None)
        assert isinstance(last[-1], int | float)
        return last[-1]

    def rows(self, name: str, title: str) -> list[dict[str, Any]]:
        """The rows of a panel that shows a table."""
        rows = []
        for frame in self.of(name, title, kind="table").frames:
            names = [field.name for field in frame.fields]
            rows += [dict(zip(names, row, strict=True)) for row in zip(*(f.values for f in frame.fields), strict=True)]
        return rows


def dashboard_called(name: str) -> Dashboard:
    return read_dashboard(Path(FOLDER) / f"{name}.json")
