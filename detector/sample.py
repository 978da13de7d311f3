"""Samples: the windows of one endpoint in one run as arrays."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from soakwatch.core.series import WHOLE_SERVICE, Series
from soakwatch.core.window import Window

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

Endpoint = tuple[str, str, str]
"""Service, method, endpoint: what identifies a series from one run to another."""


def endpoint_of(series: Series) -> Endpoint:
    """Leave out what runs may differ in without being incomparable: the environment and the test."""
    return series.service, series.method, series.endpoint


def service_of(series: Series) -> Endpoint:
    """The whole service that a series belongs to."""
    return series.service, WHOLE_SERVICE, WHOLE_SERVICE


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
