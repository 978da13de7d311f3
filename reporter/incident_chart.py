"""The chart of an incident: how its worst metric went around the onset, as Mermaid and as a table."""

from collections.abc import Sequence
from dataclasses import dataclass

from soakwatch.core.incident import Finding, Incident
from soakwatch.core.numbers import format_value
from soakwatch.core.verdict import Metric
from soakwatch.reporter.charts import MOST_POINTS, Line, filled, xychart
from soakwatch.reporter.evidence import Course
from soakwatch.reporter.incident_words import minute

_HOUR = 3_600.0
_FEWEST_POINTS = 2
_ROWS = 12
_UNITS = {Metric.ERROR_RATE: ("errors (percent)", 100.0), Metric.THROUGHPUT: ("requests per second", 1.0)}


@dataclass(frozen=True, slots=True)
class IncidentChart:
    """`mermaid` is empty where no line can be drawn; `rows` are moment, value and what was normal, for people."""

    mermaid: str
    rows: Sequence[tuple[str, str, str]]


def chart_of(incident: Incident, finding: Finding, course: Course) -> IncidentChart:
    """Draw the course of `finding`, in red, beside what was normal, in grey; nothing in it is from outside."""
    return IncidentChart(_mermaid(incident, finding, course), list(_rows(finding, course)))


def _mermaid(incident: Incident, finding: Finding, course: Course) -> str:
    name, scale = _UNITS.get(course.metric, (f"{course.metric} (ms)", 1.0))
    first, last = course.moments[0], course.moments[-1]
    points = min(MOST_POINTS, len(course.moments))
    if points < _FEWEST_POINTS or last <= first:
        return ""
    seconds = [moment - first for moment in course.moments]
    values = [None if value is None else value * scale for value in course.values]
    measured = filled(Line(seconds, values).on_grid((last - first) / (points - 1), points))
    if not measured or finding.baseline is None:
        return ""
    began = incident.onset.start
    axis = f'"hours since it began" {(first - began) / _HOUR:.2f} --> {(last - began) / _HOUR:.2f}'
    return xychart([[finding.baseline * scale] * points, measured], axis, name)


def _rows(finding: Finding, course: Course) -> Sequence[tuple[str, str, str]]:
    points = min(_ROWS, len(course.moments))
    if points < _FEWEST_POINTS:
        return []
    first, last = course.moments[0], course.moments[-1]
    step = (last - first) / (points - 1)
    cells = Line([moment - first for moment in course.moments], course.values).on_grid(step, points)
    normal = format_value(course.metric, finding.baseline)
    return [
        (minute(first + index * step), format_value(course.metric, value), normal) for index, value in enumerate(cells)
    ]
