"""What draws which kind of panel."""

from collections.abc import Callable
from dataclasses import replace

from soakwatch.grafana.bar_figure import draw_bar_chart
from soakwatch.grafana.dashboard_model import Panel
from soakwatch.grafana.drawing import Data, Drawing
from soakwatch.grafana.heat_map import draw_heat_map
from soakwatch.grafana.interpolation import interpolate
from soakwatch.grafana.stat_tiles import draw_bar_gauge, draw_stat
from soakwatch.grafana.state_figure import draw_states
from soakwatch.grafana.table_view import draw_table
from soakwatch.grafana.time_figure import draw_time_series
from soakwatch.grafana.transformations import transformed

_KINDS: dict[str, Callable[[Panel, Data], Drawing]] = {
    "timeseries": draw_time_series,
    "stat": draw_stat,
    "gauge": draw_stat,
    "bargauge": draw_bar_gauge,
    "barchart": draw_bar_chart,
    "table": draw_table,
    "heatmap": draw_heat_map,
    "state-timeline": draw_states,
}


def draw(panel: Panel, data: Data) -> Drawing:
    """Draw a panel; what a preview does not know is said in the drawing's notes."""
    if panel.type == "text":
        return Drawing(text=interpolate(str(panel.options.get("content") or ""), data.choices, "text"))
    if panel.type not in _KINDS:
        return Drawing(notes=(f"panels of the kind {panel.type!r} are drawn by Grafana only",))
    frames, unknown = transformed(data.frames, panel.transformations)
    drawing = _KINDS[panel.type](panel, replace(data, frames=frames))
    passed_over = (f"without {', '.join(unknown)}, which only Grafana does",) if unknown else ()
    return replace(drawing, notes=(*drawing.notes, *passed_over))
