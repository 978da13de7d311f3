"""Judging: what is said of every metric of every series that is there, also where nothing is wrong."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

from soakwatch.core.incident import Finding, Incident, State
from soakwatch.core.judgement import Band, Judgement
from soakwatch.core.series import Series
from soakwatch.core.verdict import Decision, Metric
from soakwatch.detector.bounded import bounded_mean, counted
from soakwatch.detector.conditions import Reason
from soakwatch.detector.error_baseline import ErrorBaseline
from soakwatch.detector.error_layer import change_of_failures
from soakwatch.detector.fast_findings import effect_of, in_unit
from soakwatch.detector.memory import Memory
from soakwatch.detector.metrics import METRICS
from soakwatch.detector.sample import FloatArray
from soakwatch.detector.timing import BLOCK

_SHOWN = (Metric.P50, Metric.P95, Metric.P99, Metric.THROUGHPUT)
"""The mean follows the median and the tail, and says no more to people than they do; it counts where it alone is
what regressed."""

_ENOUGH = BLOCK // 2
"""Steps of a block without which nothing is said of it."""

_UPPER = 0.975
"""A 95 % interval ends here (Student 1908)."""

_LEAST_SD = 1e-12

_LEARNING = "it is learnt what is normal"

Regressed = Mapping[tuple[Series, Metric], Finding]


def regressed_by(incidents: Iterable[Incident]) -> Regressed:
    """What is wrong by open incidents that are confirmed, and not accepted as the new level."""
    return {
        (finding.series, finding.metric): finding
        for one in incidents
        if one.state in {State.CONFIRMED, State.RECOVERING} and not one.is_accepted
        for finding in one.findings
        if finding.recovered is None
    }


def judge_block(memory: Memory, errors: ErrorBaseline, at: float, regressed: Regressed) -> Iterator[Judgement]:
    """What is said of the last block of steps, which ended at `at`, of each series that had requests in it."""
    if memory.rows:
        yield from _Block(memory, errors, _Newest.of(memory), at, regressed).judgements()


@dataclass(frozen=True)
class _Newest:
    """The newest block of r series.

    `normal` are the log levels that are normal, `level` is what was measured relative to them, `sd` and `half` how far
    that usually strays, with its `freedom`; shape (r, m). `requests` and `failures` (r, BLOCK) are those of its steps.
    """

    normal: FloatArray
    level: FloatArray
    half: FloatArray
    sd: FloatArray
    freedom: FloatArray
    known: npt.NDArray[np.bool_]
    requests: FloatArray
    failures: FloatArray

    @classmethod
    def of(cls, memory: Memory) -> "_Newest":
        rows, recent, baselines = memory.rows, memory.recent, memory.baselines
        ordered = np.sort(recent.residuals[:rows, :, -BLOCK:], axis=-1)
        level = np.where(counted(ordered) >= _ENOUGH, bounded_mean(ordered), np.nan)
        sd = baselines.sd(baselines.level_sd[:rows], BLOCK)
        freedom = np.maximum(baselines.level_freedom[:rows], 1.0)
        usable = memory.learnt() & memory.comparable()
        known = usable[:, None] & memory.settled()[:, : len(METRICS)] & np.isfinite(level) & np.isfinite(sd)
        return cls(
            memory.normal_now(),
            level,
            sd * stdtrit(freedom, _UPPER),
            sd,
            freedom,
            known,
            np.nan_to_num(recent.requests[:rows, -BLOCK:]),
            np.nan_to_num(recent.failures[:rows, -BLOCK:]),
        )


@dataclass(frozen=True)
class _Block:
    memory: Memory
    errors: ErrorBaseline
    newest: _Newest
    at: float
    regressed: Regressed

    def judgements(self) -> Iterator[Judgement]:
        for row in np.flatnonzero(self.newest.requests.sum(axis=-1) > 0).tolist():
            for metric in _SHOWN:
                if metric is not Metric.THROUGHPUT or self.memory.is_whole[row]:
                    yield self._of_times(row, METRICS.index(metric))
            if regression := self._regression(row, Metric.MEAN):
                yield regression
            yield self._of_failures(row)

    def _of_times(self, row: int, column: int) -> Judgement:
        metric, newest, place = METRICS[column], self.newest, (row, column)
        if not newest.known[place]:
            return self._regression(row, metric) or self._unknown(row, metric, _why(self.memory, row))
        normal, half, level = (float(values[place]) for values in (newest.normal, newest.half, newest.level))
        low, high = sorted((in_unit(metric, normal - half), in_unit(metric, normal + half)))
        if regression := self._regression(row, metric, Band(low, high)):
            return regression
        effect = effect_of(metric, level, half)
        better = effect.low > 0 if metric is Metric.THROUGHPUT else effect.high < 0
        is_large = abs(effect.value) >= self.memory.settings.min_effect
        return Judgement(
            self.at,
            self.memory.series[row],
            metric,
            Decision.IMPROVED if better and is_large else Decision.SAME,
            baseline=in_unit(metric, normal),
            current=in_unit(metric, normal + level),
            effect=effect,
            band=Band(low, high),
            p=2 * float(stdtr(newest.freedom[place], -abs(level) / max(float(newest.sd[place]), _LEAST_SD))),
        )

    def _of_failures(self, row: int) -> Judgement:
        metric = Metric.ERROR_RATE
        if self.errors.requests[row] <= 0 or not self.memory.watched_long()[row]:
            return self._regression(row, metric) or self._unknown(row, metric, _LEARNING)
        asked, failed = self.newest.requests[row], self.newest.failures[row]
        total, failures, usual = float(asked.sum()), float(failed.sum()), self.errors.of(row)
        band = Band(0.0, min(usual.many(total, 1.0) / total, 1.0))
        if regression := self._regression(row, metric, band):
            return regression
        effect = change_of_failures(usual, asked, failed)
        better = effect.high < 0 and -effect.value >= self.memory.settings.min_error_change
        return Judgement(
            self.at,
            self.memory.series[row],
            metric,
            Decision.IMPROVED if better else Decision.SAME,
            baseline=usual.share,
            current=failures / total,
            effect=effect,
            band=band,
            p=usual.tail(failures, total),
        )

    def _unknown(self, row: int, metric: Metric, reason: str) -> Judgement:
        return Judgement(self.at, self.memory.series[row], metric, Decision.UNKNOWN, reason=reason)

    def _regression(self, row: int, metric: Metric, band: Band | None = None) -> Judgement | None:
        finding = self.regressed.get((self.memory.series[row], metric))
        if finding is None:
            return None
        numbers = finding.baseline, finding.current, finding.effect
        return Judgement(self.at, finding.series, metric, Decision.REGRESSED, finding.severity, *numbers, band)


def _why(memory: Memory, row: int) -> str:
    if not memory.watched_long()[row]:
        return _LEARNING
    reason = Reason(int(memory.recent.reasons[row, -1]))
    if reason is not Reason.NONE:
        return reason.words
    if not memory.learnt()[row]:
        return Reason.FEW_REQUESTS.words
    return Reason.OTHER_LOAD.words if not memory.comparable()[row] else _LEARNING
