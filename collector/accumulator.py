"""Accumulator: the open window of one series."""

import sys
from collections import Counter
from math import fsum, isfinite

from soakwatch.collector.failures import kind_of, sample_of
from soakwatch.core.histogram import Histogram, bucket_indexes
from soakwatch.core.series import OTHER, Series
from soakwatch.core.window import ErrorCount, Exemplar, Window

FOLD_AT = 256
"""Pending times are folded into the histogram at this length: it bounds memory, and the fold is one C loop."""

_LARGEST = 2**63 - 1
_LONGEST = sys.float_info.max


class Times:
    """Response times of one outcome: a short list of pending ones, folded into a histogram.

    A time that is NaN or infinite is `invalid`: Locust's entries refuse it too. A negative one (a clock was set back)
    is `untimed`: a request, but no sample.
    """

    __slots__ = ("buckets", "invalid", "max", "min", "pending", "sum", "untimed", "zeros")

    def __init__(self) -> None:
        """Start empty."""
        self.pending: list[float] = []
        self.zeros = 0
        self.buckets: Counter[int] = Counter()
        self.sum = 0.0
        self.min: float | None = None
        self.max: float | None = None
        self.untimed = 0
        self.invalid = 0

    def fold(self) -> None:
        """Move the pending times into the histogram; the list object stays the same."""
        pending = self.pending
        if not pending:
            return
        if not self._fold(pending):
            self._fold_sorted_out(pending)
        pending.clear()

    def _fold(self, times: list[float]) -> bool:
        try:
            low, high, total = float(min(times)), float(max(times)), fsum(times)
        except (TypeError, ValueError, OverflowError):
            return False
        if not (low > 0 and isfinite(total)):
            return False
        self.buckets.update(bucket_indexes(times))
        self.sum += total
        self.min = low if self.min is None else min(self.min, low)
        self.max = high if self.max is None else max(self.max, high)
        return True

    def _fold_sorted_out(self, times: list[float]) -> None:
        finite = [time for time in times if isfinite(time)]
        self.invalid += len(times) - len(finite)
        self.untimed += sum(time < 0 for time in finite)
        positive = [time for time in finite if time > 0]
        # together, so that they are added up exactly; one by one only where the sum would be larger than any float
        if positive and not self._fold(positive):
            for time in positive:
                self._fold([time])
        zeros = sum(time == 0 for time in finite)
        if zeros:
            self.zeros += zeros
            self.min = 0.0
            self.max = 0.0 if self.max is None else self.max

    @property
    def count(self) -> int:
        """Requests, with or without a sample, that are folded."""
        return self.zeros + self.buckets.total() + self.untimed


class Accumulator:
    """What one series did since its window opened. `times` is the list that the hook appends to."""

    __slots__ = ("bytes", "errors", "exemplar", "failed", "series", "slowest", "succeeded", "times")

    def __init__(self, series: Series) -> None:
        """Start an empty window of `series`."""
        self.series = series
        self.succeeded = Times()
        self.failed = Times()
        self.times = self.succeeded.pending
        self.bytes = 0.0
        self.slowest = float("-inf")
        self.exemplar: Exemplar | None = None
        self.errors: dict[str, tuple[int, str]] = {}

    def add(self, time: float | None, length: float, exception: object) -> None:
        """Take one request of any kind; `time` is None where there was none."""
        outcome = self.failed if exception else self.succeeded
        if time is None:
            outcome.untimed += 1
        else:
            outcome.pending.append(time)
            if len(outcome.pending) >= FOLD_AT:
                outcome.fold()
        self.bytes += length

    def add_error(self, exception: object, response: object, max_kinds: int) -> None:
        """Count one kind of error; the first message of each is kept as its sample."""
        kind = kind_of(exception, response)
        if kind not in self.errors and len(self.errors) >= max_kinds:
            kind = OTHER
        count, sample = self.errors.get(kind) or (0, sample_of(exception))
        self.errors[kind] = (count + 1, sample)

    def fold(self) -> None:
        """Fold what is pending."""
        self.succeeded.fold()
        self.failed.fold()

    @property
    def count(self) -> int:
        """Folded requests of both outcomes."""
        return self.succeeded.count + self.failed.count

    @property
    def invalid(self) -> int:
        """Folded times that were no numbers."""
        return self.succeeded.invalid + self.failed.invalid

    def window(self, run: str, source: str, start: float, width: float) -> Window:
        """The folded window as a value."""
        good, bad = self.succeeded, self.failed
        lows = [low for low in (good.min, bad.min) if low is not None]
        highs = [high for high in (good.max, bad.max) if high is not None]
        return Window(
            series=self.series,
            run=run,
            source=source,
            start=start,
            width=width,
            count=self.count,
            failures=bad.count,
            # a store refuses a sum that is infinite, and all requests of the window with it
            sum=min(good.sum + bad.sum, _LONGEST),
            fail_sum=min(bad.sum, _LONGEST),
            min=min(lows, default=None),
            max=max(highs, default=None),
            hist=Histogram(good.zeros, good.buckets),
            fail_hist=Histogram(bad.zeros, bad.buckets),
            bytes=_storable(self.bytes),
            exemplar=self.exemplar,
        )

    def error_counts(self, run: str, source: str, start: float) -> list[ErrorCount]:
        """The kinds of errors as values."""
        return [
            ErrorCount(self.series, run, source, start, kind, count, sample)
            for kind, (count, sample) in self.errors.items()
        ]


def _storable(length: float) -> int:
    # a store refuses an integer of more than 64 bits, and with it the other windows of its batch
    return max(-_LARGEST, min(int(length), _LARGEST)) if isfinite(length) else 0
