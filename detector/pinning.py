"""Pinning: a run's steady part, condensed so that it fits into a file and can be compared for ever."""

import numpy as np

from soakwatch.core.histogram import Histogram
from soakwatch.core.run_summary import Block, PinnedEndpoint, PinnedRun
from soakwatch.core.series import Series
from soakwatch.detector.dependence import MOST_BATCHES
from soakwatch.detector.run_data import RunData
from soakwatch.detector.sample import FloatArray, IntArray, Sample
from soakwatch.detector.steady_run import steady_part


def pin_run(data: RunData) -> PinnedRun:
    """Condense `data` to at most 32 blocks, which is as many as are told apart when a run's own scatter is estimated.

    Verdicts against the pinned run are those against the whole one, but for how windows fall into blocks.
    """
    steady = steady_part(data)
    firsts = np.arange(0, steady.starts.size, max(1, -(-steady.starts.size // MOST_BATCHES)), dtype=np.int64)
    endpoints = {
        Series(data.run.environment, data.run.test, *endpoint): PinnedEndpoint(
            _blocks(sample, firsts),
            int((sample.requests > 0).sum()),
            tuple(error for (of, _), error in sorted(steady.errors.items()) if of == endpoint),
        )
        for endpoint, sample in sorted(steady.samples.items())
    }
    seconds = _joined(steady.seconds, firsts)
    return PinnedRun(data.run, tuple(seconds.tolist()), steady.users, steady.saturated, steady.late, endpoints)


def _blocks(sample: Sample, firsts: IntArray) -> tuple[Block, ...]:
    requests, failures, sums, zeros = (
        _joined(values, firsts) for values in (sample.requests, sample.failures, sample.success_sum, sample.zeros)
    )
    counts = _joined(sample.counts, firsts)
    return tuple(
        Block(
            int(requests[place]),
            int(failures[place]),
            float(sums[place]),
            _histogram(int(zeros[place]), sample, counts[place]),
        )
        for place in range(len(firsts))
    )


def _histogram(zeros: int, sample: Sample, counts: FloatArray) -> Histogram:
    used = zip(sample.buckets.tolist(), counts.tolist(), strict=True)
    return Histogram(zeros, {bucket: int(count) for bucket, count in used if count})


def _joined(values: FloatArray, firsts: IntArray) -> FloatArray:
    return np.asarray(np.add.reduceat(values, firsts, axis=0) if len(firsts) else values, dtype=np.float64)
