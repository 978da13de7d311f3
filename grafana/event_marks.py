"""Marks of events on a figure over time: a line where one began, a shaded region where it lasted."""

from collections.abc import Iterator, Sequence
from typing import Any

from soakwatch.grafana.annotation_events import Event
from soakwatch.grafana.colours import css_colour, translucent
from soakwatch.grafana.drawing import for_plotly
from soakwatch.grafana.time_range import TimeRange

_LONGEST = 300


def event_shapes(events: Sequence[Event], asked: TimeRange) -> Iterator[dict[str, Any]]:
    """Lines and regions."""
    for event in _within(events, asked):
        colour = css_colour(event.colour, "#5794F2")
        yield _line(event.time, colour)
        if event.end is not None and event.end > event.time:
            yield _line(event.end, colour)
            yield {
                "type": "rect",
                "yref": "paper",
                "y0": 0,
                "y1": 1,
                "x0": event.time,
                "x1": event.end,
                "fillcolor": translucent(colour, 0.12),
                "line": {"width": 0},
                "layer": "below",
            }


def _line(moment: int, colour: str) -> dict[str, Any]:
    line = {"color": colour, "width": 1, "dash": "dash"}
    return {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": moment, "x1": moment, "line": line}


def event_trace(events: Sequence[Event], asked: TimeRange) -> dict[str, Any] | None:
    """What is shown under the mouse: a mark at the foot of each line, on an axis of its own; None without events."""
    shown = _within(events, asked)
    if not shown:
        return None
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [event.time for event in shown],
        "y": [0.0] * len(shown),
        "yaxis": "y9",
        "marker": {
            "symbol": "triangle-up",
            "size": 9,
            "color": [css_colour(event.colour, "#5794F2") for event in shown],
        },
        "cliponaxis": False,
        "name": "",
        "text": [_text(event) for event in shown],
        "hovertemplate": "%{text}<extra></extra>",
    }


def _within(events: Sequence[Event], asked: TimeRange) -> list[Event]:
    return [event for event in events if event.time <= asked.end and (event.end or event.time) >= asked.start]


def _text(event: Event) -> str:
    told = dict.fromkeys(part for part in (event.title, event.text) if part)
    parts = [for_plotly(part, _LONGEST) for part in (*told, ", ".join(event.tags)) if part]
    return "<br>".join(parts)
