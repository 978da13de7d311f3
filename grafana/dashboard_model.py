"""Dashboards as Grafana's classic JSON has them, read as far as a preview needs it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from soakwatch.core.errors import UsageError

Settings = Mapping[str, Any]
"""What Grafana leaves to each kind of panel."""

_INFLUXDB = {"", "influxdb"}
_VARIABLE_HIDDEN = 2


@dataclass(frozen=True, slots=True)
class Place:
    """Where a panel is, in cells of a grid that is 24 wide."""

    x: int = 0
    y: int = 0
    width: int = 12
    height: int = 8


@dataclass(frozen=True, slots=True)
class Target:
    """One query of a panel. `source` is the type of its data source, where it says one."""

    ref: str
    query: str
    alias: str = ""
    is_table: bool = False
    source: str = ""

    @property
    def is_influxql(self) -> bool:
        """Whether it can be asked without Grafana."""
        return self.source in _INFLUXDB


@dataclass(frozen=True, slots=True)
class Transformation:
    """One step between the answers and what is drawn."""

    name: str
    options: Settings


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel; `type` is the name of Grafana's plugin. Rows are panels of their own."""

    id: int
    title: str
    type: str
    place: Place
    description: str = ""
    targets: tuple[Target, ...] = ()
    defaults: Settings = field(default_factory=dict)
    overrides: tuple[Settings, ...] = ()
    options: Settings = field(default_factory=dict)
    transformations: tuple[Transformation, ...] = ()
    most_points: int | None = None
    interval: str = ""
    time_from: str = ""
    time_shift: str = ""
    repeat: str = ""


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable. `current` is what was chosen when the dashboard was saved."""

    name: str
    kind: str
    query: str = ""
    regex: str = ""
    sort: int = 0
    label: str = ""
    multi: bool = False
    include_all: bool = False
    all_value: str = ""
    current: tuple[str, ...] = ()
    hidden: bool = False
    follows_time: bool = False


@dataclass(frozen=True, slots=True)
class AnnotationQuery:
    """A query whose rows become marks on all panels that have a time."""

    name: str
    query: str
    colour: str = "blue"
    text_column: str = ""
    title_column: str = ""
    tags_column: str = ""
    end_column: str = ""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard, with collapsed rows opened."""

    uid: str
    title: str
    description: str = ""
    panels: tuple[Panel, ...] = ()
    variables: tuple[Variable, ...] = ()
    annotations: tuple[AnnotationQuery, ...] = ()
    time_from: str = "now-6h"
    time_to: str = "now"


def read_dashboard(file: Path) -> Dashboard:
    """Read a file. Raises UsageError where it holds no dashboard."""
    try:
        return parse_dashboard(json.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UsageError(f"{file} is no dashboard as Grafana exports one: {error!r}") from None


def parse_dashboard(document: Settings) -> Dashboard:
    """Read a dashboard's JSON."""
    if "panels" not in document:
        raise ValueError("it has no 'panels'")
    time = document.get("time", {})
    annotations = document.get("annotations", {}).get("list", ())
    return Dashboard(
        document.get("uid") or "",
        document.get("title") or "",
        document.get("description") or "",
        tuple(_opened(document["panels"])),
        tuple(_variable(each) for each in document.get("templating", {}).get("list", ())),
        tuple(_annotation(each) for each in annotations if _is_asked(each)),
        time.get("from", "now-6h"),
        time.get("to", "now"),
    )


def _opened(documents: Iterable[Settings]) -> Iterable[Panel]:
    """All panels; those below a collapsed row move down to make room for its own."""
    moved = 0
    for document in sorted(documents, key=lambda each: (_place(each).y, _place(each).x)):
        panel = _panel(document)
        place = replace(panel.place, y=panel.place.y + moved)
        yield replace(panel, place=place)
        nested = [_panel(each) for each in document.get("panels") or ()]
        if nested:
            top = min(each.place.y for each in nested)
            for each in nested:
                yield replace(each, place=replace(each.place, y=each.place.y - top + place.y + 1))
            moved += max(each.place.y + each.place.height for each in nested) - top


def _place(document: Settings) -> Place:
    grid = document.get("gridPos", {})
    return Place(grid.get("x", 0), grid.get("y", 0), min(grid.get("w", 12), 24), grid.get("h", 8))


def _panel(document: Settings) -> Panel:
    config = document.get("fieldConfig", {})
    source = _source(document)
    return Panel(
        document.get("id", 0),
        document.get("title") or "",
        document.get("type") or "",
        _place(document),
        document.get("description") or "",
        tuple(_target(each, source) for each in document.get("targets", ()) if not each.get("hide")),
        config.get("defaults", {}),
        tuple(config.get("overrides", ())),
        document.get("options", {}),
        tuple(
            Transformation(each["id"], each.get("options", {}))
            for each in document.get("transformations", ())
            if not each.get("disabled")
        ),
        document.get("maxDataPoints"),
        document.get("interval") or "",
        document.get("timeFrom") or "",
        document.get("timeShift") or "",
        document.get("repeat") or "",
    )


def _source(document: Settings) -> str:
    source = document.get("datasource")
    return source.get("type") or "" if isinstance(source, Mapping) else ""


def _target(document: Settings, panels: str) -> Target:
    return Target(
        document.get("refId", "A"),
        document.get("query") or "",
        document.get("alias") or "",
        document.get("resultFormat") == "table",
        _source(document) or panels,
    )


def _variable(document: Settings) -> Variable:
    query = document.get("query") or ""
    value = (document.get("current") or {}).get("value", ())
    return Variable(
        document["name"],
        document["type"],
        query.get("query", "") if isinstance(query, Mapping) else str(query),
        document.get("regex") or "",
        document.get("sort") or 0,
        document.get("label") or "",
        bool(document.get("multi")),
        bool(document.get("includeAll")),
        document.get("allValue") or "",
        tuple(map(str, value)) if isinstance(value, list | tuple) else (str(value),),
        document.get("hide") == _VARIABLE_HIDDEN,
        document.get("refresh") == 2,  # noqa: PLR2004  (Grafana's number for: when the time range changes)
    )


def _is_asked(document: Settings) -> bool:
    return bool(document.get("enable", True) and _annotation(document).query)


def _annotation(document: Settings) -> AnnotationQuery:
    # a newer Grafana keeps what it does not know in `target`
    columns = {**document.get("target", {}), **document}
    query = columns.get("query") or ""
    return AnnotationQuery(
        document.get("name") or "",
        query if _source(document) in _INFLUXDB else "",
        document.get("iconColor") or "blue",
        columns.get("textColumn") or "",
        columns.get("titleColumn") or "",
        columns.get("tagsColumn") or "",
        columns.get("timeEndColumn") or "",
    )
