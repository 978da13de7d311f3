"""Windows: what one process saw in one aligned stretch of time."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import fsum

from soakwatch.core.histogram import Histogram
from soakwatch.core.series import Series


@dataclass(frozen=True, slots=True)
class Exemplar:
    """The slowest request of a window: `at` in seconds since the epoch, `time` in milliseconds."""

    at: float
    time: float
    trace_id: str = ""


@dataclass(frozen=True)
class Window:
    """The requests of one series in one process over [start, start + width), in seconds since the epoch.

    `count` is every request, also one without a usable response time; `hist` holds the times of the successes and
    `fail_hist` those of the failures that had one. `sum`, `min` and `max` (milliseconds) cover successes and failures
    alike, as Locust's do; min and max are None when no request had a time. `bytes` is the length of all responses.
    """

    series: Series
    run: str
    source: str
    start: float
    width: float
    count: int
    failures: int = 0
    sum: float = 0.0
    fail_sum: float = 0.0
    min: float | None = None
    max: float | None = None
    hist: Histogram = field(default_factory=Histogram)
    fail_hist: Histogram = field(default_factory=Histogram)
    bytes: int = 0
    exemplar: Exemplar | None = None

    @property
    def responses(self) -> Histogram:
        """Successes and failures together."""
        return Histogram.merge((self.hist, self.fail_hist)) if self.failures else self.hist

    def quantile(self, q: float) -> float | None:
        """Quantile of all responses, as Locust's, in milliseconds; None when no request had a time."""
        return self.quantiles((q,))[0]

    def quantiles(self, qs: Sequence[float]) -> list[float | None]:
        """`quantile` of each of `qs`."""
        low, high = self.min, self.max
        values = self.responses.quantiles(qs)
        if low is None or high is None:
            return values
        return [None if value is None else min(max(value, low), high) for value in values]


_LARGEST_LENGTH = 2**63 - 1
"""What a store can keep."""


def merge_windows(windows: Sequence[Window]) -> Window:
    """Add up windows, of which there is at least one, exactly and in any order.

    Series, run and source are those of the first; it lasts from the first start to the last end.
    """
    first = windows[0]
    start = min(window.start for window in windows)
    return replace(
        first,
        start=start,
        width=max(window.start + window.width for window in windows) - start,
        count=sum(window.count for window in windows),
        failures=sum(window.failures for window in windows),
        sum=_total(window.sum for window in windows),
        fail_sum=_total(window.fail_sum for window in windows),
        min=min((window.min for window in windows if window.min is not None), default=None),
        max=max((window.max for window in windows if window.max is not None), default=None),
        hist=Histogram.merge(window.hist for window in windows),
        fail_hist=Histogram.merge(window.fail_hist for window in windows),
        bytes=min(sum(window.bytes for window in windows), _LARGEST_LENGTH),
        exemplar=max(
            (window.exemplar for window in windows if window.exemplar),
            key=lambda exemplar: (exemplar.time, -exemplar.at, exemplar.trace_id),
            default=None,
        ),
    )


def _total(times: Iterable[float]) -> float:
    # no store keeps an infinite sum, and one absurd time must not stop the roll-ups of everybody else's
    try:
        return min(fsum(times), sys.float_info.max)
    except OverflowError:
        return sys.float_info.max


@dataclass(frozen=True, slots=True)
class ErrorCount:
    """How often one kind of error happened to one series in one window of one process."""

    series: Series
    run: str
    source: str
    start: float
    kind: str
    count: int
    sample: str = ""


@dataclass(frozen=True, slots=True)
class LoadSample:
    """The load generator itself over one window: users of this process at its end, its CPU in percent of one core.

    `late` are the delays of its event loop, looked at many times a second, in milliseconds. A generator that is
    `saturated` measures itself.
    """

    environment: str
    test: str
    run: str
    source: str
    start: float
    width: float
    users: int
    cpu: float
    saturated: bool
    late: Histogram = field(default_factory=Histogram)
