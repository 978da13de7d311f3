"""Recent steps: the last hours of all series, step by step."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from soakwatch.detector.conditions import Reason
from soakwatch.detector.growing import GrowingRows, shift_left
from soakwatch.detector.metrics import METRICS
from soakwatch.detector.sample import FloatArray


class Recent(GrowingRows):
    """The last n steps of up to r series, the newest in the last column.

    `values` and `residuals` have shape (r, m, n): log levels as `metrics.badness` gives them, and what the baseline
    leaves of them; NaN where a series was absent, or its step counts for nothing. `requests`, `failures` (r, n) are NaN
    where a series was absent; `reasons` (r, n) say why a step is left out, `classes` (r, n) are those of its load.
    `starts` (n,) are the steps' beginnings, `seen` (n,) whether they were taken in.
    """

    blanks: ClassVar[Mapping[str, float]] = {
        "values": np.nan,
        "residuals": np.nan,
        "requests": np.nan,
        "failures": np.nan,
        "reasons": int(Reason.NO_DATA),
        "classes": 0,
    }

    def __init__(self, steps: int, width: float) -> None:
        self.width = width
        self.newest: int | None = None
        self.values: npt.NDArray[np.float64] = np.full((0, len(METRICS), steps), np.nan)
        self.residuals: npt.NDArray[np.float64] = np.full((0, len(METRICS), steps), np.nan)
        self.requests: npt.NDArray[np.float64] = np.full((0, steps), np.nan)
        self.failures: npt.NDArray[np.float64] = np.full((0, steps), np.nan)
        self.reasons: npt.NDArray[np.uint8] = np.full((0, steps), int(Reason.NO_DATA), dtype=np.uint8)
        self.classes: npt.NDArray[np.int16] = np.zeros((0, steps), dtype=np.int16)
        self.seen = np.zeros(steps, dtype=bool)

    @property
    def steps(self) -> int:
        """How many are kept."""
        return self.seen.size

    @property
    def starts(self) -> FloatArray:
        """When the steps began, in seconds since the epoch; shape (n,)."""
        newest = self.newest if self.newest is not None else 0
        starts: FloatArray = (newest - np.arange(self.steps - 1, -1, -1, dtype=np.float64)) * self.width
        return starts

    def move_to(self, step: int) -> None:
        """Make `step` the newest one; the steps between the last and it were seen by nobody."""
        ahead = step - self.newest if self.newest is not None else self.steps
        self.newest = step
        for name, blank in self.blanks.items():
            shift_left(getattr(self, name), ahead, blank)
        shift_left(self.seen, ahead, blank=0)

    def column_of(self, step: int) -> int | None:
        """Where `step` is; None when it is not kept, or not yet."""
        if self.newest is None or not 0 <= self.newest - step < self.steps:
            return None
        return self.steps - 1 - (self.newest - step)
