"""Drawn requests: what a series does in each minute, once its levels are known."""

from dataclasses import dataclass
from math import log

import numpy as np
import numpy.typing as npt
from numpy.random import Generator
from scipy.special import ndtri

from soakwatch.core.histogram import BUCKETS_PER_OCTAVE
from soakwatch.demo.event_effects import SlowTail
from soakwatch.demo.simulated_day import CountArray, smallest_kind

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Float32Array = npt.NDArray[np.float32]

BUCKETS = 512
"""From 1 ms to 64 seconds; what would be beyond counts as these, as with a client's timeout."""

_PER_FACTOR_E = BUCKETS_PER_OCTAVE / log(2)


@dataclass(frozen=True, slots=True)
class Levels:
    """What is drawn from, in each of m minutes: shape (m,).

    `time` is the logarithm of the median in ms, `sigma` the spread around it, `requests` their expected number,
    `failing` the share that fails.
    """

    time: FloatArray
    sigma: float
    requests: FloatArray
    failing: FloatArray
    tails: tuple[SlowTail, ...] = ()


@dataclass(frozen=True, slots=True)
class DrawnRequests:
    """One series in m minutes: `requests` and `failures` (m,), and `counts` (m, b) of successes from `first_bucket`."""

    requests: IntArray
    failures: IntArray
    counts: CountArray
    first_bucket: int


def draw_requests(levels: Levels, random: Generator) -> DrawnRequests:
    """Draw numbers (Poisson), failures (binomial) and times (log-normal)."""
    requests = random.poisson(levels.requests)
    failures = random.binomial(requests, levels.failing)
    counts, first_bucket = _counted(_times(levels, requests - failures, random), requests - failures)
    return DrawnRequests(requests, failures, counts, first_bucket)


def _times(levels: Levels, successes: IntArray, random: Generator) -> Float32Array:
    """Logarithms of the times of all successes, minute by minute, in buckets."""
    # single precision: half the time, and a millionth of a bucket
    scatter = random.standard_normal(int(successes.sum()), dtype=np.float32)
    times = np.repeat((levels.time * _PER_FACTOR_E).astype(np.float32), successes)
    times += scatter * np.float32(levels.sigma * _PER_FACTOR_E)
    for tail in levels.tails:
        is_slow = np.repeat(tail.when, successes)
        if tail.slowest:
            is_slow &= scatter > ndtri(1 - tail.share)
        else:
            is_slow[is_slow] = random.random(np.count_nonzero(is_slow), dtype=np.float32) < tail.share
        times[is_slow] += np.float32(log(tail.factor) * _PER_FACTOR_E)
    return times


def _counted(times: Float32Array, successes: IntArray) -> tuple[CountArray, int]:
    """Counts by minute and bucket, and the index of the first bucket."""
    buckets = np.clip(np.ceil(times), 0, BUCKETS - 1).astype(np.int32)
    first = int(buckets.min(initial=BUCKETS))
    width = max(0, int(buckets.max(initial=-1)) - first + 1)
    buckets += np.repeat(np.arange(len(successes), dtype=np.int32) * width - first, successes)
    flat = np.bincount(buckets, minlength=len(successes) * width)
    kind = smallest_kind(int(successes.max(initial=0)))
    return flat.astype(kind).reshape(len(successes), width), first
