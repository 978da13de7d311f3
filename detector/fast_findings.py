"""Fast findings: what the fast layer reads, as findings with onset, effect and a sentence that says why."""

from dataclasses import dataclass
from math import exp, expm1

import numpy as np
from scipy.special import ndtr

from soakwatch.core.incident import Finding, Shape, Testimony
from soakwatch.core.numbers import format_duration, format_p
from soakwatch.core.span import Span
from soakwatch.core.verdict import Effect, Metric, Severity
from soakwatch.detector.block_spread import REFERENCE
from soakwatch.detector.bounded import bounded_mean
from soakwatch.detector.fast_layer import FastBounds, FastReading, Yardsticks
from soakwatch.detector.memory import Memory
from soakwatch.detector.metrics import METRICS
from soakwatch.detector.onset import onset_columns
from soakwatch.detector.references import References
from soakwatch.detector.sample import FloatArray
from soakwatch.detector.timing import BLOCK

_SETTLED = 3600.0
"""Seconds after which an onset is not looked for again: by then all that can tell it is known."""

_MOST = 50.0
"""Largest logarithm of a ratio that is shown."""


@dataclass(frozen=True, slots=True)
class FastFindings:
    """Findings at one step, that ended at `at`, from what was read of it; `normal` (r, m) are the log levels."""

    memory: Memory
    references: References
    reading: FastReading
    sticks: Yardsticks
    bounds: FastBounds
    normal: FloatArray
    at: float

    def finding(self, row: int, column: int, known: Span | None) -> Finding:
        """What is wrong with the metric `column` of the series `row`; `known` is the onset of its open incident."""
        onset = self._onset(row, column, known)
        before = self._before(row, column, onset if known is None else known)
        change, effect = self._effect(row, column, onset, before)
        metric = METRICS[column]
        return Finding(
            self.memory.series[row],
            metric,
            Severity.CRITICAL if abs(effect.value) >= self.memory.settings.critical_effect else Severity.WARNING,
            Shape.STEP,
            onset,
            in_unit(metric, self.normal[row, column] + before),
            in_unit(metric, self.normal[row, column] + before + change),
            effect,
            evidence=(self._testimony(row, column),),
        )

    def _onset(self, row: int, column: int, known: Span | None) -> Span:
        step = self.memory.timing.step
        if known is not None and self.at - known.end > _SETTLED * step / 60:
            return known
        steps = self.bounds.windows[int(self.reading.best[row, column])].steps
        first, last = onset_columns(self.memory.recent.residuals[row], column, steps)
        starts = self.memory.recent.starts
        return Span(float(starts[first]) - step, float(starts[last]) + step)

    def _before(self, row: int, column: int, onset: Span) -> float:
        """Level before it began, relative to the baseline."""
        level = float(self.references.before(row, onset.start)[column])
        return 0.0 if np.isnan(level) else level

    def _effect(self, row: int, column: int, onset: Span, before: float) -> tuple[float, Effect]:
        """Change of the log level since `onset`, and the effect that it is."""
        since = round((self.at - onset.end) / self.memory.timing.step)
        steps = int(np.clip(since, self.bounds.short, self.bounds.windows[-1].steps))
        level = float(bounded_mean(np.sort(self.memory.recent.residuals[row, column, -steps:])))
        if np.isnan(level):
            level = float(np.nanmax(self.reading.level[row, column]))
        half = self.references.half_width(row, column, steps, onset.start)
        change = level - before
        return change, effect_of(METRICS[column], change, half)

    def _testimony(self, row: int, column: int) -> Testimony:
        best = int(self.reading.best[row, column])
        step = self.memory.timing.step
        last = format_duration(self.bounds.windows[best].steps * step)
        change, z = float(self.reading.change[row, column, best]), float(self.reading.z[row, column, best])
        alone = bool(np.isnan(self.sticks.reference[row, column, best]))
        sd = float((self.sticks.level_sd if alone else self.sticks.move_sd)[row, column, best])
        than = "the baseline" if alone else f"the {format_duration(REFERENCE * BLOCK * step)} before"
        says = (
            f"the last {last} are {_percent(METRICS[column], change)} than {than}; usually they differ by "
            f"{expm1(min(sd, _MOST)):.1%} ({z:.1f} standard deviations, p {_p(z)}); "
            f"they are {abs(float(self.reading.from_baseline[row, column, best])):.1f} from the baseline"
        )
        return Testimony(self.at, f"fast, {last}", says.replace("%", " %"))


def effect_of(metric: Metric, change: float, half: float) -> Effect:
    """The effect of a log level that is worse by `change` give or take `half`; of throughput that is less of it."""
    low, value, high = (expm1(float(np.clip(x, -_MOST, _MOST))) for x in (change - half, change, change + half))
    if metric is not Metric.THROUGHPUT:
        return Effect(value, low, high)
    low, value, high = (expm1(float(np.clip(-x, -_MOST, _MOST))) for x in (change + half, change, change - half))
    return Effect(value, low, high)


def in_unit(metric: Metric, badness: float) -> float:
    """A log level, signed so that more is worse, in the unit of `metric`."""
    return exp(float(np.clip(-badness if metric is Metric.THROUGHPUT else badness, -_MOST, _MOST)))


def _percent(metric: Metric, change: float) -> str:
    if metric is Metric.THROUGHPUT:
        return f"{-expm1(-change):.0%} slower in requests"
    return f"{expm1(min(change, _MOST)):.0%} slower"


def _p(z: float) -> str:
    return format_p(float(ndtr(-z)))
