"""Lateness: how much of a changed response time may be the load generator's own delay."""

from collections.abc import Sequence

from soakwatch.core.histogram import Histogram, bucket_middle
from soakwatch.core.verdict import QUANTILES, Metric

TIMES_MET = 2.0
"""A request meets the delay of its generator when it is sent and when its answer is read."""


def generators_part(metric: Metric, baselines: Sequence[Histogram], current: Histogram) -> float:
    """Milliseconds of a change in `metric` that the load generator may have made itself.

    The delays of the event loop, in milliseconds, are compared at the very quantile that is asked for: where a request
    in a hundred was delayed, p99 moves and the median does not. 0 where nothing is known of them.
    """
    before = Histogram.merge(baselines)
    if not before.count or not current.count:
        return 0.0
    return TIMES_MET * abs(_level(metric, current) - _level(metric, before))


def _level(metric: Metric, late: Histogram) -> float:
    if metric is Metric.MEAN:
        return sum(bucket_middle(index) * count for index, count in late.buckets.items()) / late.count
    return late.quantile(QUANTILES[metric]) or 0.0
