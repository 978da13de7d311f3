"""Memory: what the engine knows of all series."""

from collections.abc import Mapping
from math import floor

import numpy as np
import numpy.typing as npt

from soakwatch.core.detector_settings import DetectorSection
from soakwatch.core.series import Series
from soakwatch.core.span import Span
from soakwatch.core.verdict import Metric
from soakwatch.detector.baselines import Baselines
from soakwatch.detector.blocks import Blocks
from soakwatch.detector.conditions import Reason
from soakwatch.detector.growing import with_rows
from soakwatch.detector.held_level import Examined
from soakwatch.detector.load_classes import NO_USERS, LoadClasses
from soakwatch.detector.metrics import METRICS
from soakwatch.detector.observation import Observation
from soakwatch.detector.recent import Recent
from soakwatch.detector.sample import FloatArray, IntArray
from soakwatch.detector.season import Season
from soakwatch.detector.series_rows import SeriesRows
from soakwatch.detector.signal import Key
from soakwatch.detector.timing import BLOCK, Timing
from soakwatch.detector.unwritten import Unwritten
from soakwatch.detector.usual_moves import UsualMoves

STEPS = 180
"""Steps that are kept one by one."""

COMPARABLE = 6
"""Blocks at about this load without which nothing is comparable: an hour."""

ERRORS = len(METRICS)
"""The column of `since` that is about failures."""

_ALWAYS = -(2**62)

Mask = npt.NDArray[np.bool_]


