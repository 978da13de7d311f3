"""Heat maps of buckets that are counted already: a row for each field, a column for each moment."""

from collections.abc import Sequence
from itertools import pairwise

from soakwatch.grafana.axes import base_layout, time_axis
from soakwatch.grafana.colours import GRID
from soakwatch.grafana.dashboard_model import Panel
from soakwatch.grafana.drawing import NUMERIC, Data, Drawable, Drawing, distinct, drawables, for_plotly
from soakwatch.grafana.event_marks import event_shapes
from soakwatch.grafana.units import with_unit

_SCALES = {
    "Oranges": ("#2a1a12", "#7f2704", "#d94801", "#fd8d3c", "#fdd0a2"),
    "Blues": ("#10202f", "#08306b", "#2171b5", "#6baed6", "#c6dbef"),
    "Greens": ("#10241a", "#00441b", "#238b45", "#74c476", "#c7e9c0"),
    "Reds": ("#2a1215", "#67000d", "#cb181d", "#fb6a4a", "#fcbba1"),
    "Turbo": ("#30123b", "#4686fb", "#1ae4b6", "#a4fc3c", "#fb7e21", "#7a0403"),
    "Spectral": ("#5e4fa2", "#3288bd", "#66c2a5", "#fee08b", "#f46d43", "#9e0142"),
}
_PLAIN = _SCALES["Oranges"]

_MOST_GAPS = 200
"""Columns that have room for a gap between them: more are so narrow that only gaps would be seen."""


def draw_heat_map(panel: Panel, data: Data) -> Drawing:
    """Draw all numeric fields that have times, the first at the bottom."""
    if panel.options.get("calculate"):
        return Drawing(notes=("heat maps that Grafana makes the buckets of itself",))
    rows = [each for each in drawables(panel, data.frames) if each.time is not None and each.field.type in NUMERIC]
    rows = [each for each in rows if not each.look.is_hidden]
    moments = sorted({int(moment) for each in rows if each.time for moment in each.time.values if moment is not None})
    counts = [_counts(each, moments) for each in rows]
    if not any(count for row in counts for count in row):
        return Drawing()
    names = _names(panel, rows)
    exponent = float((panel.options.get("color") or {}).get("exponent") or 0.5)
    scale = _SCALES.get(str((panel.options.get("color") or {}).get("scheme")), _PLAIN)
    step = min((after - before for before, after in pairwise(moments)), default=60_000)
    trace = {
        "type": "heatmap",
        "x": [*moments, moments[-1] + step],
        "y": names,
        "z": [[count**exponent if count else None for count in row] for row in counts],
        "text": [[with_unit(count) if count else "" for count in row] for row in counts],
        "hovertemplate": "%{y}: %{text}<extra></extra>",
        "colorscale": [[place / (len(scale) - 1), colour] for place, colour in enumerate(scale)],
        "showscale": False,
        "hoverongaps": False,
        "xgap": 1 if len(moments) <= _MOST_GAPS else 0,
        "ygap": 1,
    }
    layout = base_layout() | {
        "xaxis": time_axis(data.range),
        "yaxis": {"type": "category", "gridcolor": GRID, "automargin": True, "fixedrange": True},
        "hovermode": "closest",
        "shapes": list(event_shapes(data.events, data.range)),
    }
    return Drawing({"data": [trace], "layout": layout})


def _counts(row: Drawable, moments: Sequence[int]) -> list[float]:
    times = row.time.values if row.time else ()
    known = {
        moment: float(value)
        for moment, value in zip(times, row.field.values, strict=True)
        if isinstance(value, int | float)
    }
    return [max(known.get(moment, 0.0), 0.0) for moment in moments]


def _names(panel: Panel, rows: Sequence[Drawable]) -> list[str]:
    """Names of the buckets; numbers get the axis' unit."""
    unit = str((panel.options.get("yAxis") or {}).get("unit") or "")
    names: dict[str, None] = {}
    for row in rows:
        name = row.look.name
        text = for_plotly(with_unit(float(name), unit) if _is_number(name) else name, 40)
        names[distinct(text, names)] = None
    return list(names)


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit() and text.isascii()
