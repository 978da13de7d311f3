"""Events that an annotation's query finds, as Grafana reads them out of the answer.

As public/app/plugins/datasource/influxdb/response_parser.ts (transformAnnotationResponse): columns are called
`measurement.column`; that of the text and the tags need only contain the name that the annotation gives, those of the
title and the end must be it. A row that lacks any of its values is left out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from soakwatch.grafana.dashboard_model import AnnotationQuery
from soakwatch.grafana.frames import time_series
from soakwatch.grafana.influxql import AnsweredSeries, Cell


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened; times are milliseconds since the epoch, `end` is None for what has no length."""

    time: int
    end: int | None
    title: str
    text: str
    tags: tuple[str, ...]
    colour: str


@dataclass(frozen=True, slots=True)
class _Columns:
    title: int | None = None
    text: int | None = None
    end: int | None = None
    tags: tuple[int, ...] = ()


def events_of(annotation: AnnotationQuery, answer: Sequence[AnsweredSeries]) -> list[Event]:
    """All events of an answer."""
    return [event for series in answer for event in _events(annotation, series)]


def _events(annotation: AnnotationQuery, series: AnsweredSeries) -> Iterator[Event]:
    names = [*series.tags, *(frame.name.partition(" { ")[0] for frame in time_series([series]))]
    columns = _columns(annotation, names)
    for row in series.values:
        if None in row:
            continue
        cells: list[Cell] = [*series.tags.values(), *row[1:]]
        yield Event(
            int(row[0] or 0),
            _moment(cells, columns.end),
            _text(cells, columns.title),
            _text(cells, columns.text),
            tuple(tag for place in columns.tags for tag in _text(cells, place).split(",") if tag),
            annotation.colour,
        )


def _columns(annotation: AnnotationQuery, names: list[str]) -> _Columns:
    wanted = [tag for tag in annotation.tags_column.replace(" ", "", 1).split(",") if tag]
    title = text = end = legacy = None
    tags: list[int] = []
    for place, name in enumerate(names):
        if name == annotation.title_column:
            title = place
        elif any(tag in name for tag in wanted):
            tags.append(place)
        elif annotation.text_column and annotation.text_column in name:
            text = place
        elif name == annotation.end_column:
            end = place
        elif legacy is None:
            legacy = place
    return _Columns(legacy if title is None else title, text, end, tuple(tags))


def _text(cells: Sequence[Cell], place: int | None) -> str:
    return "" if place is None else str(cells[place])


def _moment(cells: Sequence[Cell], place: int | None) -> int | None:
    value = None if place is None else cells[place]
    return int(value) if isinstance(value, int | float) else None
