"""History from InfluxDB: the columns of each series put together."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from soakwatch.core.series import Series
from soakwatch.store.contract import Column
from soakwatch.store.history import FloatArray, SeriesHistory

ALWAYS_THERE = (Column.COUNT, Column.FAILURES, Column.SUM, Column.FAIL_SUM, Column.BYTES)
"""Columns that every roll-up has; the others are left out where there is no such number."""


def whole_series(parts: Iterable[tuple[tuple[str, ...], FloatArray]]) -> dict[Series, FloatArray]:
    """One column of each series: times and values, of shape (2, n), in order of time."""
    found: defaultdict[tuple[str, ...], list[FloatArray]] = defaultdict(list)
    for tags, array in parts:
        found[tags].append(array)
    return {Series(*tags): _in_order(np.concatenate(pieces, axis=1)) for tags, pieces in found.items()}


def histories(
    columns: Sequence[Column], arrays: Mapping[Column, Mapping[Series, FloatArray]], every: Column
) -> dict[Series, SeriesHistory]:
    """Put `columns` of each series together, by series; the roll-ups are those that have the column `every`."""
    return {
        series: SeriesHistory(starts, {column: _aligned(arrays[column].get(series), starts) for column in columns})
        for series, (starts, _) in sorted(arrays[every].items())
    }


def _in_order(array: FloatArray) -> FloatArray:
    times = array[0]
    if not np.all(times[1:] > times[:-1]):
        array = array[:, np.argsort(times, kind="stable")]
    return array


def _aligned(array: FloatArray | None, starts: FloatArray) -> FloatArray:
    values: FloatArray = np.full(len(starts), np.nan)
    if array is None:
        return values
    times: FloatArray = array[0]
    found: FloatArray = array[1]
    if len(times) == len(starts) and bool(np.array_equal(times, starts)):
        return found
    known = np.isin(times, starts)
    values[np.searchsorted(starts, times[known])] = found[known]
    return values
