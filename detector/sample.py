"""Samples: the windows of one endpoint in one run as arrays, and all endpoints of a run over the same stretch."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from soakwatch.core.histogram import Histogram
from soakwatch.core.run import Run
from soakwatch.core.series import WHOLE_SERVICE, Series
from soakwatch.core.window import Window
from soakwatch.detector.load import saturated_starts, steady_users, users_by_start, warm_up_end, was_saturated
from soakwatch.detector.run_data import RunData

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MOST_WINDOWS = 256
"""Several times as many as the batches that windows are joined to in the end (see `dependence`)."""

Endpoint = tuple[str, str, str]
"""Service, method, endpoint: what identifies a series from one run to another."""


def endpoint_of(series: Series) -> Endpoint:
    """Leave out what runs may differ in without being incomparable: the environment and the test."""
    return series.service, series.method, series.endpoint


@dataclass(frozen=True, slots=True)
class Sample:
    """One endpoint in one run, w windows in order of time, merged over processes; neighbours are joined in long runs.

    `requests`, `failures`, `zeros` (successes that took 0 ms) and `success_sum` (ms) have shape (w,), `counts` has
    shape (w, b): successes by bucket. `buckets` (b,) are the indices of the histogram's buckets, ascending.
    """

    requests: FloatArray
    failures: FloatArray
    success_sum: FloatArray
    zeros: FloatArray
    counts: FloatArray
    buckets: IntArray

    @property
    def successes(self) -> FloatArray:
        """Successes that have a response time, by window; shape (w,)."""
        total: FloatArray = self.zeros + self.counts.sum(axis=1)
        return total

    def where(self, chosen: npt.NDArray[np.bool_]) -> "Sample":
        """Only the windows that `chosen` (w,) marks."""
        return replace(
            self,
            requests=self.requests[chosen],
            failures=self.failures[chosen],
            success_sum=self.success_sum[chosen],
            zeros=self.zeros[chosen],
            counts=self.counts[chosen],
        )


@dataclass(frozen=True, slots=True)
class SteadyRun:
    """A run after its warm-up: w windows that start at `starts` (w,), of which `seconds` (w,) were really covered.

    All `samples` have these w windows, with zeros where an endpoint had no request. `users` is None where not known,
    `late` are the delays of the load generator's event loop (ms).
    """

    run: Run
    starts: FloatArray
    seconds: FloatArray
    samples: Mapping[Endpoint, Sample]
    users: float | None
    saturated: bool
    late: Histogram
    warm_up: float


def steady_part(data: RunData) -> SteadyRun:
    """Leave out the warm-up and merge the processes. Nothing may be left: then there are no windows and no samples.

    Windows in which the load generator was saturated keep their requests and failures, but not their times: those are
    its own. Where that is most of the run, all are kept, and the whole run is marked as saturated.
    """
    users = users_by_start(data.load)
    warm_up = warm_up_end(users, data.run.users)
    saturated = was_saturated(data.load, warm_up)
    untimely = frozenset() if saturated else saturated_starts(data.load, warm_up)
    parts = [
        _without_times(window) if window.start in untimely else window
        for window in data.windows
        if window.start > warm_up and is_endpoint(window.series)
    ]
    loaded = [start for start, total in users.items() if start > warm_up and total]
    every_start = np.unique(np.array([*(window.start for window in parts), *loaded], dtype=np.float64))
    width = max((window.width for window in parts), default=0.0)
    starts, seconds = _coarser(every_start, _seconds_covered(data.run, every_start, width))
    return SteadyRun(
        data.run,
        starts,
        seconds,
        {endpoint: sample_of(windows, starts) for endpoint, windows in by_endpoint(parts).items()},
        steady_users(users, warm_up, data.run.users),
        saturated,
        Histogram.merge(sample.late for sample in data.load if sample.start > warm_up),
        warm_up,
    )


def _without_times(window: Window) -> Window:
    return replace(window, sum=window.fail_sum, hist=Histogram())


def by_endpoint(windows: Iterable[Window]) -> dict[Endpoint, list[Window]]:
    """Group windows by what is compared."""
    groups: defaultdict[Endpoint, list[Window]] = defaultdict(list)
    for window in windows:
        groups[endpoint_of(window.series)].append(window)
    return groups


def sample_of(windows: Sequence[Window], starts: FloatArray) -> Sample:
    """Add up the windows of one endpoint: each counts for the last of `starts` (ascending) that is not after it."""
    rows = np.searchsorted(starts, np.array([window.start for window in windows]), side="right") - 1

    def total(values: Iterable[float]) -> FloatArray:
        return np.bincount(rows, np.fromiter(values, np.float64, len(windows)), starts.size).astype(np.float64)

    buckets, counts = _bucket_matrix(windows, rows, starts.size)
    return Sample(
        requests=total(window.count for window in windows),
        failures=total(window.failures for window in windows),
        success_sum=np.maximum(total(window.sum - window.fail_sum for window in windows), 0.0),
        zeros=total(window.hist.zeros for window in windows),
        counts=counts,
        buckets=buckets,
    )


def _bucket_matrix(windows: Sequence[Window], rows: npt.NDArray[np.intp], height: int) -> tuple[IntArray, FloatArray]:
    # Lists first: the loops over buckets then run in C, which is what keeps thousands of windows fast.
    indices: list[int] = []
    numbers: list[int] = []
    for window in windows:
        indices.extend(window.hist.buckets)
        numbers.extend(window.hist.buckets.values())
    buckets, columns = np.unique(np.array(indices, dtype=np.int64), return_inverse=True)
    places = np.repeat(rows, [len(window.hist.buckets) for window in windows]) * buckets.size + columns
    flat = np.bincount(places, np.array(numbers, dtype=np.float64), height * buckets.size)
    return buckets, flat.astype(np.float64).reshape(height, buckets.size)


def _coarser(starts: FloatArray, seconds: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Join neighbouring windows of a long run, so that memory does not grow with its length."""
    firsts = np.arange(0, starts.size, max(1, -(-starts.size // MOST_WINDOWS)))
    return (starts[firsts], np.add.reduceat(seconds, firsts)) if firsts.size else (starts, seconds)


def _seconds_covered(run: Run, starts: FloatArray, width: float) -> FloatArray:
    """Part of each window within the run: the first and the last one are cut by its start and end."""
    end = np.inf if run.end is None else run.end
    covered: FloatArray = np.minimum(starts + width, end) - np.maximum(starts, run.start)
    return np.clip(covered, 0.0, width)


def is_endpoint(series: Series) -> bool:
    """Tell endpoints from a row that stands for all of a service together, as roll-ups have them."""
    return (series.method, series.endpoint) != (WHOLE_SERVICE, WHOLE_SERVICE)
