"""Error signals: what the counts of failures say of each series at one step."""

from collections.abc import Collection, Iterator, Mapping

import numpy as np
import numpy.typing as npt

from soakwatch.core.incident import Finding, Kind, Shape, Testimony
from soakwatch.core.span import Span
from soakwatch.core.verdict import Metric
from soakwatch.detector.conditions import Reason
from soakwatch.detector.error_baseline import ErrorBaseline, error_baseline, fails_less
from soakwatch.detector.error_bounds import ErrorBounds
from soakwatch.detector.error_layer import judge_errors
from soakwatch.detector.error_reading import ErrorReading
from soakwatch.detector.exclusions import FAILURES, begin_anew
from soakwatch.detector.memory import ERRORS, Memory
from soakwatch.detector.sample import FloatArray
from soakwatch.detector.signal import Key, Signal, Standing
from soakwatch.detector.timing import BLOCK

_COUNTING = (Reason.NONE, Reason.SATURATED, Reason.OTHER_LOAD)
"""A failure is one, however busy the load generator or its users are; not while a run warms up or is worked on."""


class ErrorSignals:
    """Judges failures by baselines that are learnt anew once a day."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._known: tuple[int, int, int] | None = None
        self._looked: int | None = None
        self._baseline: ErrorBaseline | None = None

    def judge(self, at: float, watched: Mapping[Key, Span]) -> Iterator[Signal]:
        """Signals of the newest step, which ended at `at`, and of all `watched` keys about failures."""
        memory = self._memory
        ours = {key for key in watched if key[2] is Kind.ERRORS}
        open_rows = [row for key in ours if (row := memory.row_of(key[0])) is not None]
        self._begin_anew(open_rows)
        usual = self.usual()
        # whole services have the bursts of all of their endpoints, which speak for themselves
        counts = memory.watched_long() & ~memory.is_whole & np.isin(memory.recent.reasons[: memory.rows, -1], _COUNTING)
        counts &= (usual.requests > 0) & memory.settled()[:, ERRORS]
        readings = self._readings(counts, usual, open_rows) if counts.any() else {}
        for row, reading in readings.items():
            key = memory.series[row], Metric.ERROR_RATE, Kind.ERRORS
            if reading.alarm or key in ours:
                ours.discard(key)
                standing = Standing.ALARM if reading.alarm else Standing.ELEVATED
                yield Signal(at, *key, standing, _finding(reading, key, at), immediate=True)
        for key in sorted(ours):
            known = memory.row_of(key[0])
            if known is not None:
                standing = Standing.NORMAL if counts[known] else Standing.UNKNOWN
                yield Signal(at, *key, standing, reason=_why(memory, known))

    def _readings(
        self, counts: npt.NDArray[np.bool_], usual: ErrorBaseline, open_rows: list[int]
    ) -> dict[int, ErrorReading]:
        recent, rows = self._memory.recent, self._memory.rows
        usable = np.isin(recent.reasons[:rows], _COUNTING) & counts[:, None]
        told = self._told_of()
        # what belongs to an incident that is over is no evidence of another one
        told[open_rows] = False
        usable &= ~told
        bounds = ErrorBounds.of(self._memory.settings, self._memory.timing, self._memory.watched_rows())
        return judge_errors(
            np.where(usable, recent.requests[:rows], np.nan),
            np.where(usable, recent.failures[:rows], np.nan),
            usual,
            bounds,
        )

    def _told_of(self) -> npt.NDArray[np.bool_]:
        """Which of the last steps belong to incidents about failures, as far as their blocks are complete; (r, n)."""
        memory = self._memory
        if memory.blocks.newest is None:
            return np.zeros((memory.rows, memory.recent.steps), dtype=bool)
        step = np.round(memory.recent.starts / memory.timing.step).astype(np.int64)
        column = memory.blocks.count - 1 - (memory.blocks.newest - step // BLOCK)
        known = (column >= 0) & (column < memory.blocks.count)
        return np.asarray(memory.blocks.failing[: memory.rows, np.where(known, column, 0)] & known)

    def _begin_anew(self, open_rows: Collection[int]) -> None:
        """Where failures have been fewer for a day, that is what is usual from then on."""
        memory = self._memory
        if memory.blocks.newest == self._looked:
            return
        self._looked = memory.blocks.newest
        day = memory.groups
        fewer = fails_less(*self._counted(), day, memory.settings.min_error_change)
        for row in np.flatnonzero(fewer & ~memory.is_whole).tolist():
            if row not in open_rows:
                begin_anew(memory, row, FAILURES, int(memory.blocks.numbers()[-day]))

    def usual(self) -> ErrorBaseline:
        """The baseline of the last completed block."""
        memory = self._memory
        state = memory.version, memory.rows, memory.blocks.newest or 0
        if self._baseline is None or self._known != state:
            self._known, self._baseline = state, self._learn()
        return self._baseline

    def _learn(self) -> ErrorBaseline:
        return error_baseline(*self._counted())

    def _counted(self) -> tuple[FloatArray, FloatArray]:
        """Requests and failures of the blocks that say what is usual, NaN elsewhere; shape (r, b) each."""
        blocks, rows = self._memory.blocks, self._memory.rows
        inside = blocks.tells_failures(slice(rows))
        inside &= blocks.numbers() >= self._memory.since[:rows, ERRORS, None]
        requests, failures = (
            np.where(inside, numbers[:rows].astype(np.float64), np.nan)
            for numbers in (blocks.requests, blocks.failures)
        )
        return requests, failures


def _finding(reading: ErrorReading, key: Key, at: float) -> Finding:
    return Finding(
        key[0],
        Metric.ERROR_RATE,
        reading.severity,
        Shape.STEP,
        reading.onset(at),
        reading.baseline,
        reading.current,
        reading.effect,
        evidence=(Testimony(at, "failures", reading.says),),
    )


def _why(memory: Memory, row: int) -> str:
    return Reason(int(memory.recent.reasons[row, -1])).words
