"""Timelines: how a series with a regression went, window by window, for charts."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from soakwatch.core.histogram import Histogram
from soakwatch.core.roll_up import is_whole_service
from soakwatch.core.series import Series
from soakwatch.core.verdict import Timeline
from soakwatch.core.window import Window
from soakwatch.detector.run_data import RunData

MOST_TIMELINES = 20

_Line = tuple[Sequence[float], Sequence[float | None], Sequence[float]]


def timelines_of(series: Iterable[Series], baseline: RunData, current: RunData) -> list[Timeline]:
    """Draw each of `series` once, in their order and at most 20, warm-up included: a chart should show all."""
    chosen = list(dict.fromkeys(series))[:MOST_TIMELINES]
    return [Timeline(one, *_line(baseline, one), *_line(current, one)) for one in chosen]


def _line(data: RunData, series: Series) -> _Line:
    """Seconds since the run's start, p95 of the successes in ms, and error rate, of every window with requests."""
    windows = sorted((w for w in data.windows if w.count and _belongs(w.series, series)), key=lambda w: w.start)
    groups = [(start, list(group)) for start, group in groupby(windows, key=lambda w: w.start)]
    return (
        [start - data.run.start for start, _ in groups],
        [Histogram.merge(window.hist for window in group).quantile(0.95) for _, group in groups],
        [_error_rate(group) for _, group in groups],
    )


def _error_rate(windows: Sequence[Window]) -> float:
    return sum(window.failures for window in windows) / sum(window.count for window in windows)


def _belongs(one: Series, series: Series) -> bool:
    if one.service != series.service:
        return False
    return is_whole_service(series) or (one.method, one.endpoint) == (series.method, series.endpoint)
