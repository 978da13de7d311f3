"""Time series: lines, bands, bars and points over time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from soakwatch.grafana.axes import Scale, base_layout, time_axis, value_axis
from soakwatch.grafana.colours import css_colour, translucent
from soakwatch.grafana.dashboard_model import Panel
from soakwatch.grafana.drawing import (
    NUMERIC,
    Data,
    Drawable,
    Drawing,
    Legend,
    LegendEntry,
    drawables,
    for_plotly,
    short,
)
from soakwatch.grafana.event_marks import event_shapes, event_trace
from soakwatch.grafana.field_look import Look
from soakwatch.grafana.influxql import Cell
from soakwatch.grafana.reductions import label_of, reduced
from soakwatch.grafana.units import with_unit

_SHAPES = {"smooth": "spline", "stepAfter": "hv", "stepBefore": "vh"}
_SPARSE = 60
"""So many points of a line are marked as well."""


_Points = Sequence[tuple[Cell, float | None]]
"""Moments with their values."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A series on its axis."""

    drawable: Drawable
    axis: int

    @property
    def look(self) -> Look:
        return self.drawable.look

    @property
    def stack(self) -> str:
        settings = self.look.custom("stacking") or {}
        return f"{settings.get('group', 'A')}{self.axis}" if settings.get("mode") in {"normal", "percent"} else ""

    @property
    def numbers(self) -> list[float | None]:
        values = self.drawable.field.values
        return [float(value) if isinstance(value, int | float) else None for value in values]

    @property
    def points(self) -> _Points:
        moments = self.drawable.time.values if self.drawable.time else ()
        points = list(zip(moments, self.numbers, strict=True))
        longest = self.look.custom("spanNulls")
        # a number, which True is as well in Python, is how many milliseconds a line may go on without data
        return points if isinstance(longest, bool | None) else _bridged(points, float(longest))


def _bridged(points: _Points, longest: float) -> _Points:
    """Without the missing values between two that are less than `longest` milliseconds apart."""
    kept: list[tuple[Cell, float | None]] = []
    missing: list[tuple[Cell, float | None]] = []
    for moment, number in points:
        if number is None:
            missing.append((moment, None))
            continue
        if missing and not (kept and _between(kept[-1][0], moment) < longest):
            kept += missing
        kept.append((moment, number))
        missing = []
    return [*kept, *missing]


def _between(one: Cell, other: Cell) -> float:
    return float(other or 0) - float(one or 0)


