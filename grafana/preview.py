"""Preview: a dashboard asked of InfluxDB and drawn, without Grafana."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from soakwatch.core.errors import StoreError
from soakwatch.grafana.annotation_events import Event, events_of
from soakwatch.grafana.dashboard_model import AnnotationQuery, Dashboard, Panel, Target
from soakwatch.grafana.drawing import Data, Drawing
from soakwatch.grafana.frames import Frame, table, time_series
from soakwatch.grafana.interpolation import Asked, interpolate, interpolate_query
from soakwatch.grafana.interval import interval_of
from soakwatch.grafana.preview_figures import draw
from soakwatch.grafana.time_range import TimeRange
from soakwatch.grafana.value_formats import Choice
from soakwatch.grafana.variable_values import Ask, Given, resolve

AT_ONCE = 2
"""Queries that are asked at the same time: a server has few cores, and the daemon needs them too."""

_WIDTH = 1_600
"""Pixels of a page, which decide how many points a panel asks for."""

Progress = Callable[[int, int], None]
"""Is told how many panels are drawn, and how many there are."""


@dataclass(frozen=True, slots=True)
class Glance:
    """What somebody wants to see: of which time, with which variables; `now` is in seconds since the epoch."""

    ask: Ask
    range: TimeRange
    now: float
    given: Given = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DrawnPanel:
    """A panel with its drawing, what was asked for it, and what is wrong with that."""

    panel: Panel
    title: str
    description: str
    drawing: Drawing
    errors: tuple[str, ...] = ()
    queries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DrawnDashboard:
    """A dashboard as it is to be seen. `choices` are its variables, `errors` what its annotations' queries said."""

    dashboard: Dashboard
    range: TimeRange
    choices: Mapping[str, Choice]
    panels: tuple[DrawnPanel, ...]
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a query gave, or why it gave nothing; `query` is as it was asked."""

    frames: tuple[Frame, ...] = ()
    error: str = ""
    query: str = ""


def preview(dashboard: Dashboard, look: Glance, progress: Progress = lambda _done, _all: None) -> DrawnDashboard:
    """Ask and draw everything of a dashboard.

    A query that fails is told on its panel. Raises StoreUnavailable and StoreRefused where a variable's fails.
    """
    ask, asked, now = look.ask, look.range, look.now
    choices = resolve(dashboard.variables, ask, Asked(asked), round(now * 1000), look.given)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = [pool.submit(_events, each, ask, choices, asked) for each in dashboard.annotations]
        answers = [
            (panel, [pool.submit(_answer, target, _asked(panel, asked, now), ask, choices) for target in panel.targets])
            for panel in dashboard.panels
        ]
        events = [event for each in found for event in each.result()[0]]
        errors = tuple(error for each in found if (error := each.result()[1]))
        drawn = []
        for panel, waiting in answers:
            data = Data((), _asked(panel, asked, now).range, events, choices)
            drawn.append(_drawn(panel, waiting, data))
            progress(len(drawn), len(answers))
    return DrawnDashboard(dashboard, asked, choices, tuple(drawn), errors)


def _asked(panel: Panel, asked: TimeRange, now: float) -> Asked:
    own = _own_range(panel, asked, now)
    pixels = max(1, round(_WIDTH * panel.place.width / 24))
    return Asked(own, interval_of(own, panel.most_points or pixels, panel.interval))


def _own_range(panel: Panel, asked: TimeRange, now: float) -> TimeRange:
    """The time of one panel: that of the dashboard, or one of its own up to now, perhaps some time earlier."""
    own = TimeRange.between(f"now-{panel.time_from}", "now", now) if panel.time_from else asked
    if not panel.time_shift:
        return own
    earlier = TimeRange.between(f"now-{panel.time_shift}", "now", now).length
    return TimeRange(own.start - earlier, own.end - earlier)


def _answer(target: Target, asked: Asked, ask: Ask, choices: Mapping[str, Choice]) -> _Answer:
    if not target.is_influxql:
        return _Answer(error=f"query {target.ref} is for {target.source}, which only Grafana asks")
    query = interpolate_query(target.query, choices, asked)
    try:
        answer = ask(query)
    except StoreError as error:
        return _Answer((), str(error), query)
    if target.is_table:
        return _Answer(tuple(table(answer, target.ref)), query=query)
    return _Answer(tuple(time_series(answer, interpolate(target.alias, choices), target.ref)), query=query)


def _events(
    annotation: AnnotationQuery, ask: Ask, choices: Mapping[str, Choice], asked: TimeRange
) -> tuple[list[Event], str]:
    try:
        return events_of(annotation, ask(interpolate_query(annotation.query, choices, Asked(asked)))), ""
    except StoreError as error:
        return [], f"annotation {annotation.name!r}: {error}"


def _drawn(panel: Panel, waiting: Sequence[Future[_Answer]], data: Data) -> DrawnPanel:
    answers = [each.result() for each in waiting]
    frames = [frame for answer in answers for frame in answer.frames]
    notes = (f"once for all of ${panel.repeat}; Grafana repeats it for each",) if panel.repeat else ()
    drawing = draw(panel, replace(data, frames=frames))
    return DrawnPanel(
        panel,
        interpolate(panel.title, data.choices, "text"),
        interpolate(panel.description, data.choices, "text"),
        replace(drawing, notes=(*drawing.notes, *notes)),
        tuple(answer.error for answer in answers if answer.error),
        tuple(answer.query for answer in answers if answer.query),
    )
