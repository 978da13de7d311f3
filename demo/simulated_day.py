"""Simulated days: what all series of a history did in each minute of a stretch of it, as arrays."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from soakwatch.core.histogram import BUCKETS_PER_OCTAVE
from soakwatch.core.roll_up import whole_service
from soakwatch.core.series import Series

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
CountArray = npt.NDArray[np.uint16 | np.uint32]


@dataclass(frozen=True, slots=True)
class SimulatedDay:
    """m stretches of `width` seconds from `start` (seconds since the epoch), minutes unless merged, of s series.

    `requests` and `failures` have shape (s, m); where a series has no requests, nothing of it was recorded. `counts`
    (s, m, b) are successes by the histogram's buckets, of which the first has the index `first_bucket`. `users`,
    `saturated` and `recorded` (m,) are the load generator's; where it is not `recorded`, nothing is known of it.
    """

    start: float
    series: tuple[Series, ...]
    requests: IntArray
    failures: IntArray
    counts: CountArray
    first_bucket: int
    users: IntArray
    saturated: BoolArray
    recorded: BoolArray
    width: float = 60.0

    @property
    def success_sum(self) -> FloatArray:
        """Response times of the successes added up, in milliseconds; shape (s, m).

        Each counts as the middle of its bucket, which is within 1.1 % of it.
        """
        total: FloatArray = self.counts @ self.middles
        return total

    @property
    def middles(self) -> FloatArray:
        """Geometric middles of the buckets of `counts`, in milliseconds; shape (b,)."""
        indexes = np.arange(self.counts.shape[2]) + self.first_bucket
        middles: FloatArray = np.exp2((indexes - 0.5) / BUCKETS_PER_OCTAVE)
        return middles

    def part(self, first: int, last: int) -> "SimulatedDay":
        """The stretches from number `first` up to and without `last`; a view."""
        return replace(
            self,
            start=self.start + self.width * first,
            requests=self.requests[:, first:last],
            failures=self.failures[:, first:last],
            counts=self.counts[:, first:last],
            users=self.users[first:last],
            saturated=self.saturated[first:last],
            recorded=self.recorded[first:last],
        )

    def merged(self, stretches: int) -> "SimulatedDay":
        """So many stretches at a time as one; m is a multiple of it.

        Of the load, the users are those at the end, and a generator that was saturated or recorded once counts as such.
        """
        firsts = np.arange(0, len(self.users), stretches)
        kind = smallest_kind(stretches * int(self.requests.max(initial=0)))
        return replace(
            self,
            requests=np.add.reduceat(self.requests, firsts, axis=1),
            failures=np.add.reduceat(self.failures, firsts, axis=1),
            counts=np.add.reduceat(self.counts, firsts, axis=1, dtype=kind),
            users=self.users[firsts + stretches - 1],
            saturated=np.logical_or.reduceat(self.saturated, firsts),
            recorded=np.logical_or.reduceat(self.recorded, firsts),
            width=self.width * stretches,
        )

    def with_whole_services(self) -> "SimulatedDay":
        """The same, and after the endpoints a row for each service as a whole."""
        services = [one.service for one in self.series]
        firsts = [number for number, name in enumerate(services) if number == 0 or services[number - 1] != name]
        requests = np.add.reduceat(self.requests, firsts)
        kind = smallest_kind(int(requests.max(initial=0)))
        return replace(
            self,
            series=(*self.series, *(whole_service(self.series[number]) for number in firsts)),
            requests=np.concatenate((self.requests, requests)),
            failures=np.concatenate((self.failures, np.add.reduceat(self.failures, firsts))),
            counts=np.concatenate((self.counts, np.add.reduceat(self.counts, firsts, dtype=kind)), dtype=kind),
        )


def smallest_kind(largest: int) -> "np.dtype[np.uint16 | np.uint32]":
    """What holds counts up to `largest`: a day of 50 series has 30 million of them."""
    return np.dtype(np.uint16 if largest <= np.iinfo(np.uint16).max else np.uint32)
