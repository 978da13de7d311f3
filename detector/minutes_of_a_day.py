"""Minutes of a day: what each series did lately, step by step, and how its response times were distributed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from soakwatch.core.series import Series
from soakwatch.core.span import Span
from soakwatch.detector.conditions import Reason, reason_of
from soakwatch.detector.metrics import TIMES, badness
from soakwatch.detector.observation import Observation
from soakwatch.detector.sample import FloatArray
from soakwatch.detector.timing import BLOCK, Timing

LOWEST, _HIGHEST = -320, 960
"""Buckets of a nanosecond and of twelve days, as observations have them."""


@dataclass(frozen=True, slots=True)
class Minutes:
    """One series over n steps, whole blocks: log levels `values` (4, n), `requests` and `failures` (n,).

    NaN where it was absent, or its step counts for nothing. `counts` (b,) are all successes by the histogram's buckets,
    of which the first has the index LOWEST.
    """

    values: FloatArray
    requests: FloatArray
    failures: FloatArray
    counts: FloatArray


class MinutesOfADay:
    """The last day, up to a moment, of some series; it is taken in step by step, in any order."""

    def __init__(self, series: Sequence[Series], until: float, timing: Timing) -> None:
        """Nothing is known. The day ends at `until` (seconds since the epoch), in whole blocks."""
        blocks = max(1, round(timing.day / timing.step / BLOCK))
        last = int(until // (timing.step * BLOCK))
        self.span = Span((last - blocks) * BLOCK * timing.step, last * BLOCK * timing.step)
        self._step = timing.step
        self._rows = {one: row for row, one in enumerate(series)}
        n = blocks * BLOCK
        self._values = np.full((len(series), 4, n), np.nan)
        self._requests = np.full((len(series), n), np.nan)
        self._failures = np.full((len(series), n), np.nan)
        self._counts = np.zeros((len(series), _HIGHEST - LOWEST + 1))

    def take(self, observation: Observation) -> None:
        """Take in a step; one outside of the day, or of a load generator that was not steady, does not count."""
        column = round((observation.start - self.span.start) / self._step)
        if not 0 <= column < self._requests.shape[1]:
            return
        places = [place for place, one in enumerate(observation.series) if self._counts_for(one, observation)]
        rows = [self._rows[observation.series[place]] for place in places]
        self._values[rows, :, column] = badness(observation)[places, TIMES]
        self._requests[rows, column] = observation.requests[places]
        self._failures[rows, column] = observation.failures[places]
        first = observation.first_bucket - LOWEST
        self._counts[rows, first : first + observation.counts.shape[1]] += observation.counts[places]

    def of(self, series: Series) -> Minutes:
        """What is known of `series`, one of those that were given."""
        row = self._rows[series]
        return Minutes(self._values[row], self._requests[row], self._failures[row], self._counts[row])

    def _counts_for(self, series: Series, observation: Observation) -> bool:
        load = observation.load.get((series.environment, series.test))
        return series in self._rows and reason_of(load) is Reason.NONE