def draw_time_series(panel: Panel, data: Data) -> Drawing:
    """Draw all numeric fields that have times."""
    found = [each for each in drawables(panel, data.frames) if each.time is not None and each.field.type in NUMERIC]
    scales = sorted(
        {Scale.of(each.look): None for each in found if not each.look.is_hidden}, key=lambda one: one.is_right
    )
    lines = [_Line(each, scales.index(Scale.of(each.look))) for each in found if not each.look.is_hidden]
    if not any(number is not None for line in lines for number in line.numbers):
        return Drawing()
    traces: list[dict[str, Any]] = []
    places: list[tuple[int, ...]] = []
    named = {each.field.name: each for each in found}
    for line in lines:
        made = list(_traces(line, named))
        places.append(tuple(range(len(traces), len(traces) + len(made))))
        traces += made
    layout = base_layout() | {
        "xaxis": time_axis(data.range),
        "shapes": [*event_shapes(data.events, data.range), *_thresholds(lines)],
        "barmode": "stack" if any(line.stack for line in lines) else "overlay",
    }
    for axis, _ in enumerate(scales):
        layout |= _axis(axis, [line for line in lines if line.axis == axis], scales[axis])
    marks = event_trace(data.events, data.range)
    if marks:
        traces.append(marks)
        layout["yaxis9"] = {"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True}
    return Drawing({"data": traces, "layout": layout}, _legend(panel, lines, places))


def _axis(axis: int, lines: Sequence[_Line], scale: Scale) -> dict[str, Any]:
    bars = any(line.look.custom("drawStyle") == "bars" for line in lines)
    made = value_axis(lines[0].look, _reached(lines), from_zero=bars or any(line.stack for line in lines))
    if scale.is_logarithmic:
        made |= {"type": "log"}
    if axis:
        made |= {"overlaying": "y", "side": "right", "showgrid": False}
    elif scale.is_right:
        made |= {"side": "right"}
    return {f"yaxis{axis + 1 if axis else ''}": made}


def _reached(lines: Sequence[_Line]) -> Iterator[float]:
    """All values, of stacked series their sums."""
    sums: dict[tuple[str, object], float] = {}
    for line in lines:
        moments = line.drawable.time.values if line.drawable.time else ()
        for moment, number in zip(moments, line.numbers, strict=False):
            if number is not None and line.stack:
                sums[line.stack, moment] = sums.get((line.stack, moment), 0.0) + number
            elif number is not None:
                yield number
    yield from sums.values()


def _traces(line: _Line, named: dict[str, Drawable]) -> Iterator[dict[str, Any]]:
    below = named.get(str(line.look.custom("fillBelowTo", "")))
    if below is not None:
        # plotly fills down to the trace before: the lower edge once more, unseen
        yield {
            **_points(_Line(below, line.axis)),
            "mode": "lines",
            "line": {"width": 0},
            "hoverinfo": "skip",
        }
    if line.look.custom("drawStyle") == "bars":
        yield _bars(line)
    else:
        yield _curve(line, filled="tonexty" if below is not None else "tozeroy")


def _points(line: _Line) -> dict[str, Any]:
    axis = f"y{line.axis + 1}" if line.axis else "y"
    moments, numbers = zip(*line.points, strict=True) if line.points else ((), ())
    return {"type": "scatter", "x": list(moments), "y": list(numbers), "yaxis": axis}


def _named(line: _Line) -> dict[str, Any]:
    texts = [for_plotly(line.look.shown(number).text) if number is not None else "" for _, number in line.points]
    return {"name": for_plotly(line.look.name), "text": texts, "hovertemplate": "%{text}"}


def _bars(line: _Line) -> dict[str, Any]:
    opacity = (line.look.custom("fillOpacity", 0) or 0) / 100
    colour = line.look.colour()
    return {
        **_points(line),
        **_named(line),
        "type": "bar",
        "textposition": "none",
        "marker": {"color": translucent(colour, max(opacity, 0.15)), "line": {"color": colour, "width": 1}},
    }


def _curve(line: _Line, filled: str) -> dict[str, Any]:
    look, colour = line.look, line.look.colour(reduced(line.drawable.field.values, "lastNotNull"))
    opacity = (look.custom("fillOpacity", 0) or 0) / 100
    made = {
        **_points(line),
        **_named(line),
        "mode": _mode(line),
        "connectgaps": look.custom("spanNulls") is True,
        "line": {
            "color": colour,
            "width": look.custom("lineWidth", 1),
            "shape": _SHAPES.get(look.custom("lineInterpolation"), "linear"),
            "dash": _dash(look.custom("lineStyle") or {}),
        },
        "marker": {"color": colour, "size": look.custom("pointSize", 5)},
    }
    if line.stack:
        made |= {"stackgroup": line.stack, "fillcolor": translucent(colour, opacity)}
        if (look.custom("stacking") or {}).get("mode") == "percent":
            made |= {"groupnorm": "fraction"}
    elif opacity:
        made |= {"fill": filled, "fillcolor": translucent(colour, opacity)}
    return made


def _mode(line: _Line) -> str:
    if line.look.custom("drawStyle") == "points":
        return "markers"
    points = line.look.custom("showPoints", "auto")
    present = [number is not None for number in line.numbers]
    sparse = points == "auto" and sum(present) <= _SPARSE
    width = line.look.custom("lineWidth", 1)
    return "lines+markers" if width and (sparse or points == "always") else "lines"


def _dash(style: dict[str, Any]) -> str:
    if style.get("fill") == "dash":
        return ",".join(f"{float(length):g}px" for length in style.get("dash") or (10, 10))
    return "dot" if style.get("fill") == "dot" else "solid"


def _thresholds(lines: Sequence[_Line]) -> Iterator[dict[str, Any]]:
    look = lines[0].look
    mode = str((look.custom("thresholdsStyle") or {}).get("mode", "off"))
    if mode in {"off", "area"}:
        return
    for step in look.steps:
        if isinstance(step.get("value"), int | float):
            yield {
                "type": "line",
                "xref": "paper",
                "x0": 0,
                "x1": 1,
                "y0": step["value"],
                "y1": step["value"],
                "line": {
                    "color": css_colour(step.get("color")),
                    "width": 1.5,
                    "dash": "dash" if "dashed" in mode else "solid",
                },
            }


def _legend(panel: Panel, lines: Sequence[_Line], places: Sequence[tuple[int, ...]]) -> Legend:
    options = panel.options.get("legend") or {}
    if options.get("showLegend") is False or options.get("displayMode") == "hidden":
        return Legend()
    calculations = options.get("calcs") or ()
    entries = (
        LegendEntry(
            short(line.look.name),
            line.look.colour(reduced(line.drawable.field.values, "lastNotNull")),
            traces,
            tuple(_calculated(line, calculation) for calculation in calculations),
        )
        for line, traces in zip(lines, places, strict=True)
        if not (line.look.custom("hideFrom") or {}).get("legend")
    )
    return Legend(tuple(entries), tuple(map(label_of, calculations)), options.get("placement") == "right")


def _calculated(line: _Line, calculation: str) -> str:
    value = reduced(line.drawable.field.values, calculation)
    if calculation == "count" and isinstance(value, int):
        return with_unit(value)
    return line.look.shown(value).text
