"""Blocks: what is remembered of all series for weeks, ten steps at a time."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from soakwatch.detector.bounded import bounded_mean
from soakwatch.detector.conditions import Reason
from soakwatch.detector.growing import GrowingRows, shift_left
from soakwatch.detector.metrics import METRICS
from soakwatch.detector.recent import Recent
from soakwatch.detector.sample import FloatArray
from soakwatch.detector.timing import BLOCK

_FEWEST_STEPS = BLOCK // 2
"""A block of which less can be used is none."""

_TELLING_FAILURES = (Reason.NONE, Reason.NO_DATA, Reason.SATURATED, Reason.OTHER_LOAD, Reason.INCIDENT)


class Blocks(GrowingRows):
    """The last b blocks of up to r series, the newest in the last column.

    `levels` (r, m, b) are bounded means of log levels, NaN where nothing could be used. `requests` and `failures`
    (r, b) are sums over all steps, `reasons` (r, b) say why a block is not in the baseline, `classes` (r, b) are those
    of its load. `failing` (r, b) marks those which an incident of failures keeps out of what usually fails.
    """

    blanks: ClassVar[Mapping[str, float]] = {
        "levels": np.nan,
        "requests": 0.0,
        "failures": 0.0,
        "reasons": int(Reason.NO_DATA),
        "classes": 0,
        "failing": 0,
    }

    def __init__(self, blocks: int) -> None:
        self.newest: int | None = None
        self.levels: npt.NDArray[np.float32] = np.full((0, len(METRICS), blocks), np.nan, dtype=np.float32)
        self.requests: npt.NDArray[np.float32] = np.zeros((0, blocks), dtype=np.float32)
        self.failures: npt.NDArray[np.float32] = np.zeros((0, blocks), dtype=np.float32)
        self.reasons: npt.NDArray[np.uint8] = np.full((0, blocks), int(Reason.NO_DATA), dtype=np.uint8)
        self.classes: npt.NDArray[np.int16] = np.zeros((0, blocks), dtype=np.int16)
        self.failing: npt.NDArray[np.bool_] = np.zeros((0, blocks), dtype=bool)

    @property
    def count(self) -> int:
        """How many are kept."""
        return int(self.levels.shape[-1])

    def numbers(self) -> npt.NDArray[np.int64]:
        """Which block is in which column, counted from the epoch; shape (b,)."""
        newest = self.newest if self.newest is not None else 0
        return newest - np.arange(self.count - 1, -1, -1)

    def column_of(self, block: int) -> int | None:
        """Where `block` is; None when it is not kept, or not yet."""
        if self.newest is None or not 0 <= self.newest - block < self.count:
            return None
        return self.count - 1 - (self.newest - block)

    def is_few(self, rows: slice, columns: slice) -> npt.NDArray[np.bool_]:
        """Which blocks have requests, in too few of their steps to tell how long they take."""
        return np.asarray((self.reasons[rows, columns] == int(Reason.NO_DATA)) & (self.requests[rows, columns] > 0))

    def is_good(self, rows: slice, columns: slice) -> npt.NDArray[np.bool_]:
        """Which blocks have requests, also few, and nothing is wrong with them."""
        return np.asarray(self.is_few(rows, columns) | (self.reasons[rows, columns] == int(Reason.NONE)))

    def tells_failures(self, rows: slice) -> npt.NDArray[np.bool_]:
        """Which blocks say what usually fails: a failure is one at any load, and also while times are worse."""
        counts = np.isin(self.reasons[rows], _TELLING_FAILURES) & (self.requests[rows] > 0)
        return np.asarray(counts & ~self.failing[rows])

    def move_to(self, block: int) -> None:
        """Make `block` the newest one, empty."""
        ahead = block - self.newest if self.newest is not None else self.count
        self.newest = block
        for name, blank in self.blanks.items():
            shift_left(getattr(self, name), ahead, blank)

    def fill(self, column: int, recent: Recent, steps: slice) -> None:
        """Summarise the columns `steps` of `recent`, which are one block, into `column`."""
        rows = recent.values.shape[0]
        used, classes = _used(recent, steps)
        values = np.where(used[:, None, :], recent.values[..., steps], np.nan)
        enough = used.sum(axis=-1) >= _FEWEST_STEPS
        level: FloatArray = bounded_mean(np.sort(values, axis=-1))
        self.levels[:rows, :, column] = np.where(enough[:, None], level, np.nan)
        self.requests[:rows, column] = np.nansum(recent.requests[:, steps], axis=-1)
        self.failures[:rows, column] = np.nansum(recent.failures[:, steps], axis=-1)
        self.reasons[:rows, column] = np.where(enough, int(Reason.NONE), _why(recent, steps))
        self.classes[:rows, column] = classes


def _used(recent: Recent, steps: slice) -> tuple[npt.NDArray[np.bool_], FloatArray]:
    """Which steps are alike and of use; and their class of load, that of the last of them."""
    of_use = recent.reasons[:, steps] == int(Reason.NONE)
    width = of_use.shape[1]
    last = width - 1 - np.argmax(of_use[:, ::-1], axis=1)
    classes = recent.classes[:, steps][np.arange(of_use.shape[0]), last]
    return of_use & (recent.classes[:, steps] == classes[:, None]), classes


def _why(recent: Recent, steps: slice) -> FloatArray:
    """The gravest reason of a block's steps; that load was changing where there is none."""
    gravest = recent.reasons[:, steps].max(axis=1, initial=0)
    return np.where(gravest == int(Reason.NONE), int(Reason.OTHER_LOAD), gravest)
