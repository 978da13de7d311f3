"""History: numbers of roll-ups as arrays, for those who look at weeks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from soakwatch.core.series import Series
from soakwatch.store.contract import Column

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SeriesHistory:
    """One series, n roll-ups in order of time.

    `starts` has shape (n,), seconds since the epoch; so has each of `values`, NaN where a roll-up has no such number
    (no request had a time, or none succeeded).
    """

    starts: FloatArray
    values: Mapping[Column, FloatArray]


def histories_of(rows: Iterable[tuple[Any, ...]], columns: Sequence[Column]) -> dict[Series, SeriesHistory]:
    """From rows of series (5 values), start and `columns`, by series, then start."""
    histories = {}
    for names, group in groupby(rows, key=lambda row: row[:5]):
        table = np.array([row[5:] for row in group], dtype=np.float64)  # None becomes NaN
        values = {column: table[:, place] for place, column in enumerate(columns, 1)}
        histories[Series(*names)] = SeriesHistory(table[:, 0], values)
    return histories
