"""Columns: evidence from the percentile columns and counts that Locust's own files have of a whole run."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, floor, inf, log, log10

import numpy as np
from scipy import special

from soakwatch.core.run_summary import EndpointTotals
from soakwatch.core.verdict import QUANTILES, Metric
from soakwatch.detector.dependence import Spread
from soakwatch.detector.evidence import Evidence
from soakwatch.detector.level import RESOLUTION, Level
from soakwatch.detector.proportions import Z, wilson
from soakwatch.detector.sample import FloatArray

WANDERING = 0.05
"""Standard deviation of the logarithm of a run's level beyond what single requests explain: response times wander
while a run goes on, which windows show and columns cannot, and more requests do not lower it. For how rough a run this
suffices, see benchmarks/columns_against_windows.py."""

BURSTS = 2.0
"""How much larger than for independent requests the variance of an error rate is taken to be: failures come together,
which counts cannot show."""

_LEAST_TIME = 0.25
"""Milliseconds that stand for a time which Locust rounded to zero."""

_LONGEST_TIME = 1e9
"""Milliseconds that stand for any longer time: so that squares of what a file says are still numbers."""

_MIDPOINTS: FloatArray = (np.arange(2000) + 0.5) / 2000
"""Shares at which a distribution is added up."""


def evidence_of_totals(totals: EndpointTotals) -> Evidence:
    """What `totals`, which have a request, tell of an endpoint; no levels where no request had a time or succeeded."""
    share = totals.failures / totals.requests
    successes = totals.requests - totals.failures
    levels: dict[Metric, Level] = {}
    if totals.percentiles and successes:
        distribution = _Distribution.of(totals)
        quantiles = {metric: _quantile(distribution, q, share, successes, totals) for metric, q in QUANTILES.items()}
        levels = {metric: level for metric, level in quantiles.items() if level}
        if totals.mean is not None and _is_within(totals.mean, totals):
            levels[Metric.MEAN] = _mean(distribution, totals.mean, share, successes)
    variance = share * (1 - share) / totals.requests * BURSTS
    return Evidence(totals.requests, totals.failures, successes, levels, variance)


def _is_within(mean: float, totals: EndpointTotals) -> bool:
    """Whether a mean is one, and the scatter around it is known from the fastest response to the slowest."""
    if 0.0 not in totals.percentiles or 1.0 not in totals.percentiles:
        return False
    return totals.percentiles[0.0] * 0.99 <= mean <= totals.percentiles[1.0] * 1.01


def merge_totals(parts: Sequence[EndpointTotals]) -> EndpointTotals:
    """Several endpoints as one: counts and means exactly, percentiles those of the mixture of their distributions."""
    if len(parts) == 1:
        return parts[0]
    timed = [part for part in parts if part.percentiles]
    means = [part.mean for part in timed if part.mean is not None]
    requests = [part.requests for part in timed]
    return EndpointTotals(
        sum(part.requests for part in parts),
        sum(part.failures for part in parts),
        float(np.average(means, weights=requests)) if timed and len(means) == len(timed) else None,
        _mixture(timed) if timed else {},
        any(part.rounded for part in timed),
    )


@dataclass(frozen=True, slots=True)
class _Distribution:
    """Response times between known order statistics: their logarithms are linear in the normal quantile.

    That is exact for lognormal times, and smooth for others. `scores` (k,) are strictly ascending normal quantiles,
    `logs` (k,) the logarithms of the times (ms) there.
    """

    scores: FloatArray
    logs: FloatArray

    @classmethod
    def of(cls, totals: EndpointTotals) -> "_Distribution":
        """Place each column at the rank that Locust takes it from: floor(q n) + 1, at most n."""
        n = totals.requests
        least = _LEAST_TIME if totals.rounded else RESOLUTION
        placed = {min(floor(q * n + 1e-9) + 1, n): time for q, time in sorted(totals.percentiles.items())}
        times = {rank: min(max(time, least), _LONGEST_TIME) for rank, time in placed.items()}
        ranks = np.array(list(times), dtype=np.float64)
        logs = np.maximum.accumulate(np.log(np.array(list(times.values()), dtype=np.float64)))
        return cls(special.ndtri((ranks - 0.5) / n), logs)

    def log_quantile(self, shares: FloatArray | float) -> FloatArray:
        """Logarithm of the time below which the `shares` of all responses are."""
        return np.asarray(np.interp(special.ndtri(shares), self.scores, self.logs), dtype=np.float64)

    def mean_above(self, share: float) -> float:
        """At most so long is the mean of the responses beyond `share`: each counts as the next known slower one."""
        scores = special.ndtri(share + (1 - share) * _MIDPOINTS)
        places = np.minimum(np.searchsorted(self.scores, scores), self.logs.size - 1)
        return float(np.mean(np.exp(self.logs[places])))

    def mean_below(self, share: float) -> float:
        """At least so long is the mean of the responses up to `share`: each counts as the last known faster one."""
        scores = special.ndtri(share * _MIDPOINTS)
        places = np.maximum(np.searchsorted(self.scores, scores, side="right") - 1, 0)
        return float(np.mean(np.exp(self.logs[places])))

    def share_below(self, logs: FloatArray) -> FloatArray:
        """Share of the responses that take no longer than each time, given by its logarithm."""
        scores = np.interp(logs, *_last_of_equal(self.logs, self.scores), left=-inf)
        result: FloatArray = np.where(logs >= self.logs[-1], 1.0, special.ndtr(scores))
        return result


def _last_of_equal(logs: FloatArray, scores: FloatArray) -> tuple[FloatArray, FloatArray]:
    last = np.append(np.diff(logs) > 0, True)
    return logs[last], scores[last]


def _mixture(parts: Sequence[EndpointTotals]) -> dict[float, float]:
    distributions = [_Distribution.of(part) for part in parts]
    logs = np.unique(np.concatenate([distribution.logs for distribution in distributions]))
    weights = np.array([part.requests for part in parts], dtype=np.float64)
    below = np.average([one.share_below(logs) for one in distributions], axis=0, weights=weights)
    shares = sorted({share for part in parts for share in part.percentiles})
    return {share: exp(log_time) for share, log_time in zip(shares, np.interp(shares, below, logs), strict=True)}


def _quantile(
    distribution: _Distribution, q: float, share: float, successes: int, totals: EndpointTotals
) -> Level | None:
    """Quantile of the successes, between order statistics of all responses.

    The interval's ends are order statistics whose ranks bound the quantile's (David and Nagaraja, "Order Statistics",
    2003, 7.1), with the score interval of the share below it. Failures may be anywhere among the responses: the
    quantile of the successes lies between those of all responses at q (1 - f) and at q (1 - f) + f. None where the
    columns do not reach so far.
    """
    middle = float(distribution.log_quantile(q))
    lowest, highest = q * (1 - share), q * (1 - share) + share
    least, most = wilson(lowest, successes)[0], min(wilson(min(highest, 1.0), successes)[1], 1.0)
    if least < min(totals.percentiles) or most > max(totals.percentiles):
        return None
    low, high = float(distribution.log_quantile(least)), float(distribution.log_quantile(most))
    rounding = _rounding_variance(exp(middle)) if totals.rounded else 0.0
    return Level(middle, _side(middle - low, rounding), _side(high - middle, rounding))


def _mean(distribution: _Distribution, mean: float, share: float, successes: int) -> Level:
    """Mean of the successes: of all responses, less what the failures may have taken.

    The scatter of single responses comes from the columns. At most, failures were the slowest responses of all, at
    least the fastest.
    """
    times = np.exp(distribution.log_quantile(_MIDPOINTS))
    scatter = float(np.std(times) / np.mean(times)) / successes**0.5
    middle = log(max(mean, RESOLUTION))
    low = (mean - share * distribution.mean_above(1 - share)) / (1 - share)
    high = (mean - share * distribution.mean_below(share)) / (1 - share)
    below = middle - log(max(min(low, mean), RESOLUTION)) + Z * scatter
    above = log(max(high, mean, RESOLUTION)) - middle + Z * scatter
    return Level(middle, _side(below), _side(above))


def _side(width: float, variance: float = 0.0) -> Spread:
    return Spread((max(width, 0.0) / Z) ** 2 + WANDERING**2 + variance, inf)


def _rounding_variance(time: float) -> float:
    """Relative variance of where within its rounding a time was: Locust keeps two digits, and whole milliseconds."""
    step = 10.0 ** max(0, floor(log10(time)) - 1)
    return (step / time) ** 2 / 12
