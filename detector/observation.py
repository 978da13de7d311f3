"""Observations: what all series did in one step of the detector's clock, as arrays."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from soakwatch.core.series import Series
from soakwatch.detector.sample import FloatArray

Test = tuple[str, str]
"""Environment and test: what has a load generator of its own."""

Place = tuple[str, str]
"""Environment and service: what is maintained as one."""


def place_of(series: Series) -> Place:
    """Which service of which environment a series is of."""
    return series.environment, series.service


@dataclass(frozen=True, slots=True)
class Load:
    """The load generator of one test in one step: users of all its processes, and whether it kept up with them.

    `settled` is false while a run warms up. It `goes_on` in the step in which its run took the place of another one,
    also where there was none for a moment between the two. A run that has ended has no load.
    """

    users: float
    saturated: bool = False
    settled: bool = True
    goes_on: bool = False


@dataclass(frozen=True, slots=True)
class Observation:
    """All series with requests in [start, start + width), s of them, roll-ups of whole services among them.

    `requests`, `failures`, `zeros` (successes that took 0 ms) and `success_sum` (ms) have shape (s,); `counts` (s, b)
    are successes by the histogram's buckets, of which the first has the index `first_bucket`. `load` has a test while
    it runs; a test of which nothing is known of the load, as of simulated or imported windows, has none.
    """

    start: float
    width: float
    series: tuple[Series, ...]
    requests: FloatArray
    failures: FloatArray
    zeros: FloatArray
    success_sum: FloatArray
    counts: FloatArray
    first_bucket: int
    load: Mapping[Test, Load] = field(default_factory=dict)

    @property
    def end(self) -> float:
        """When it was over."""
        return self.start + self.width

    @property
    def successes(self) -> FloatArray:
        """Successes that have a response time; shape (s,)."""
        total: FloatArray = self.zeros + self.counts.sum(axis=1, dtype=np.float64)
        return total
