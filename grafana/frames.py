"""Frames: an InfluxQL answer as Grafana's panels get it.

As pkg/tsdb/influxdb/influxql (buffered/response_parser.go, util/util.go): a time series for each column of each series,
named by its alias, or one table with the tags as columns.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from soakwatch.grafana.influxql import AnsweredSeries, Cell

_TIME = "time"
_REFERENCE = re.compile(r"\[\[[@/\w-]+(?:\.[@/\w-]+)*\]+|\$[@\w-]*", re.ASCII)


class FieldType(StrEnum):
    """What the values of a field are; missing ones may be in any."""

    TIME = "time"
    NUMBER = "number"
    STRING = "string"
    BOOLEAN = "boolean"


@dataclass(frozen=True, slots=True)
class Field:
    """One column. `name` is what people see; `column` what the query called it. Times are ms since the epoch."""

    name: str
    type: FieldType
    values: tuple[Cell, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    column: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """Columns of equal length that belong together, from the query of this `ref`."""

    name: str
    fields: tuple[Field, ...]
    ref: str = ""

    @property
    def length(self) -> int:
        """How many rows."""
        return len(self.fields[0].values) if self.fields else 0

    @property
    def time(self) -> Field | None:
        """The first field of times."""
        return next((each for each in self.fields if each.type is FieldType.TIME), None)


def time_series(answer: Sequence[AnsweredSeries], alias: str = "", ref: str = "") -> list[Frame]:
    """A frame for each column of each series; where there is no time, one of texts for each series."""
    return [frame for series in answer for frame in _frames_of(series, alias, ref)]


def _frames_of(series: AnsweredSeries, alias: str, ref: str) -> list[Frame]:
    if _TIME not in series.columns:
        return [_without_time(series, ref)]
    moments = Field("Time", FieldType.TIME, _column(series, 0), column=_TIME)
    frames = []
    for place, column in enumerate(series.columns):
        if column != _TIME:
            name, values = _name(series, column, alias), _column(series, place)
            frames.append(Frame(name, (moments, Field(name, _type(values), values, series.tags, column)), ref))
    return frames


def _without_time(series: AnsweredSeries, ref: str) -> Frame:
    # SHOW TAG VALUES answers with the tag's name first
    place = 1 if series.columns == ("key", "value") else 0
    values = tuple("<nil>" if cell is None else str(cell) for cell in _column(series, place))
    return Frame(series.name, (Field("Value", FieldType.STRING, values),), ref)


def table(answer: Sequence[AnsweredSeries], ref: str = "") -> list[Frame]:
    """One frame: the time, then the tags by their names, then the other columns; none where there is no series."""
    if not answer:
        return []
    first = answer[0]
    fields = [_joined(answer, 0)]
    for tag in sorted(first.tags):
        values: tuple[Cell, ...] = tuple(series.tags.get(tag, "") for series in answer for _ in series.values)
        fields.append(Field(tag, FieldType.STRING, values, column=tag))
    fields += [_joined(answer, place) for place in range(1, len(first.columns))]
    return [Frame(first.name, tuple(fields), ref)]


def _joined(answer: Sequence[AnsweredSeries], place: int) -> Field:
    column = answer[0].columns[place]
    values = tuple(value for series in answer for value in _column(series, place))
    if column == _TIME:
        return Field("Time", FieldType.TIME, values, column=_TIME)
    return Field(column, _type(values), values, column=column)


def _column(series: AnsweredSeries, place: int) -> tuple[Cell, ...]:
    return tuple(row[place] for row in series.values)


def _type(values: Sequence[Cell]) -> FieldType:
    match next((value for value in values if value is not None), None):
        case bool():
            return FieldType.BOOLEAN
        case str():
            return FieldType.STRING
    return FieldType.NUMBER


def _name(series: AnsweredSeries, column: str, alias: str) -> str:
    if not alias:
        tags = ", ".join(f"{tag}: {value}" for tag, value in sorted(series.tags.items()))
        return f"{series.name}.{column} {{ {tags} }}" if tags else f"{series.name}.{column}"

    def replacement(found: re.Match[str]) -> str:
        word = found[0].replace("[[", "", 1).replace("]]", "", 1).replace("$", "", 1)
        segments = series.name.split(".")
        match word:
            case "m" | "measurement":
                return series.name
            case "col":
                return column
        if word.isdigit() and int(word) < len(segments):
            return segments[int(word)]
        return series.tags.get(word.removeprefix("tag_"), found[0]) if word.startswith("tag_") else found[0]

    return _REFERENCE.sub(replacement, alias)
