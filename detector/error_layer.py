"""Error layer: failures that go on, told from bursts, by counts."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from soakwatch.core.verdict import Effect, Severity
from soakwatch.detector.error_baseline import UNUSUAL, ErrorBaseline, UsualFailures
from soakwatch.detector.error_bounds import ErrorBounds
from soakwatch.detector.error_onset import onset_steps
from soakwatch.detector.error_persistence import WIDTHS, fewest, persistent_width
from soakwatch.detector.error_reading import BadSteps, ErrorReading
from soakwatch.detector.proportions import newcombe, wilson
from soakwatch.detector.sample import FloatArray

_DESIGN = 4.0
"""What must be seen in time, in smallest changes: .1 % -> 2 % for the default of half a percent."""

_MOSTLY = 0.5
"""An outage: more than this share fails for certain, in each of the last few steps."""

_STILL = 0.5
"""Part of the smallest change from which an incident that is open goes on."""

_CLEARLY = 1e-3
"""Chance of as many failures below which an open incident goes on."""

_CERTAIN = 1e9
"""Shape of a share that is known."""


@dataclass(frozen=True, slots=True)
class Bar:
    """What makes a step bad where steps have `typical` requests: `many` failures, and more than the share `least`.

    One has with probability `chance` as many by accident; `first` are the fewest steps that are looked at together.
    """

    typical: float
    many: int
    least: float
    chance: float
    first: int

    def is_bad(self, asked: FloatArray, failed: FloatArray) -> npt.NDArray[np.bool_]:
        """Which steps are; a step with more requests than others may have more failures."""
        most = np.floor(self.many * np.maximum(asked / self.typical, 1.0))
        return np.asarray((failed >= most) & (failed > self.least * asked))


def bar_of(typical: float, usual: UsualFailures, bounds: ErrorBounds) -> Bar:
    """That of a series."""
    least = usual.share + _STILL * bounds.smallest
    many = usual.many(typical, least * typical)
    return Bar(typical, many, least, usual.tail(many, typical), _width_for(typical, many, usual, bounds))


def judge_errors(
    requests: FloatArray, failures: FloatArray, baseline: ErrorBaseline, bounds: ErrorBounds
) -> dict[int, ErrorReading]:
    """What is wrong with the failures of the last n steps, by row of the (s, n) arrays; nothing where nothing is.

    Steps that do not count are NaN or have no requests. Only rows whose share of failures is raised at all are looked
    at closely, so that a tick over thousands of healthy series costs next to nothing.
    """
    asked = np.maximum(np.nan_to_num(requests), 0.0)
    failed = np.where(asked > 0, np.clip(np.nan_to_num(failures), 0.0, asked), 0.0)
    readings = {}
    for row in np.flatnonzero(_raised(asked, failed, baseline, bounds)).tolist():
        reading = _judge(asked[row], failed[row], baseline.of(row), bounds)
        if reading:
            readings[row] = reading
    return readings


def _raised(
    asked: FloatArray, failed: FloatArray, baseline: ErrorBaseline, bounds: ErrorBounds
) -> npt.NDArray[np.bool_]:
    raised = np.zeros(asked.shape[0], dtype=bool)
    for width in WIDTHS:
        excess = failed[:, -width:] - (baseline.share + _STILL * bounds.smallest)[:, None] * asked[:, -width:]
        raised |= excess.sum(axis=1) > 0
    return raised & (baseline.requests > 0)


def _judge(asked: FloatArray, failed: FloatArray, usual: UsualFailures, bounds: ErrorBounds) -> ErrorReading | None:
    bar = bar_of(float(asked[asked > 0].mean()), usual, bounds)
    first, bad = bar.first, bar.is_bad(asked, failed)
    excess = _excess_chance(asked[-first:], failed[-first:], usual, bounds)
    alarm = persistent_width(bad, failed, bar.chance, first, bounds.allowed) if excess <= UNUSUAL else 0
    out = _is_outage(asked[-bounds.outage :], failed[-bounds.outage :], usual, bounds)
    if not (alarm or out or excess <= _CLEARLY):
        return None
    width = alarm or (bounds.outage if out else first)
    steps = BadSteps(int(bad[-width:].sum()), width, bar.many, bar.chance, bounds.step)
    reading = _reading(asked, failed, usual, bounds, steps)
    is_enough = reading.effect.value >= bounds.smallest and reading.effect.low > 0
    return replace(reading, alarm=(alarm > 0 or out) and is_enough)


def _reading(
    asked: FloatArray, failed: FloatArray, usual: UsualFailures, bounds: ErrorBounds, steps: BadSteps
) -> ErrorReading:
    """Since when more fails, and how much more."""
    least = max(usual.share + bounds.smallest, 2 * usual.share)
    earliest, latest = onset_steps(asked, failed, usual.share, least)
    began = max(1, int(latest))  # whole steps that are surely after the onset
    effect = change_of_failures(usual, asked[-began:], failed[-began:])
    return ErrorReading(
        alarm=False,
        severity=Severity.CRITICAL if effect.value >= bounds.critical else Severity.WARNING,
        baseline=usual.share,
        current=float(failed[-began:].sum() / max(asked[-began:].sum(), 1.0)),
        effect=effect,
        earliest=earliest,
        latest=latest,
        steps=steps,
    )


def _width_for(typical: float, many: int, usual: UsualFailures, bounds: ErrorBounds) -> int:
    """The fewest steps in which a change that must be seen in time makes enough bad ones."""
    changed = replace(usual, share=usual.share + _DESIGN * bounds.smallest, shape=_CERTAIN)
    expected = changed.tail(many, typical)
    return next((width for width in WIDTHS if width * expected >= fewest(width)), WIDTHS[-1])


def _is_outage(asked: FloatArray, failed: FloatArray, usual: UsualFailures, bounds: ErrorBounds) -> bool:
    """Whether most requests fail, in each of the steps: no burst is as bad, and nobody should wait for certainty."""
    if asked.size < bounds.outage or not asked.all() or np.any(failed < _MOSTLY * asked):
        return False
    total = float(asked.sum())
    low, _ = wilson(float(failed.sum()) / total, total)
    return low > max(_MOSTLY, usual.share) and usual.tail(float(failed.sum()), total) <= bounds.allowed


def _excess_chance(asked: FloatArray, failed: FloatArray, usual: UsualFailures, bounds: ErrorBounds) -> float:
    """Chance of as many failures where they are by half of the smallest change more than usual; else 1."""
    total = float(asked.sum())
    excess = float(failed.sum()) - (usual.share + _STILL * bounds.smallest) * total
    return usual.tail(float(failed.sum()), total) if excess > 0 else 1.0


def change_of_failures(usual: UsualFailures, asked: FloatArray, failed: FloatArray) -> Effect:
    """Difference of the shares with its interval, on counts that are worth as much as independent ones.

    The baseline's dispersion is that of its blocks, the present one's that of the steps since the onset, at least 1
    (Rao and Scott, Biometrics 48, 1992).
    """
    total = max(float(asked.sum()), 1.0)
    share = float(failed.sum()) / total
    variance = np.maximum(asked * share * (1 - share), 1e-12)
    dispersion = max(1.0, float(np.mean((failed - share * asked) ** 2 / variance))) if failed.size > 1 else 1.0
    before = usual.requests / (1 + usual.correlation * 10 * total / asked.size)
    low, high = newcombe(usual.share, max(before, 1.0), share, total / dispersion)
    return Effect(share - usual.share, low, high)
