"""Metrics: what the engine follows of each series, as one column each of its arrays."""

import numpy as np

from soakwatch.core.histogram import BUCKETS_PER_OCTAVE
from soakwatch.core.roll_up import is_whole_service
from soakwatch.core.verdict import QUANTILES, Metric
from soakwatch.detector.level import RESOLUTION
from soakwatch.detector.observation import Observation
from soakwatch.detector.sample import FloatArray

METRICS = (Metric.P50, Metric.P95, Metric.P99, Metric.MEAN, Metric.THROUGHPUT)
"""In this order, everywhere in the engine; response times first."""

TIMES = slice(0, 4)
"""The columns of response times."""

RATE = METRICS.index(Metric.THROUGHPUT)

_BUCKET = np.log(2) / BUCKETS_PER_OCTAVE
_LOWEST = np.log(RESOLUTION)


def badness(observation: Observation) -> FloatArray:
    """Logarithms of all metrics of all series, signed so that more is worse; shape (s, m).

    Milliseconds for response times, less the logarithm of requests per second for whole services. NaN where there was
    no success, and for the throughput of single endpoints, which follows from their service's.
    """
    values = np.full((len(observation.series), len(METRICS)), np.nan)
    if observation.series:
        values[:, TIMES] = _log_times(observation)
        values[:, RATE] = _log_seconds_per_request(observation)
    values[~np.isfinite(values)] = np.nan
    return values


def _log_times(observation: Observation) -> FloatArray:
    successes = observation.successes
    upto = observation.zeros[:, None] + np.cumsum(observation.counts, axis=1, dtype=np.float64)
    columns = [_log_quantile(observation, upto, q * successes) for q in QUANTILES.values()]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        mean = np.log(np.maximum(observation.success_sum / successes, RESOLUTION))
    times = np.column_stack([*columns, mean])
    times[successes <= 0] = np.nan
    return times


def _log_quantile(observation: Observation, upto: FloatArray, rank: FloatArray) -> FloatArray:
    """Order statistic of `rank` (s,), log-linear within its bucket so that it moves smoothly."""
    if not upto.shape[1]:
        return np.full(rank.shape, _LOWEST)
    column = np.minimum((upto < rank[:, None]).sum(axis=1), upto.shape[1] - 1)
    rows = np.arange(rank.size)
    within = observation.counts[rows, column].astype(np.float64)
    inside = 1 - (upto[rows, column] - rank) / np.maximum(within, 1.0)
    log_ms = (observation.first_bucket + column - 1 + np.clip(inside, 0.0, 1.0)) * _BUCKET
    found: FloatArray = np.where(rank <= observation.zeros, _LOWEST, np.maximum(log_ms, _LOWEST))
    return found


def _log_seconds_per_request(observation: Observation) -> FloatArray:
    whole = np.array([is_whole_service(series) for series in observation.series])
    with np.errstate(divide="ignore"):
        return np.where(whole & (observation.requests > 0), np.log(observation.width / observation.requests), np.nan)
