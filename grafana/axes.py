"""Axes: ranges and marks of a figure's axes, with texts in Grafana's units."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Any

from soakwatch.grafana.colours import GRID, MUTED
from soakwatch.grafana.field_look import Look
from soakwatch.grafana.time_range import TimeRange
from soakwatch.grafana.units import with_unit

_MARKS = 5
_MARGIN = 0.05


@dataclass(frozen=True, slots=True)
class Scale:
    """What series must have in common to share an axis."""

    unit: str
    is_right: bool
    is_logarithmic: bool

    @classmethod
    def of(cls, look: Look) -> "Scale":
        """The scale of a field."""
        kind = (look.custom("scaleDistribution") or {}).get("type")
        return cls(look.unit, look.custom("axisPlacement") == "right", kind == "log")


def base_layout() -> dict[str, Any]:
    """What all figures have in common."""
    return {
        "autosize": True,
        "margin": {"l": 8, "r": 12, "t": 8, "b": 8, "pad": 4},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": MUTED, "size": 11, "family": "Inter, Helvetica, Arial, sans-serif"},
        "showlegend": False,
        "hovermode": "x unified",
        "hoverlabel": {"bgcolor": "#22252b", "bordercolor": "#3a3f45", "font": {"color": "#d8d9da"}, "namelength": 60},
        "dragmode": "zoom",
    }


def time_axis(asked: TimeRange) -> dict[str, Any]:
    """The axis of times."""
    return {
        "type": "date",
        "range": [asked.start, asked.end],
        "gridcolor": GRID,
        "zeroline": False,
        "automargin": True,
        "nticks": 9,
        "hoverformat": "%Y-%m-%d %H:%M:%S",
        "spikecolor": MUTED,
        "spikethickness": 1,
        "spikedash": "dot",
    }


def value_axis(look: Look, values: Iterable[float], *, from_zero: bool = False) -> dict[str, Any]:
    """The axis of values, long enough for all of `values` and what the panel asks for."""
    axis: dict[str, Any] = {"gridcolor": GRID, "zeroline": False, "automargin": True, "fixedrange": True}
    label = look.custom("axisLabel")
    if label:
        axis["title"] = {"text": str(label).replace("<", "&lt;"), "standoff": 4}
    if Scale.of(look).is_logarithmic:
        return {**axis, "type": "log", "ticksuffix": f" {look.unit}" if look.unit in {"ms", "s"} else ""}
    low, high = _bounds(look, list(values), from_zero=from_zero)
    marks = nice_marks(low, high)
    texts = [with_unit(mark, look.unit) for mark in marks]
    return {**axis, "range": [low, high], "tickmode": "array", "tickvals": marks, "ticktext": texts}


def _bounds(look: Look, values: Sequence[float], *, from_zero: bool) -> tuple[float, float]:
    soft = [float(bound) for bound in (look.custom("axisSoftMin"), look.custom("axisSoftMax")) if bound is not None]
    all_values = [*values, *soft, *([0.0] if from_zero else [])] or [0.0, 1.0]
    low, high = min(all_values), max(all_values)
    margin = (high - low) * _MARGIN or abs(high) * _MARGIN or 1.0
    hard_low, hard_high = look.settings.get("min"), look.settings.get("max")
    # nothing that cannot be negative gets an axis that begins below 0
    lowest = max(low - margin, 0.0) if low >= 0 else low - margin
    bounds = (
        (lowest if hard_low is None else float(hard_low)),
        (high + margin if hard_high is None else float(hard_high)),
    )
    return bounds if bounds[0] < bounds[1] else (bounds[0], bounds[0] + 1.0)


def nice_marks(low: float, high: float) -> list[float]:
    """About five round numbers between the two."""
    rough = (high - low) / _MARKS
    power = 10.0 ** floor(log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    return [round(number * step, 12) for number in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)]
