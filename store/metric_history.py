"""Metric history: one metric of one series over time, as the roll-ups have it."""

import numpy as np

from soakwatch.core.series import Series
from soakwatch.core.span import Span
from soakwatch.core.verdict import Metric
from soakwatch.store.contract import Column, WindowStore
from soakwatch.store.history import FloatArray, SeriesHistory

_COLUMNS = {
    Metric.P50: (Column.OK_P50,),
    Metric.P95: (Column.OK_P95,),
    Metric.P99: (Column.OK_P99,),
    Metric.MEAN: (Column.SUM, Column.FAIL_SUM, Column.COUNT, Column.FAILURES),
    Metric.ERROR_RATE: (Column.FAILURES, Column.COUNT),
    Metric.THROUGHPUT: (Column.COUNT,),
}


def metric_history(
    store: WindowStore, series: Series, metric: Metric, width: float, span: Span
) -> tuple[FloatArray, FloatArray]:
    """Starts (seconds since the epoch) and values (in the unit of `metric`) of roll-ups of `width` in `span`.

    Both have shape (n,), evenly spaced from the first roll-up to the last; NaN where there is nothing. Raises
    StoreUnavailable.
    """
    found = store.history(width, span, _COLUMNS[metric], [series.service]).get(series)
    if found is None:
        return np.zeros(0), np.zeros(0)
    first, last = found.starts[0], found.starts[-1]
    starts = np.arange(first, last + width / 2, width)
    values = np.full(starts.size, np.nan)
    values[np.round((found.starts - first) / width).astype(np.int64)] = _values(found, metric, width)
    return starts, values


def _values(found: SeriesHistory, metric: Metric, width: float) -> FloatArray:
    columns = [found.values[column] for column in _COLUMNS[metric]]
    match metric:
        case Metric.MEAN:
            total, failed, count, failures = columns
            return (total - failed) / np.where(count > failures, count - failures, np.nan)
        case Metric.ERROR_RATE:
            failures, count = columns
            return failures / np.where(count > 0, count, np.nan)
        case Metric.THROUGHPUT:
            return columns[0] / width
    return columns[0]
