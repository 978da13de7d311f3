"""Transformations: what a panel does to its answers before it draws them, as far as a preview can do it.

As packages/grafana-data/src/transformations/transformers. What is not known here is named, and passed over.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from soakwatch.grafana.dashboard_model import Settings, Transformation
from soakwatch.grafana.frames import Field, FieldType, Frame
from soakwatch.grafana.influxql import Cell
from soakwatch.grafana.joining import completed, grouped, joined, merged, reduced_to_rows

Step = Callable[[Sequence[Frame], Settings], list[Frame]]
"""Makes other frames of some."""


def transformed(frames: Sequence[Frame], steps: Iterable[Transformation]) -> tuple[list[Frame], list[str]]:
    """The frames after all steps, and the names of those that were passed over."""
    made, unknown = list(frames), []
    for step in steps:
        if step.name not in _STEPS:
            unknown.append(step.name)
        elif made:
            made = _STEPS[step.name](made, step.options)
    return made, unknown


def rows_of(frame: Frame) -> list[tuple[Cell, ...]]:
    """Its rows."""
    return list(zip(*(field.values for field in frame.fields), strict=True))


def with_rows(frame: Frame, rows: Sequence[Sequence[Cell]]) -> Frame:
    """The same fields with other rows."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(frame.fields)
    fields = (replace(field, values=tuple(values)) for field, values in zip(frame.fields, columns, strict=True))
    return replace(frame, fields=tuple(fields))


def _fields(frames: Sequence[Frame], choose: Callable[[Sequence[Field]], Iterable[Field]]) -> list[Frame]:
    return [replace(frame, fields=tuple(choose(frame.fields))) for frame in frames]


def _organize(frames: Sequence[Frame], options: Settings) -> list[Frame]:
    excluded, included = options.get("excludeByName") or {}, options.get("includeByName") or {}
    places, names = options.get("indexByName") or {}, options.get("renameByName") or {}

    def choose(fields: Sequence[Field]) -> Iterable[Field]:
        kept = [each for each in fields if not excluded.get(each.name) and (not included or included.get(each.name))]
        for each in sorted(kept, key=lambda field: places.get(field.name, len(places) + len(kept))):
            yield replace(each, name=names.get(each.name) or each.name)

    return _fields(frames, choose)


def _filter_fields(frames: Sequence[Frame], options: Settings) -> list[Frame]:
    include, exclude = options.get("include"), options.get("exclude")
    return _fields(
        frames,
        lambda fields: (
            field
            for field in fields
            if (not include or _is_named(field, include)) and not (exclude and _is_named(field, exclude))
        ),
    )


def _is_named(field: Field, wanted: Settings) -> bool:
    pattern = wanted.get("pattern")
    return field.name in (wanted.get("names") or ()) or bool(pattern and _pattern(pattern).search(field.name))


def _pattern(text: str) -> re.Pattern[str]:
    delimited = re.fullmatch(r"/(.*)/[gimy]*", text, re.DOTALL)
    return re.compile(delimited[1] if delimited else f"^{text}$")


def _rename(frames: Sequence[Frame], options: Settings) -> list[Frame]:
    pattern = _pattern(options.get("regex") or "")
    becomes = re.sub(r"\$(\d)", r"\\\1", options.get("renamePattern") or "")

    def name_of(field: Field) -> str:
        return field.name if field.type is FieldType.TIME else pattern.sub(becomes, field.name)

    return _fields(frames, lambda fields: (replace(field, name=name_of(field)) for field in fields))


def _sort(frames: Sequence[Frame], options: Settings) -> list[Frame]:
    wanted: Settings = next(iter(options.get("sort") or ()), {})
    return [_sorted(frame, str(wanted.get("field")), wanted.get("desc") is True) for frame in frames]


def _sorted(frame: Frame, name: str, descending: bool) -> Frame:  # noqa: FBT001  (as Grafana's option)
    place = next((place for place, field in enumerate(frame.fields) if field.name == name), None)
    if place is None:
        return frame
    rows = rows_of(frame)
    missing = [row for row in rows if row[place] is None]
    present = [row for row in rows if row[place] is not None]
    present.sort(key=lambda row: (isinstance(row[place], str), row[place]), reverse=descending)
    return with_rows(frame, [*present, *missing])


def _limit(frames: Sequence[Frame], options: Settings) -> list[Frame]:
    most = int(options.get("limitField") or 10)
    return [with_rows(frame, rows_of(frame)[:most]) for frame in frames]


def _join(frames: Sequence[Frame], options: Settings) -> list[Frame]:
    by, mode = options.get("byField") or "Time", options.get("mode")
    return completed(frames, by) if mode == "outerTabular" else joined(frames, by, inner=mode == "inner")


_STEPS: dict[str, Step] = {
    "merge": lambda frames, _: merged(frames),
    "joinByField": _join,
    "groupBy": lambda frames, options: [grouped(frame, options.get("fields") or {}) for frame in frames],
    "reduce": lambda frames, options: reduced_to_rows(frames, options.get("reducers") or ["lastNotNull"]),
    "organize": _organize,
    "filterFieldsByName": _filter_fields,
    "renameByRegex": _rename,
    "sortBy": _sort,
    "limit": _limit,
}
