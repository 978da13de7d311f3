"""Bar charts: a table's numbers beside each other, for each of its names."""

from collections.abc import Sequence
from typing import Any

from soakwatch.grafana.axes import base_layout, value_axis
from soakwatch.grafana.colours import GRID
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
from soakwatch.grafana.frames import Field, FieldType, Frame
from soakwatch.grafana.units import written_moment

_MOST = 100


def draw_bar_chart(panel: Panel, data: Data) -> Drawing:
    """Draw the numeric fields of the first frame over its field of names."""
    if not data.frames:
        return Drawing()
    frame = data.frames[0]
    names = _names(frame, str(panel.options.get("xField") or ""))
    series = [
        each
        for each in drawables(panel, [frame])
        if each.field.type in NUMERIC and each.field is not names and not each.look.is_hidden
    ]
    if names is None or not series or not frame.length:
        return Drawing()
    lies = panel.options.get("orientation") == "horizontal"
    stacked = panel.options.get("stacking") in {"normal", "percent"}
    texts = [for_plotly(_written(names, place), 40) for place in range(min(frame.length, _MOST))]
    numbers = [float(value) for each in series for value in each.field.values if isinstance(value, int | float)]
    values = value_axis(series[0].look, _sums(series) if stacked else numbers, from_zero=True)
    # categories by number: two that are called alike stay two
    categories: dict[str, Any] = {
        "tickmode": "array", "tickvals": list(range(len(texts))), "ticktext": texts, "gridcolor": GRID,
        "automargin": True, "fixedrange": True, "showgrid": False,
    }  # fmt: skip
    if lies:
        categories["autorange"] = "reversed"
    layout = base_layout() | {
        "barmode": "stack" if stacked else "group",
        "hovermode": "closest",
        "xaxis": values if lies else categories,
        "yaxis": categories if lies else values,
    }
    legend = tuple(
        LegendEntry(short(each.look.name), each.look.colour(), (place,)) for place, each in enumerate(series)
    )
    traces = [_trace(each, len(texts), lies=lies) for each in series]
    return Drawing({"data": traces, "layout": layout}, Legend(legend if len(legend) > 1 else ()))


def _names(frame: Frame, wanted: str) -> Field | None:
    by_name = next((field for field in frame.fields if field.name == wanted), None)
    texts = next((field for field in frame.fields if field.type is FieldType.STRING), None)
    return by_name or texts or frame.time


def _written(field: Field, place: int) -> str:
    value = field.values[place]
    if field.type is FieldType.TIME and isinstance(value, int | float):
        return written_moment(value)
    return "" if value is None else str(value)


def _sums(series: Sequence[Drawable]) -> list[float]:
    rows = zip(*(each.field.values for each in series), strict=True)
    return [sum(float(value) for value in row if isinstance(value, int | float)) for row in rows]


def _trace(drawable: Drawable, length: int, *, lies: bool) -> dict[str, Any]:
    values = drawable.field.values[:length]
    texts = [for_plotly(drawable.look.shown(value).text) for value in values]
    numbers, places = list(values), list(range(length))
    return {
        "type": "bar",
        "orientation": "h" if lies else "v",
        "x": numbers if lies else places,
        "y": places if lies else numbers,
        "name": for_plotly(drawable.look.name),
        "text": texts,
        "textposition": "auto",
        "hovertemplate": "%{text}",
        "marker": {"color": [drawable.look.colour(value) for value in values]},
    }
