"""Joining: several frames made one, or many rows fewer."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

from soakwatch.grafana.frames import Field, FieldType, Frame
from soakwatch.grafana.influxql import Cell
from soakwatch.grafana.reductions import reduced

_TITLES = {
    "lastNotNull": "Last *", "firstNotNull": "First *", "last": "Last", "first": "First", "min": "Min", "max": "Max",
    "mean": "Mean", "sum": "Total", "count": "Count", "range": "Range",
}  # fmt: skip
"""What Grafana calls the columns of its `reduce`."""

Row = dict[str, Cell]


def merged(frames: Sequence[Frame]) -> list[Frame]:
    """One frame; rows that agree in all columns which every frame has, and contradict in no other, become one."""
    if len(frames) <= 1:
        return list(frames)
    shared = [field.name for field in frames[0].fields if all(_has(frame, field.name) for frame in frames)]
    rows: list[Row] = []
    by_key: dict[Hashable, list[Row]] = {}
    for frame in frames:
        for row in _rows(frame):
            alike = by_key.setdefault(tuple(row.get(name) for name in shared), [])
            found = next((other for other in alike if _agree(row, other)), None) if shared else None
            if found is not None:
                found |= row
            else:
                alike.append(row)
                rows.append(row)
    return [_frame(frames, rows)]


def _has(frame: Frame, name: str) -> bool:
    return any(field.name == name for field in frame.fields)


def _agree(one: Row, other: Row) -> bool:
    return all(other.get(name, value) == value for name, value in one.items())


def joined(frames: Sequence[Frame], by: str, *, inner: bool) -> list[Frame]:
    """One frame with a row for each value of the column `by`; `inner` keeps those that every frame has.

    Other columns that are called alike stay apart, as in Grafana.
    """
    having = [frame for frame in frames if _has(frame, by)]
    if not having:
        return list(frames)
    places = [{key: place for place, key in enumerate(_column(frame, by).values)} for frame in having]
    keys = dict.fromkeys(key for rows in places for key in rows)
    kept = [key for key in keys if not inner or all(key in rows for rows in places)]
    kept.sort(key=lambda key: (key is not None, isinstance(key, str), key))
    fields = [replace(_column(having[0], by), values=tuple(kept))]
    for frame, rows in zip(having, places, strict=True):
        for field in frame.fields:
            if field.name != by:
                values = tuple(field.values[rows[key]] if key in rows else None for key in kept)
                fields.append(replace(field, values=values))
    return [Frame(having[0].name, tuple(fields), having[0].ref)]


def completed(frames: Sequence[Frame], by: str) -> list[Frame]:
    """One frame with each row of each frame, beside the first row of each other one that has the same value of `by`.

    With more than two frames that is a row for each pair of them, as in Grafana.
    """
    having = [frame for frame in frames if _has(frame, by)]
    if len(having) <= 1:
        return having or list(frames)
    others = [[field for field in frame.fields if field.name != by] for frame in having]
    begins = [1 + sum(map(len, others[:place])) for place in range(len(others) + 1)]
    rows: dict[tuple[Cell, ...], None] = {}
    for one, two in permutations(range(len(having)), 2):
        found = {key: place for place, key in reversed(list(enumerate(_column(having[two], by).values)))}
        for place, key in enumerate(_column(having[one], by).values):
            row: list[Cell] = [key] + [None] * (begins[-1] - 1)
            row[begins[one] : begins[one + 1]] = [field.values[place] for field in others[one]]
            if key in found:
                row[begins[two] : begins[two + 1]] = [field.values[found[key]] for field in others[two]]
            rows[tuple(row)] = None
    fields = [_column(having[0], by), *(field for each in others for field in each)]
    columns = zip(fields, zip(*rows, strict=True), strict=True)
    return [Frame(having[0].name, tuple(replace(field, values=values) for field, values in columns), having[0].ref)]


def _column(frame: Frame, name: str) -> Field:
    return next(field for field in frame.fields if field.name == name)


def grouped(frame: Frame, wanted: dict[str, Any]) -> Frame:
    """A row for each combination of the columns that are grouped by, with calculations over the others."""
    keys = [field for field in frame.fields if wanted.get(field.name, {}).get("operation") == "groupby"]
    rows_of: dict[Hashable, list[Row]] = {}
    for row in _rows(frame):
        rows_of.setdefault(tuple(row[field.name] for field in keys), []).append(row)
    fields = [
        Field(field.name, field.type, tuple(rows[0][field.name] for rows in rows_of.values()), column=field.column)
        for field in keys
    ]
    for field in frame.fields:
        if wanted.get(field.name, {}).get("operation") == "aggregate":
            for calculation in wanted[field.name].get("aggregations") or ():
                values = tuple(reduced([row[field.name] for row in rows], calculation) for rows in rows_of.values())
                kind = FieldType.NUMBER if calculation == "count" else field.type
                fields.append(Field(f"{field.name} ({calculation})", kind, values, column=field.column))
    return Frame(frame.name, tuple(fields), frame.ref)


def reduced_to_rows(frames: Sequence[Frame], calculations: Iterable[str]) -> list[Frame]:
    """One row for each series, with a column for each calculation."""
    series = [field for frame in frames for field in frame.fields if field.type is not FieldType.TIME]
    names = Field("Field", FieldType.STRING, tuple(field.name for field in series))
    columns = [
        Field(_TITLES.get(each, each), FieldType.NUMBER, tuple(reduced(field.values, each) for field in series))
        for each in calculations
    ]
    return [Frame("", (names, *columns))]


def _rows(frame: Frame) -> list[Row]:
    names = [field.name for field in frame.fields]
    return [dict(zip(names, row, strict=True)) for row in zip(*(field.values for field in frame.fields), strict=True)]


def _frame(frames: Sequence[Frame], rows: Sequence[Row]) -> Frame:
    known = {field.name: field for frame in reversed(frames) for field in reversed(frame.fields)}
    order = dict.fromkeys(field.name for frame in frames for field in frame.fields)
    fields = (
        Field(name, known[name].type, tuple(row.get(name) for row in rows), known[name].labels, known[name].column)
        for name in order
    )
    return Frame(frames[0].name, tuple(fields), frames[0].ref)
