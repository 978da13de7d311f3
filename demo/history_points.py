"""Points of a simulated history: what a store keeps of it, as if it had been recorded and rolled up."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, log2

import numpy as np

from soakwatch.core.histogram import BUCKETS_PER_OCTAVE, Histogram, bucket_middle
from soakwatch.core.roll_up import RollUp
from soakwatch.core.run import Outcome, Run
from soakwatch.core.window import LoadSample, Window
from soakwatch.demo.history_plan import HistoryPlan
from soakwatch.demo.simulated_day import SimulatedDay

SOURCE = "simulator"

FAILED_IN = 20.0
"""Response time of each failure, in milliseconds: it waits for nothing."""

_FAILED_BUCKET = ceil(log2(FAILED_IN) * BUCKETS_PER_OCTAVE)
_PERCENT_SATURATED, _PERCENT_USUAL = 100.0, 20.0
_SPAWN_RATE = 10.0


def run_of(plan: HistoryPlan) -> Run:
    """The one run that all of it was; the same for the same seed and start."""
    return Run(
        f"simulated-{plan.seed}-{plan.start:.0f}",
        plan.environment,
        plan.test,
        plan.span.start,
        plan.span.end,
        users=plan.users,
        spawn_rate=_SPAWN_RATE,
        host="simulated",
        outcome=Outcome.FINISHED,
    )


def load_samples(day: SimulatedDay, run: Run) -> Iterator[LoadSample]:
    """What the load generator did, as far as it was recorded."""
    for number in np.flatnonzero(day.recorded):
        saturated = bool(day.saturated[number])
        cpu = _PERCENT_SATURATED if saturated else _PERCENT_USUAL
        start = day.start + day.width * float(number)
        users = int(day.users[number])
        yield LoadSample(run.environment, run.test, run.id, SOURCE, start, day.width, users, cpu, saturated)


def roll_ups(day: SimulatedDay) -> Iterator[RollUp]:
    """Each stretch of each series in which there were requests, by start, then series as `day` has them."""
    for number in range(day.requests.shape[1]):
        successes = _successes(day, number)
        for row in np.flatnonzero(day.requests[:, number]):
            yield RollUp(_window(day, number, int(row), successes[row]))


@dataclass(frozen=True, slots=True)
class _Successes:
    hist: Histogram
    total: float


def _successes(day: SimulatedDay, number: int) -> list[_Successes]:
    """Of all series in the stretch of this number."""
    counts = day.counts[:, number]
    rows, columns = np.nonzero(counts)
    ends = np.searchsorted(rows, np.arange(len(counts) + 1)).tolist()
    buckets, numbers = (columns + day.first_bucket).tolist(), counts[rows, columns].tolist()
    totals = (counts @ day.middles).tolist()
    return [
        _Successes(Histogram(0, dict(zip(buckets[begin:end], numbers[begin:end], strict=True))), total)
        for (begin, end), total in zip(pairwise(ends), totals, strict=True)
    ]


def _window(day: SimulatedDay, number: int, row: int, successes: _Successes) -> Window:
    count, failures = int(day.requests[row, number]), int(day.failures[row, number])
    failed = Histogram(0, {_FAILED_BUCKET: failures} if failures else {})
    buckets = [*successes.hist.buckets, *failed.buckets]
    return Window(
        series=day.series[row],
        run="",
        source="",
        start=day.start + day.width * number,
        width=day.width,
        count=count,
        failures=failures,
        sum=successes.total + failures * FAILED_IN,
        fail_sum=failures * FAILED_IN,
        min=bucket_middle(min(buckets)),
        max=bucket_middle(max(buckets)),
        hist=successes.hist,
        fail_hist=failed,
    )