class Memory:
    """What is known, and what follows from it; `intake`, `exclusions` and `refitting` change it.

    `since` (rows, metrics and one for failures) is the block with which the present level of each began. `version`
    grows with each change of blocks and baselines. `numbered_at` is the step in which the rows were numbered: what was
    written before it means other rows.
    """

    def __init__(self, settings: DetectorSection) -> None:
        self.settings = settings
        self.timing = Timing.of(settings)
        self.season = Season.of(settings)
        self.followed = SeriesRows()
        self.since: IntArray = np.full((0, ERRORS + 1), _ALWAYS, dtype=np.int64)
        self.classes = LoadClasses(settings.max_load_difference, {})
        self.recent = Recent(STEPS, self.timing.step)
        self.blocks = Blocks(self.timing.history // BLOCK)
        self.baselines = Baselines()
        self.usual: dict[int, UsualMoves] = {}
        self.examined: dict[tuple[Series, Metric], Examined] = {}
        self.unwritten = Unwritten()
        self.version = 0
        self.numbered_at = 0
        self._design: tuple[int | None, FloatArray] | None = None

    @property
    def series(self) -> tuple[Series, ...]:
        """What is in the rows, in their order."""
        return self.followed.series

    @property
    def rows(self) -> int:
        """How many series are known."""
        return self.followed.count

    @property
    def is_whole(self) -> Mask:
        """Which rows are whole services; shape (r,)."""
        return self.followed.is_whole

    @property
    def newest(self) -> int | None:
        """The newest step, counted from the epoch; None before the first."""
        return self.recent.newest

    @property
    def groups(self) -> int:
        """Blocks in a day: in each of them the baselines of some series are fitted anew."""
        return max(1, round(self.timing.day / (self.timing.step * BLOCK)))

    @property
    def wander(self) -> float:
        """Blocks after which a level that wanders is another one: a third of a day."""
        return max(self.groups / 3, 1.0)

    def row_of(self, series: Series) -> int | None:
        """Which row is `series`; None when it is not known."""
        return self.followed.row_of(series)

    def step_of(self, observation: Observation) -> int:
        """Which step `observation` is, counted from the epoch."""
        return round(observation.start / self.timing.step)

    def column_at(self, moment: float) -> int:
        """First column of the blocks that end after `moment`."""
        newest = self.blocks.newest if self.blocks.newest is not None else 0
        block = floor(moment / (self.timing.step * BLOCK))
        return min(max(self.blocks.count - 1 - (newest - block), 0), self.blocks.count)

    def block_design(self) -> FloatArray:
        """The season's regressors in the middle of each block; shape (b, TERMS)."""
        newest = self.blocks.newest
        if self._design is None or self._design[0] != newest:
            middles = (self.blocks.numbers().astype(np.float64) + 0.5) * (self.timing.step * BLOCK)
            self._design = newest, self.season.design(middles)
        return self._design[1]

    def block_residuals(self, rows: slice | IntArray, columns: slice) -> FloatArray:
        """What season and load leave of the levels of blocks; shape (k, m, b). Worked out anew: there are millions."""
        baselines, classes = self.baselines, np.maximum(self.blocks.classes[rows, columns], 0).astype(np.int64)
        normal: FloatArray = baselines.coefficients[rows] @ self.block_design()[columns].T
        normal += np.take_along_axis(baselines.offsets[rows], classes[:, None], axis=-1)
        return np.subtract(self.blocks.levels[rows, :, columns], normal, out=normal)

    def make_room(self) -> None:
        """Have arrays for all series."""
        self.since = with_rows(self.since, self.rows, _ALWAYS)
        for part in (self.recent, self.blocks, self.baselines):
            part.make_room(self.rows)

    def watched_long(self) -> Mask:
        """Whether each series was there for the first time so long ago that it can be judged; shape (r,)."""
        newest = self.newest
        if newest is None:
            # read again, before the last steps are
            newest = ((self.blocks.newest or 0) + 1) * BLOCK
        return np.asarray(newest - self.followed.first_step >= self.timing.learning)

    def learnt(self) -> Mask:
        """Whether there is enough to judge the times of each series by; shape (r,)."""
        return np.asarray(self.watched_long() & self.baselines.found[: self.rows].any(axis=1))

    def too_few(self) -> Mask:
        """Which series have requests, but too few of them to ever know how long they usually take; shape (r,)."""
        return np.asarray(self.watched_long() & ~self.learnt() & self._there_lately())

    def learning_until(self, row: int) -> float | None:
        """When `row` will have been watched for long enough (seconds since the epoch); None when it was."""
        if self.watched_long()[row]:
            return None
        return float(self.followed.first_step[row] + self.timing.learning) * self.timing.step

    def settled(self) -> Mask:
        """Whether there are enough blocks since the level of each metric, and of failures, began; shape (r, m + 1)."""
        newest = self.blocks.newest if self.blocks.newest is not None else 0
        return np.asarray(newest - self.since[: self.rows] >= COMPARABLE)

    def is_present(self) -> Mask:
        """Whether each series had requests in the newest step that count; shape (r,)."""
        return np.asarray(self.recent.reasons[: self.rows, -1] == int(Reason.NONE))

    def comparable(self) -> Mask:
        """Whether the load of the newest step is one at which there is a baseline; shape (r,)."""
        classes = self.recent.classes[: self.rows, -1]
        enough = self.baselines.members[np.arange(self.rows), np.maximum(classes, 0)] >= COMPARABLE
        return np.asarray(enough & (classes != NO_USERS))

    def watched_rows(self) -> int:
        """How many endpoints were there in the last day: whole services are not judged by themselves."""
        return int((self._there_lately() & ~self.is_whole).sum())

    def _there_lately(self) -> Mask:
        return np.asarray((self.blocks.requests[: self.rows, -self.groups :] > 0).any(axis=1))

    def normal_now(self) -> FloatArray:
        """Log levels that are normal at the newest step; shape (r, m)."""
        design = self.season.design(self.recent.starts[-1:] + self.timing.step / 2)[0]
        return self.baselines.expected(design, self.recent.classes[: self.rows, -1])

    def onsets_of(self, watched: Mapping[Key, Span]) -> dict[int, Span]:
        """The earliest onset in each row of which something is watched."""
        onsets: dict[int, Span] = {}
        for (series, _, _), onset in watched.items():
            row = self.row_of(series)
            if row is not None and (row not in onsets or onset < onsets[row]):
                onsets[row] = onset
        return onsets
