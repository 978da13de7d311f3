"""Error power: what share of requests must fail for the error layer to find it, in each of many trials."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

from soakwatch.detector.error_baseline import ErrorBaseline
from soakwatch.detector.error_bounds import ErrorBounds
from soakwatch.detector.error_layer import Bar, bar_of, judge_errors
from soakwatch.detector.error_persistence import is_many, widths_from
from soakwatch.detector.power_search import SHARE
from soakwatch.detector.sample import FloatArray

_FROM = 0.7
"""Of the smallest change that counts: where the search begins."""

_RATIO = 1.08
"""Of each change that is tried to the last one."""

_MORE = 0.06
"""Share of the trials above SHARE after which nothing depends on the others."""

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
    looks: npt.NDArray[np.int64]
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

    def _found(self, places: npt.NDArray[np.int64], failures: FloatArray) -> Mask:
        """In which of the trials `places` these `failures` are told of at one of the looks."""
        asked = self.trials.requests[places]
        passes = self._may_be(asked, failures)
        found = np.zeros(places.size, dtype=bool)
        for number, look in enumerate(self.looks.tolist()):
            rows = np.flatnonzero(passes[:, number] & ~found)
            if rows.size:
                seen = slice(max(self.trials.before + look - self.kept, 0), self.trials.before + look)
                known = self.baseline.repeated(0, rows.size)
                told = judge_errors(asked[rows, seen], failures[rows, seen], known, self.bounds)
                found[rows[[row for row, reading in told.items() if reading.alarm]]] = True
        return found

    def _may_be(self, asked: FloatArray, failures: FloatArray) -> Mask:
        """At which looks there are enough bad steps, wherever they lie: only then it is worth to ask; (n, looks)."""
        bar = bar_of(float(asked[asked > 0].mean()), self.baseline.of(0), self.bounds)
        bad = np.cumsum(bar.is_bad(asked, failures), axis=1)
        ends = self.trials.before + self.looks - 1
        passes = np.zeros((len(asked), ends.size), dtype=bool)
        for width, spare in widths_from(bar.first, self.kept):
            counts = bad[:, ends] - bad[:, ends - width]
            passes |= counts - spare >= _needed(width, bar, self.bounds)
        return passes


def _needed(width: int, bar: Bar, bounds: ErrorBounds) -> int:
    enough = (count for count in range(width + 1) if is_many(count, width, bar.chance, bounds.allowed))
    return next(enough, width + 3)
