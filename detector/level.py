"""Levels: a statistic of one run on the log scale, and how sure it is."""

from dataclasses import dataclass
from math import exp, inf, isfinite, log

import numpy as np

from soakwatch.core.histogram import BUCKETS_PER_OCTAVE
from soakwatch.core.verdict import QUANTILES, Metric
from soakwatch.detector.dependence import Spread, spread_of_sum
from soakwatch.detector.proportions import Z, wilson
from soakwatch.detector.sample import FloatArray, Sample

RESOLUTION = 0.001
"""Milliseconds: shorter times count as this, because zero has no logarithm and no clock of ours sees the difference."""

_LARGEST_LOG = 700.0
_BUCKET = log(2) / BUCKETS_PER_OCTAVE
_BUCKET_VARIANCE = _BUCKET**2 / 12
"""Of where in its bucket (2.2 % wide) a time was: constant times would otherwise look better known than they are."""


@dataclass(frozen=True, slots=True)
class Level:
    """Natural logarithm of a statistic; the spread of its error towards lower and towards higher values."""

    log: float
    below: Spread
    above: Spread

    @property
    def value(self) -> float:
        """In the statistic's own unit; what is below the resolution comes back as zero."""
        return self.moved(0.0)

    def moved(self, by: float) -> float:
        """Value at `by` (a difference of logarithms) from the level, in the statistic's own unit; never infinite."""
        return exp(min(self.log + by, _LARGEST_LOG)) if self.log + by > log(RESOLUTION) else 0.0


def response_time(sample: Sample, metric: Metric) -> Level | None:
    """Level of p50, p95, p99 or mean of the successes in `sample`; None when there are none, or they add up to inf."""
    successes = sample.successes
    if not successes.sum():
        return None
    if metric is Metric.MEAN:
        return _ratio(sample.success_sum, successes)
    return _quantile(sample, successes, QUANTILES[metric])


def rate(requests: FloatArray, seconds: FloatArray) -> Level | None:
    """Level of requests per second over windows (w,) of which `seconds` (w,) were covered; None when there are none."""
    return _ratio(requests, seconds) if requests.sum() and seconds.sum() else None


def _ratio(amounts: FloatArray, units: FloatArray) -> Level | None:
    """Ratio estimator: its relative deviation is, to first order, the sum of the windows' own (Cochran 1977, 6.3)."""
    with np.errstate(over="ignore"):  # times near the largest float add up to inf, which is told from a mean below
        total, count = float(amounts.sum()), float(units.sum())
    if not isfinite(total):
        return None
    deviations = amounts / total - units / count if total else np.zeros_like(units)
    spread = spread_of_sum(deviations)
    return Level(log(max(total / count, RESOLUTION)), spread, spread)


def _quantile(sample: Sample, successes: FloatArray, q: float) -> Level:
    """Quantile with the interval of Woodruff (JASA 47, 1952), which needs no density and knows correlated windows.

    The share of times below the quantile has an interval as shares do, widened by the windows' design effect; the
    quantiles at the interval's ends bound the quantile. With few requests above it, it is wider to that side.
    """
    reverse = _InverseDistribution(sample)
    total = float(successes.sum())
    deviations = (reverse.below(sample, q) - q * successes) / total
    spread = spread_of_sum(deviations)
    binomial = q * (1 - q) / total
    low, high = wilson(q, total * min(1.0, binomial / spread.variance) if spread.variance else total)
    middle = reverse.log_quantile(q)

    def side(width: float) -> Spread:
        return Spread((width / Z) ** 2 + _BUCKET_VARIANCE, spread.freedom)

    return Level(middle, side(middle - reverse.log_quantile(low)), side(reverse.log_quantile(high) - middle))


class _InverseDistribution:
    """Quantiles of a merged histogram, log-linear within its buckets so that they move smoothly."""

    def __init__(self, sample: Sample) -> None:
        self._buckets = sample.buckets
        self._counts = sample.counts.sum(axis=0)
        self._zeros = float(sample.zeros.sum())
        self._upto = self._zeros + np.cumsum(self._counts)
        self._total = float(self._upto[-1]) if self._upto.size else self._zeros

    def _place(self, q: float) -> tuple[int, float]:
        """Column of the bucket that holds the quantile and the part of it that is below; (-1, 0) among the zeros."""
        rank = q * self._total
        if rank <= self._zeros or not self._upto.size:
            return -1, 0.0
        column = min(int(np.searchsorted(self._upto, rank)), self._upto.size - 1)
        inside = (rank - (self._upto[column] - self._counts[column])) / self._counts[column]
        return column, float(min(max(inside, 0.0), 1.0))

    def log_quantile(self, q: float) -> float:
        column, inside = self._place(q)
        lowest = log(RESOLUTION)
        return max(lowest, (float(self._buckets[column]) - 1 + inside) * _BUCKET) if column >= 0 else lowest

    def below(self, sample: Sample, q: float) -> FloatArray:
        """How many successes of each window (w,) are below the quantile; they add up to q of all."""
        column, inside = self._place(q)
        if column < 0:
            return sample.zeros * (q * self._total / self._zeros)
        whole: FloatArray = sample.counts[:, :column].sum(axis=1)
        return sample.zeros + whole + inside * sample.counts[:, column]


def ratio_less_one(log_ratio: float) -> float:
    """Turn a difference of logarithms into a relative change; never infinite."""
    return exp(min(log_ratio, _LARGEST_LOG)) - 1 if log_ratio > -inf else -1.0
