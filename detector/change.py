"""Changes: how far a statistic moved between runs, before anybody decides what that means."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from scipy import special

from soakwatch.core.series import Series
from soakwatch.core.verdict import Effect, Metric
from soakwatch.detector.between_runs import pooled, run_variance
from soakwatch.detector.dependence import Spread, combined_freedom
from soakwatch.detector.level import Level, ratio_less_one


@dataclass(frozen=True, slots=True)
class Change:
    """A tested change.

    `effect` is bounded with 95 % confidence. `absolute` is its size in the metric's unit and `absolute_bound` the
    largest that the interval allows. `p` is two-sided and not adjusted. Of the variance, on the scale that was tested,
    `sampling` shrinks with more than the `requests` that the current run had, `lasting` does not.
    """

    effect: Effect
    p: float
    absolute: float
    absolute_bound: float
    requests: float
    sampling: float
    lasting: float

    @property
    def excludes_none(self) -> bool:
        """Whether the interval excludes that nothing changed."""
        return not self.effect.low <= 0 <= self.effect.high


@dataclass(frozen=True, slots=True)
class Finding:
    """What there is to say of one metric of one series: a change, or the obstacle to testing one.

    `baseline` and `current` are in the metric's unit, None where there was nothing to measure. `generators_part` is
    what of a change in response time the load generator may have made itself (ms). `indirect` says that the evidence is
    something else than windows.
    """

    series: Series
    metric: Metric
    baseline: float | None = None
    current: float | None = None
    change: Change | None = None
    obstacle: str = ""
    generators_part: float = 0.0
    indirect: bool = False


def change_of_levels(baselines: Sequence[Level], current: Level, run_to_run: float, requests: float) -> Change:
    """Test the ratio of the current level to that of one or several baseline runs against 1, on the log scale.

    The interval takes from each level the error on the side that matters (Zou and Donner, "Construction of confidence
    limits about effect measures", Statistics in Medicine 27, 2008: Newcombe's method for any statistic), adds the
    variation between runs for the current run and for those of the baseline, and uses Student's t.
    """
    between = run_variance(baselines, run_to_run)
    baseline = pooled(baselines, between)
    size = current.log - baseline.log
    below = [current.below, baseline.above, between]
    above = [current.above, baseline.below, between]
    low, high = size - half_width(below), size + half_width(above)
    before = baseline.value
    effect = Effect(*(ratio_less_one(value) for value in (size, low, high)))
    lasting = between.variance * (1 + 1 / len(baselines))
    return Change(
        effect,
        _p_of_no_change(size, below if size > 0 else above),
        absolute=abs(current.value - before),
        absolute_bound=before * max(abs(effect.low), abs(effect.high)),
        requests=requests,
        sampling=max(_variance(below), _variance(above)) - lasting,
        lasting=lasting,
    )


def pooled_value(levels: Sequence[Level], run_to_run: float) -> float:
    """What the baseline runs have for a level together, in the statistic's unit."""
    return pooled(levels, run_variance(levels, run_to_run)).value


def _variance(parts: Sequence[Spread]) -> float:
    return sum(part.variance for part in parts)


def half_width(parts: Sequence[Spread]) -> float:
    """Half of a 95 % interval for an estimate whose error has these independent parts."""
    return float(special.stdtrit(_finite_freedom(parts), 0.975)) * sqrt(_variance(parts))


def _p_of_no_change(size: float, parts: Sequence[Spread]) -> float:
    error = sqrt(_variance(parts))
    if not error:
        return 0.0 if size else 1.0
    return float(2 * special.stdtr(_finite_freedom(parts), -abs(size) / error))


def _finite_freedom(parts: Sequence[Spread]) -> float:
    return min(combined_freedom(list(parts)), 1e6)
