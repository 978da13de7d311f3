"""Error baseline: what share of its requests usually fails, and how much that varies."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import betainc

from soakwatch.detector.sample import FloatArray

UNUSUAL = 0.05
"""Failures are unusual when usually fewer than one step in twenty has as many."""

_LEAST_CORRELATION = 1e-9

_FEW = 6

_EXPECTED = 20.0
"""Failures that must have been expected, so that it is not by chance that there are fewer."""


@dataclass(frozen=True, slots=True)
class UsualFailures:
    """What is usual for one series: `share` of failures, and the `shape` of its gamma distribution."""

    share: float
    requests: float
    shape: float
    correlation: float

    def tail(self, failures: float, requests: float) -> float:
        """Chance of as many failures of so many requests, or more.

        The negative binomial, which is the beta-binomial for rare failures and conservative for frequent ones
        (McCullagh and Nelder 1989, 6.2.3), with the doubt about the share itself in its shape.
        """
        if failures <= 0:
            return 1.0
        mean = self.share * requests
        return float(betainc(failures, self.shape, mean / (mean + self.shape)))

    def many(self, requests: float, most: float) -> int:
        """The fewest failures of so many requests that are unusual, and at least `most`."""
        mean = self.share * requests
        low, high = 1, max(2, int(mean + 12 * np.sqrt(mean + mean * mean / self.shape) + 24))
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self.tail(middle, requests) <= UNUSUAL else (middle + 1, high)
        return max(low, int(np.ceil(most)))


@dataclass(frozen=True, slots=True)
class ErrorBaseline:
    """What share of the requests of s series usually fails; everything has shape (s,).

    `requests` (s,) are those that it was learnt from, 0 where nothing is known. `correlation` is that of two requests
    of the same block: failures come in bursts.
    """

    share: FloatArray
    requests: FloatArray
    correlation: FloatArray

    def repeated(self, row: int, times: int) -> "ErrorBaseline":
        """As many series like that in `row`."""
        return ErrorBaseline(*(np.full(times, one[row]) for one in (self.share, self.requests, self.correlation)))

    def of(self, row: int) -> UsualFailures:
        """What is usual for one series of which something is known."""
        share, requests, correlation = (
            float(numbers[row]) for numbers in (self.share, self.requests, self.correlation)
        )
        return UsualFailures(share, requests, 1 / (correlation / share + 1 / (share * requests)), correlation)


def error_baseline(requests: FloatArray, failures: FloatArray) -> ErrorBaseline:
    """Learn from blocks of shape (s, m) that are in the baseline; those that are not are NaN or have no requests.

    The hundredth of the blocks with the largest shares count as the next lower one, so that a burst does not make
    failures usual. The correlation is estimated by moments (Williams, "Extra-binomial variation in logistic linear
    models", Applied Statistics 31, 1982).
    """
    known = np.nan_to_num(requests) > 0
    asked = np.where(known, requests, 0.0)
    failed = np.where(known, np.nan_to_num(failures), 0.0)
    shares = np.where(known, failed / np.maximum(asked, 1.0), 0.0)
    bounded = np.minimum(failed, _high(shares, known)[:, None] * asked)
    total, blocks = asked.sum(axis=1), known.sum(axis=1)
    # half a failure more: none in a thousand requests does not mean never (Jeffreys' prior)
    share = np.minimum((bounded.sum(axis=1) + 0.5) / np.maximum(total, 1.0), 1.0)
    variance = np.maximum(asked * (share * (1 - share))[:, None], 1e-12)
    pearson = np.where(known, (bounded - asked * share[:, None]) ** 2 / variance, 0.0).sum(axis=1)
    spare = np.maximum(total - blocks, 1.0)
    correlation = np.clip((pearson - np.maximum(blocks - 1, 0)) / spare, _LEAST_CORRELATION, 0.99)
    return ErrorBaseline(share, total, correlation)


def fails_less(requests: FloatArray, failures: FloatArray, day: int, smallest: float) -> npt.NDArray[np.bool_]:
    """Where failures have been fewer for the last `day` blocks than in all before, for good by all appearances.

    `requests` and `failures` (s, b) are those that say what is usual, NaN elsewhere. Half of the share or less, and by
    `smallest` less; it must have been expected to be seen, and most of the day and as many blocks before be known.
    """
    lately, before = slice(-day, None), slice(None, -day)
    known = ~np.isnan(requests)
    enough = (known[:, lately].sum(axis=1) > day / 2) & (known[:, before].sum(axis=1) > day / 2)
    asked, asked_before = (np.nansum(requests[:, part], axis=1) for part in (lately, before))
    share_before = np.nansum(failures[:, before], axis=1) / np.maximum(asked_before, 1.0)
    share = np.nansum(failures[:, lately], axis=1) / np.maximum(asked, 1.0)
    clear = (share <= share_before / 2) & (share_before - share >= smallest)
    return np.asarray(enough & clear & (share_before * asked >= _EXPECTED))


def _high(shares: FloatArray, known: npt.NDArray[np.bool_]) -> FloatArray:
    if not shares.shape[1]:
        return np.zeros(shares.shape[0])
    ordered = np.sort(np.where(known, shares, -1.0), axis=1)
    number = known.sum(axis=1)
    # of a few blocks none is known to be a burst
    bursts = np.where(number < _FEW, 0, np.ceil(number / 100).astype(int))
    cut = np.maximum(shares.shape[1] - 1 - bursts, 0)
    high: FloatArray = np.maximum(ordered[np.arange(shares.shape[0]), cut], 0.0)
    return high
