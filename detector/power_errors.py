"""Error power: what share of requests must fail for the error layer to find it, in each of many trials."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

from soakwatch.detector.error_baseline import ErrorBaseline
from soakwatch.detector.error_bounds import ErrorBounds
from soakwatch.detector.error_layer import Bar, bar_of, judge_errors
from soakwatch.detector.error_persistence import is_many, widths_from
from soakwatch.detector.memory import STEPS
from soakwatch.detector.minutes_of_a_day import Minutes
from soakwatch.detector.power_search import SHARE, TRIALS
from soakwatch.detector.sample import FloatArray, IntArray

_FROM = 0.7
"""Of the smallest change that counts: where the search begins."""

_RATIO = 1.08
"""Of each change that is tried to the last one."""

_MORE = 0.06
"""Share of the trials above SHARE after which nothing depends on the others."""

_PARTS = (0.8, 0.9, 1.0)
"""Of the time since the onset, in which an onset that was found is."""

_ASKED = 3
"""Looks at which it is asked: to be asked costs as much as all else, and where these say no, hardly any says yes."""

_NEARLY = 0.97
"""Of the smallest change, from which it is worth to ask."""

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ErrorTrials:
    """n trials of one series: `requests` and `failures` (n, t) as they were; a fault begins with the step STEPS."""

    requests: FloatArray
    failures: FloatArray

    @classmethod
    def drawn(cls, minutes: Minutes, load: float, after: int, random: Generator) -> Self:
        """Faults that begin at random steps of a day, `after` steps of each, with `load` times the requests.

        After its last step the day begins again.
        """
        begins = random.integers(0, minutes.requests.size, TRIALS)
        columns = (begins[:, None] + np.arange(STEPS + after)) % minutes.requests.size
        return cls(*(load * np.nan_to_num(of[columns]) for of in (minutes.requests, minutes.failures)))


@dataclass(frozen=True, slots=True)
class ErrorPower:
    """Asks the error layer, `judge_errors`; `baseline` is that of the series, in its row 0.

    `looks` are the steps after the onset after which it is asked; it sees the last STEPS of them.
    """

    trials: ErrorTrials
    baseline: ErrorBaseline
    bounds: ErrorBounds
    looks: IntArray

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
        left = np.maximum(self.trials.requests[:, STEPS:] - failures[:, STEPS:], 0).astype(np.int64)
        failures[:, STEPS:] += random.binomial(left, min(max(share, 0.0), 1.0))

    def _found(self, places: IntArray, failures: FloatArray) -> Mask:
        """In which of the trials `places` these `failures` are told of, at the looks at which most seem to fail."""
        asked = self.trials.requests[places]
        excess = np.where(self._is_many(asked, failures), self._excess(asked, failures), -np.inf)
        found = np.zeros(places.size, dtype=bool)
        for look in np.argsort(-excess, axis=1, kind="stable")[:, :_ASKED].T:
            is_worth_it = excess[np.arange(places.size), look] >= _NEARLY * self.bounds.smallest
            rows = np.flatnonzero(is_worth_it & ~found)
            found[rows[self._alarms(asked[rows], failures[rows], self.looks[look[rows]])]] = True
        return found

    def _alarms(self, asked: FloatArray, failures: FloatArray, looks: IntArray) -> list[int]:
        """The rows in which there is an alarm so many steps after the onset, as `looks` (n,) say."""
        columns = STEPS + looks[:, None] + np.arange(-STEPS, 0)
        seen, failed = (np.take_along_axis(of, columns, axis=1) for of in (asked, failures))
        told = judge_errors(seen, failed, self.baseline.repeated(0, looks.size), self.bounds)
        return [row for row, reading in told.items() if reading.alarm]

    def _is_many(self, asked: FloatArray, failures: FloatArray) -> Mask:
        """At which looks there are enough bad steps, wherever they lie: else there is no alarm; (n, looks)."""
        bar = bar_of(float(asked[asked > 0].mean()), self.baseline.of(0), self.bounds)
        bad = _upto(bar.is_bad(asked, failures))
        ends = STEPS + self.looks
        passes = np.zeros((len(asked), ends.size), dtype=bool)
        for width, spare in widths_from(bar.first, STEPS):
            passes |= bad[:, ends] - bad[:, ends - width] - spare >= _needed(width, bar, self.bounds)
        return passes

    def _excess(self, asked: FloatArray, failures: FloatArray) -> FloatArray:
        """How much more fails than usual since about the onset, as far as it is seen; (n, looks)."""
        asked, failures = _upto(asked), _upto(failures)
        ends, most = STEPS + self.looks, np.full((len(asked), self.looks.size), -np.inf)
        for part in _PARTS:
            begins = ends - np.maximum((part * np.minimum(self.looks, STEPS - 1)).astype(np.int64), 1)
            share = (failures[:, ends] - failures[:, begins]) / np.maximum(asked[:, ends] - asked[:, begins], 1.0)
            most = np.maximum(most, share)
        return most - float(self.baseline.share[0])


def _upto(values: npt.NDArray[Any]) -> FloatArray:
    """Sums of all values before each place, and of all; (n, t + 1)."""
    return np.concatenate((np.zeros((len(values), 1)), np.cumsum(values, axis=1, dtype=np.float64)), axis=1)


def _needed(width: int, bar: Bar, bounds: ErrorBounds) -> int:
    enough = (count for count in range(width + 1) if is_many(count, width, bar.chance, bounds.allowed))
    return next(enough, width + 3)
