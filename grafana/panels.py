"""Panels: each kind that the dashboards use, with what every panel must have."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from grafana_foundation_sdk.builders import heatmap, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders.common import (
    ReduceDataOptions,
    StackingConfig,
    TableSortByFieldState,
    VizLegendOptions,
    VizTooltipOptions,
)
from grafana_foundation_sdk.models.common import (
    AxisPlacement,
    BigValueColorMode,
    BigValueGraphMode,
    GraphDrawStyle,
    HeatmapCellLayout,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig
from grafana_foundation_sdk.models.table import Options as TableOptions

from soakwatch.grafana import looks
from soakwatch.grafana.target import SOURCE, Target

_MOST_POINTS = 2_000
"""That Grafana asks for; what our questions answer is bounded by their steps already."""

_BRIDGED = 3_600_000
"""Milliseconds without data over which a line is drawn on. It needs `fill(null)`: Grafana draws a line from each value
to the next one, however far that is, unless there are missing ones between them."""


@dataclass(frozen=True)
class About:
    """What a panel is: which question it answers, in which unit, and how large it is on the grid of 24 columns."""

    title: str
    description: str
    unit: str = looks.COUNT
    width: int = 12
    height: int = 8


def lines(about: About, targets: Sequence[Target]) -> timeseries.Panel:
    """Lines over time, with a gap where there is nothing; what stands alone there is a point."""
    panel = (
        timeseries.Panel()
        .line_width(1)
        .fill_opacity(0)
        .show_points(VisibilityMode.AUTO)
        .axis_soft_min(0)
        .span_nulls(span_nulls=_BRIDGED)
        .legend(_legend())
        .tooltip(VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
    )
    return _dressed(panel, about, targets)


def bars(about: About, targets: Sequence[Target]) -> timeseries.Panel:
    """Bars over time, one upon the other."""
    stacked = StackingConfig().mode(StackingMode.NORMAL).group("A")
    panel = lines(about, targets).draw_style(GraphDrawStyle.BARS)
    return panel.fill_opacity(70).line_width(0).stacking(stacked).span_nulls(span_nulls=False)


def number(about: About, targets: Sequence[Target]) -> stat.Panel:
    """The last number of each line."""
    panel = (
        stat.Panel()
        .reduce_options(ReduceDataOptions().values(values=False).calcs(["lastNotNull"]).fields(""))
        .graph_mode(BigValueGraphMode.NONE)
        .color_mode(BigValueColorMode.VALUE)
        .color_scheme(looks.by_thresholds())
        .no_value("-")
    )
    return _dressed(panel, about, targets)


def timeline(about: About, targets: Sequence[Target]) -> statetimeline.Panel:
    """Verdicts over time, a row each. A verdict lasts until the next value, or until one that is missing."""
    panel = (
        statetimeline.Panel()
        .mappings(looks.rank_mappings())
        .merge_values(merge_values=True)
        .show_value(VisibilityMode.NEVER)
        .row_height(0.8)
        .fill_opacity(80)
        .line_width(0)
        .legend(_legend())
    )
    return _dressed(panel, about, targets)


def heat(about: About, targets: Sequence[Target]) -> heatmap.Panel:
    """How many fell into each row, over time; the rows are the lines of the answer, lowest first."""
    colours = heatmap.HeatmapColorOptions().scheme("Oranges").steps(64).exponent(0.5)
    panel = (
        heatmap.Panel()
        .calculate(calculate=False)
        .rows_frame(heatmap.RowsHeatmapOptions().layout(HeatmapCellLayout.LE))
        .y_axis(heatmap.YAxisConfig().axis_placement(AxisPlacement.LEFT))
        .filter_values(heatmap.FilterValueRange().le(1e-9))
        .color(colours)
        .cell_gap(1)
    )
    return _dressed(panel, about, targets)


def rows(about: About, targets: Sequence[Target]) -> table.Panel:
    """A table."""
    panel = table.Panel().no_value("-").filterable(filterable=False).show_header(show_header=True)
    # Grafana 12 has no footer any more, and the SDK writes an empty one
    options = panel.build().options
    if isinstance(options, TableOptions):
        options.footer = None
    return _dressed(panel, about, targets)


P = TypeVar("P", timeseries.Panel, stat.Panel, statetimeline.Panel, heatmap.Panel, table.Panel)


def _dressed(panel: P, about: About, targets: Iterable[Target]) -> P:
    """With what every panel must have."""
    panel.title(about.title).description(about.description).unit(about.unit).datasource(SOURCE)
    panel.span(about.width).height(about.height).max_data_points(_MOST_POINTS)
    for target in targets:
        panel.with_target(target)
    return panel


def sorted_by(column: str, *, descending: bool = True) -> TableSortByFieldState:
    """How a table is sorted at first."""
    return TableSortByFieldState().display_name(column).desc(descending)


def joined_by(column: str) -> DataTransformerConfig:
    """The tables of several questions as one, with a row for each value of `column`; of several the last is kept."""
    return DataTransformerConfig(id_val="joinByField", options={"byField": column, "mode": "outer"})


def completed_by(column: str) -> DataTransformerConfig:
    """The tables of two questions as one, with every row of the first, whose values of `column` may recur.

    Of more than two tables Grafana makes a row for each pair.
    """
    return DataTransformerConfig(id_val="joinByField", options={"byField": column, "mode": "outerTabular"})


def only(columns: Sequence[str]) -> DataTransformerConfig:
    """Columns that are shown; times of answers that have none are left out."""
    return DataTransformerConfig(id_val="filterFieldsByName", options={"include": {"names": list(columns)}})


def arranged(columns: Mapping[str, str]) -> DataTransformerConfig:
    """Columns in this order under these names."""
    order = {column: place for place, column in enumerate(columns)}
    return DataTransformerConfig(
        id_val="organize", options={"excludeByName": {}, "indexByName": order, "renameByName": dict(columns)}
    )


def _legend() -> VizLegendOptions:
    return (
        VizLegendOptions()
        .display_mode(LegendDisplayMode.LIST)
        .placement(LegendPlacement.BOTTOM)
        .show_legend(show_legend=True)
    )
