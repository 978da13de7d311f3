"""Error power: what share of requests must fail for the error layer to find it, in each of many trials."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

from soakwatch.detector.error_baseline import ErrorBaseline
from soakwatch.detector.error_bounds import ErrorBounds
from soakwatch.detector.error_layer import Bar, bar_of, judge_errors
from soakwatch.detector.error_persistence import is_many, widths_from
from soakwatch.detector.power_search import SHARE
from soakwatch.detector.sample import FloatArray, IntArray

_FROM = 0.7
"""Of the smallest change that counts: where the search begins."""

_RATIO = 1.08
"""Of each change that is tried to the last one."""

_MORE = 0.06
"""Share of the trials above SHARE after which nothing depends on the others."""

_PARTS = (0.8, 0.9, 1.0)
"""Of the time since the onset, in which an onset that was found is."""

_NEARLY = 0.97
"""Of the smallest change, from which it is worth to ask."""

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ErrorTrials:
    """n trials of one series: `requests` and `failures` (n, t) as they were; a fault begins with the step `before`."""

    requests: FloatArray
    failures: FloatArray
    before: int

    @classmethod
    def drawn(
        cls, requests: FloatArray, failures: FloatArray, trials: int, before: int, after: int, random: Generator
    ) -> "ErrorTrials":
        """Faults that begin at random steps of the day whose `requests` and `failures` (t,) these are.

        After its last step the day begins again.
        """
        begins = random.integers(0, requests.size, trials)
        columns = (begins[:, None] + np.arange(before + after)) % requests.size
        return cls(np.nan_to_num(requests[columns]), np.nan_to_num(failures[columns]), before)


@dataclass(frozen=True, slots=True)
class ErrorPower:
    """Asks the error layer, `judge_errors`; `baseline` is that of the series, in its row 0.

    `looks` are the steps after the onset after which it is asked, `kept` how many steps it sees.
    """

    trials: ErrorTrials
    baseline: ErrorBaseline
    bounds: ErrorBounds
    looks: IntArray
    kept: int

    def smallest_found(self, random: Generator) -> FloatArray:
        """The smallest share of failures that is found in each trial; infinite where none was tried that is.

        Of a larger fault there fail the same requests and others: what is found, is found of larger ones. Faults grow
        until enough are found.
        """
        usual = float(self.baseline.share[0])
        smallest = np.full(len(self.trials.requests), np.inf)
        failures, last, change = self.trials.failures.copy(), 0.0, _FROM * self.bounds.smallest
        while np.isinf(smallest).mean() > 1 - SHARE - _MORE and last < 1:
            share = min(change / max(1 - usual, change), 1.0)
            self._add(failures, (share - last) / (1 - last) if last < 1 else 0.0, random)
            open_ones = np.flatnonzero(np.isinf(smallest))
            found = open_ones[self._found(open_ones, failures[open_ones])]
            # somewhere between the last one and this
            smallest[found] = np.minimum(usual + change * _RATIO ** -random.random(found.size), 1.0)
            last, change = share, change * _RATIO
        return smallest

    def _add(self, failures: FloatArray, share: float, random: Generator) -> None:
        """Let the `share` of the requests after the onset that have not failed yet fail."""
        before = self.trials.before
        left = np.maximum(self.trials.requests[:, before:] - failures[:, before:], 0).astype(np.int64)
        failures[:, before:] += random.binomial(left, min(max(share, 0.0), 1.0))

    def _found(self, places: IntArray, failures: FloatArray) -> Mask:
        """In which of the trials `places` these `failures` are told of, at the look at which most seem to fail."""
        asked = self.trials.requests[places]
        excess = np.where(self._is_many(asked, failures), self._excess(asked, failures), -np.inf)
        best = np.argmax(excess, axis=1)
        rows = np.flatnonzero(excess[np.arange(places.size), best] >= _NEARLY * self.bounds.smallest)
        found = np.zeros(places.size, dtype=bool)
        if rows.size:
            ends = self.trials.before + self.looks[best[rows], None]
            columns = ends + np.arange(-self.kept, 0)
            seen = (np.take_along_axis(of[rows], columns, axis=1) for of in (asked, failures))
            told = judge_errors(*seen, self.baseline.repeated(0, rows.size), self.bounds)
            found[rows[[row for row, reading in told.items() if reading.alarm]]] = True
        return found

    def _is_many(self, asked: FloatArray, failures: FloatArray) -> Mask:
        """At which looks there are enough bad steps, wherever they lie: else there is no alarm; (n, looks)."""
        bar = bar_of(float(asked[asked > 0].mean()), self.baseline.of(0), self.bounds)
        bad = _upto(bar.is_bad(asked, failures))
        ends = self.trials.before + self.looks
        passes = np.zeros((len(asked), ends.size), dtype=bool)
        for width, spare in widths_from(bar.first, self.kept):
            passes |= bad[:, ends] - bad[:, ends - width] - spare >= _needed(width, bar, self.bounds)
        return passes

    def _excess(self, asked: FloatArray, failures: FloatArray) -> FloatArray:
        """How much more fails than usual since about the onset, as far as it is seen; (n, looks)."""
        asked, failures = _upto(asked), _upto(failures)
        ends, most = self.trials.before + self.looks, np.full((len(asked), self.looks.size), -np.inf)
        for part in _PARTS:
            begins = ends - np.maximum((part * np.minimum(self.looks, self.kept - 1)).astype(np.int64), 1)
            share = (failures[:, ends] - failures[:, begins]) / np.maximum(asked[:, ends] - asked[:, begins], 1.0)
            most = np.maximum(most, share)
        return most - float(self.baseline.share[0])


def _upto(values: npt.NDArray[Any]) -> FloatArray:
    """Sums of all values before each place, and of all; (n, t + 1)."""
    return np.concatenate((np.zeros((len(values), 1)), np.cumsum(values, axis=1, dtype=np.float64)), axis=1)


def _needed(width: int, bar: Bar, bounds: ErrorBounds) -> int:
    enough = (count for count in range(width + 1) if is_many(count, width, bar.chance, bounds.allowed))
    return next(enough, width + 3)
