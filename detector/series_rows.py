"""Series rows: which series are followed, and in which row of the engine's arrays each of them is."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from soakwatch.core.roll_up import is_whole_service
from soakwatch.core.series import Series
from soakwatch.detector.sample import IntArray

MOST_ROWS = 10_000
"""Series that are followed; more than that are somebody's mistake, and would fill the memory."""

_NO_ROWS: IntArray = np.zeros(0, dtype=np.int64)


class SeriesRows:
    """The followed series, r of them, in the order in which they came.

    `first_step` (r,) is the step (counted from the epoch) in which each came, `is_whole` (r,) marks whole services.
    `refused` are those of the last step for which there was no room.
    """

    def __init__(self) -> None:
        """Nothing is followed."""
        self.series: tuple[Series, ...] = ()
        self.first_step = _NO_ROWS
        self.is_whole: npt.NDArray[np.bool_] = np.zeros(0, dtype=bool)
        self._row: dict[Series, int] = {}
        self.refused: tuple[Series, ...] = ()
        self._asked: tuple[Series, ...] = ()
        self._found = _NO_ROWS, _NO_ROWS

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.series)

    def row_of(self, series: Series) -> int | None:
        """Which row is `series`; None when it is not followed."""
        return self._row.get(series)

    def find(self, series: tuple[Series, ...]) -> tuple[IntArray, IntArray]:
        """The rows of `series`; and the places of those which have one."""
        if series != self._asked:
            places = [place for place, one in enumerate(series) if one in self._row]
            rows = [self._row[series[place]] for place in places]
            self.refused = tuple(one for one in series if one not in self._row)
            self._asked, self._found = series, (np.array(rows, dtype=np.int64), np.array(places, dtype=np.int64))
        return self._found

    def add_new(self, series: tuple[Series, ...], step: int) -> int:
        """Follow those of `series` that came with `step`, as long as there is room; how many these are."""
        if series == self._asked:
            return 0
        new = [one for one in series if one not in self._row][: MOST_ROWS - self.count]
        if new:
            self.replace((*self.series, *new), np.append(self.first_step, np.full(len(new), step)))
        return len(new)

    def keep_only(self, rows: IntArray) -> None:
        """Forget all rows but `rows`, which are numbered anew in their order."""
        self.replace([self.series[row] for row in rows.tolist()], self.first_step[rows])

    def replace(self, series: Sequence[Series], first_step: IntArray) -> None:
        """Follow `series` instead, which came in the steps `first_step`."""
        self.series = tuple(series)
        self.first_step = first_step.astype(np.int64)
        self.is_whole = np.array([is_whole_service(one) for one in series], dtype=bool)
        self._row = {one: row for row, one in enumerate(series)}
        self.refused, self._asked, self._found = (), (), (_NO_ROWS, _NO_ROWS)
