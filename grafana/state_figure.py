"""State timelines: for each field a row, in which a stretch of the same value is one bar."""

from collections.abc import Iterator
from itertools import pairwise

from soakwatch.grafana.axes import base_layout, time_axis
from soakwatch.grafana.dashboard_model import Panel
from soakwatch.grafana.drawing import Data, Drawable, Drawing, distinct, drawables, for_plotly
from soakwatch.grafana.event_marks import event_shapes
from soakwatch.grafana.influxql import Cell
from soakwatch.grafana.units import written_moment

_Stretch = tuple[int, int, Cell]


def draw_states(panel: Panel, data: Data) -> Drawing:
    """Draw all fields that have times, the first at the top."""
    rows = [each for each in drawables(panel, data.frames) if each.time is not None and not each.look.is_hidden]
    merges = panel.options.get("mergeValues", True)
    traces = []
    names: dict[str, None] = {}
    for row in rows:
        stretches = [one for one in _stretches(row, data.range.end, merges=bool(merges)) if one[2] is not None]
        if not stretches:
            continue
        name = distinct(for_plotly(row.look.name, 50), names)
        names[name] = None
        texts = [for_plotly(row.look.shown(value, row.field.type).text, 60) for _, _, value in stretches]
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "y": [name] * len(stretches),
                "base": [start for start, _, _ in stretches],
                "x": [end - start for start, end, _ in stretches],
                "text": texts,
                "textposition": "none" if panel.options.get("showValue") == "never" else "inside",
                "insidetextanchor": "start",
                "constraintext": "inside",
                "textangle": 0,
                "hovertext": [
                    f"{text}<br>{written_moment(start)} to {written_moment(end)}"
                    for text, (start, end, _) in zip(texts, stretches, strict=True)
                ],
                "hoverinfo": "text",
                "marker": {"color": [row.look.colour(value) for _, _, value in stretches], "line": {"width": 0}},
                "width": 0.8,
            }
        )
    if not traces:
        return Drawing()
    layout = base_layout() | {
        "xaxis": time_axis(data.range),
        "yaxis": {
            "type": "category",
            "categoryorder": "array",
            "categoryarray": list(reversed(names)),
            "automargin": True,
            "fixedrange": True,
        },
        "barmode": "overlay",
        "hovermode": "closest",
        "shapes": list(event_shapes(data.events, data.range)),
    }
    return Drawing({"data": traces, "layout": layout})


def _stretches(row: Drawable, until: int, *, merges: bool) -> Iterator[_Stretch]:
    """From when to when which value held; the last one holds until the end."""
    moments = [int(moment) for moment in (row.time.values if row.time else ()) if moment is not None]
    changes: list[tuple[int, Cell]] = []
    for moment, value in zip(moments, row.field.values, strict=False):
        if not (merges and changes and changes[-1][1] == value):
            changes.append((moment, value))
    ends = [*changes, (max(until, changes[-1][0]) if changes else until, None)]
    for (start, value), (end, _) in pairwise(ends):
        yield start, end, value
