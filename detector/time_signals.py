"""Time signals: what the fast layer says of response times and throughput at one step."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from soakwatch.core.incident import Kind
from soakwatch.core.series import Series
from soakwatch.core.span import Span
from soakwatch.core.verdict import Metric
from soakwatch.detector.conditions import Reason
from soakwatch.detector.fast_findings import FastFindings
from soakwatch.detector.fast_layer import FastBounds, FastReading, read
from soakwatch.detector.load_classes import UNKNOWN_LOAD
from soakwatch.detector.memory import ERRORS, Memory
from soakwatch.detector.metrics import METRICS, RATE, TIMES
from soakwatch.detector.references import References
from soakwatch.detector.signal import Key, Signal, Standing

Mask = npt.NDArray[np.bool_]

_UNCHANGED = 2.0
"""Standard deviations up to which the response times of a service count as unchanged."""

_KINDS = (Kind.LATENCY, Kind.THROUGHPUT)

_ANY_TIME = (Metric.P95, Kind.LATENCY)
"""Of a series that has no signals of its own: what stands for its response times."""


def judge_times(memory: Memory, references: References, at: float, watched: Mapping[Key, Span]) -> Iterator[Signal]:
    """Signals of the newest step, which ended at `at`, and of all `watched` keys about times and throughput."""
    ours = {key: onset for key, onset in watched.items() if key[2] in _KINDS}
    judged = memory.learnt() & memory.is_present() & memory.comparable()
    yield from _unknown(memory, judged, at, ours)
    if not judged.any():
        return
    onsets = memory.onsets_of(ours)
    bounds = FastBounds.of(memory.settings, memory.timing, memory.watched_rows())
    sticks = references.sticks(bounds, onsets)
    normal = memory.normal_now()
    with np.errstate(over="ignore"):
        reading = read(memory.recent.residuals[: memory.rows], np.exp(normal), memory.is_whole, sticks, bounds)
    findings = FastFindings(memory, references, reading, sticks, bounds, normal, at)
    yield from _Step(memory, reading, findings, judged, ours, at).signals()


@dataclass(frozen=True)
class _Step:
    memory: Memory
    reading: FastReading
    findings: FastFindings
    judged: Mask
    watched: Mapping[Key, Span]
    at: float

    def signals(self) -> Iterator[Signal]:
        alarms = self.reading.alarm & self.judged[:, None] & self.memory.settled()[:, :ERRORS]
        alarms[:, RATE] &= self._is_throughput_alone()
        # what is wrong with a whole service is told by its endpoints; its own row has the bumps of all of them
        alarms[self.memory.is_whole, TIMES] = False
        rows, columns = np.nonzero(alarms)
        raised = set()
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            key = self._key(row, column)
            raised.add(key)
            yield self._signal(row, column, key, Standing.ALARM)
        for key in self.watched:
            known = self.memory.row_of(key[0])
            if key not in raised and known is not None and self.judged[known]:
                yield self._watched(known, METRICS.index(key[1]), key)

    def _key(self, row: int, column: int) -> Key:
        return self.memory.series[row], METRICS[column], Kind.THROUGHPUT if column == RATE else Kind.LATENCY

    def _watched(self, row: int, column: int, key: Key) -> Signal:
        if self.reading.elevated[row, column] and self.memory.settled()[row, column]:
            return self._signal(row, column, key, Standing.ELEVATED)
        return Signal(self.at, *key, Standing.NORMAL)

    def _signal(self, row: int, column: int, key: Key, standing: Standing) -> Signal:
        return Signal(self.at, *key, standing, self.findings.finding(row, column, self.watched.get(key)))

    def _is_throughput_alone(self) -> Mask:
        """Whether the users are known and no response time of the service is longer: else that is the reason."""
        longer = self._slowed_services
        memory = self.memory
        known = memory.recent.classes[: memory.rows, -1] != UNKNOWN_LOAD
        alone = [series_service(series) not in longer for series in memory.series]
        return np.asarray(known & np.array(alone, dtype=bool))

    @cached_property
    def _slowed_services(self) -> set[tuple[str, str, str]]:
        with np.errstate(invalid="ignore"):
            z = self.reading.z[:, TIMES]
            longer = (z > _UNCHANGED).any(axis=-1) & (self.reading.change[:, TIMES] > 0).any(axis=-1)
        slow = (longer.any(axis=-1) & self.memory.is_whole) | self.reading.elevated[:, TIMES].any(axis=-1)
        return {series_service(self.memory.series[row]) for row in np.flatnonzero(slow).tolist()}


def series_service(series: Series) -> tuple[str, str, str]:
    """Environment, test and service."""
    return series.environment, series.test, series.service


def _unknown(memory: Memory, judged: Mask, at: float, watched: Mapping[Key, Span]) -> Iterator[Signal]:
    """What cannot be told: of open incidents, of what is at a load like none before, too rare, or one too many."""
    other = memory.learnt() & memory.is_present() & ~memory.comparable() & ~memory.is_whole
    few = memory.too_few() & ~memory.is_whole
    asked = {key for key in watched if (row := memory.row_of(key[0])) is not None and not judged[row]}
    for row in np.flatnonzero(other | few).tolist():
        asked.add((memory.series[row], *_ANY_TIME))
    for key in sorted(asked):
        row = memory.row_of(key[0])
        if row is not None:
            yield Signal(at, *key, Standing.UNKNOWN, reason=_why(memory, row, is_few=bool(few[row])).words)
    for series in memory.followed.refused:
        yield Signal(at, series, *_ANY_TIME, Standing.UNKNOWN, reason=Reason.TOO_MANY_SERIES.words)


def _why(memory: Memory, row: int, *, is_few: bool) -> Reason:
    reason = Reason(int(memory.recent.reasons[row, -1]))
    if reason not in {Reason.NONE, Reason.NO_DATA}:
        return reason
    if is_few:
        return Reason.FEW_REQUESTS
    return Reason.OTHER_LOAD if reason is Reason.NONE else reason
