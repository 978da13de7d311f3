"""A history that a daemon lives through: some services under a steady load, some of which something happens to."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from soakwatch.core.histogram import Histogram
from soakwatch.core.incident import Kind
from soakwatch.core.roll_up import MINUTE
from soakwatch.core.run import Run
from soakwatch.core.series import Series
from soakwatch.core.span import Span
from soakwatch.core.window import ErrorCount, LoadSample, Window
from soakwatch.store.contract import WindowStore

ENVIRONMENT, TEST, RUN = "staging", "soak", "20260301-000000-ab12"
WIDTH = 30.0
"""Seconds of a window: two of them make a minute."""

REQUESTS = 60
_LEVEL, _SPREAD, _NOISE = 50.0, 0.3, 0.02
_SLOWER, _FAILING = 2.0, 0.4
_DRAWN = 64
"""Different windows of a series; which one comes next is drawn."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happens to a service: it gets twice as slow, fails two of five requests, or is not asked anything."""

    service: str
    kind: Kind
    span: Span


@dataclass(frozen=True)
class History:
    """`services` with one endpoint each, from `start` on, without end."""

    start: float
    services: Sequence[str]
    troubles: Sequence[Trouble] = ()
    silence: Sequence[Span] = field(default_factory=tuple)
    """When nothing at all is measured: the machine of the load generator is asleep, and its run has not ended."""

    @property
    def run(self) -> Run:
        return Run(RUN, ENVIRONMENT, TEST, self.start, users=10)

    def windows(self, span: Span) -> Iterator[Window]:
        """Those that begin in `span`, which is aligned."""
        for start in _starts(span):
            if not any(one.start <= start < one.end for one in self.silence):
                yield from (found for name in self.services if (found := self._window(name, start)) is not None)

    def load(self, span: Span) -> Iterator[LoadSample]:
        for start in _starts(span):
            if not any(one.start <= start < one.end for one in self.silence):
                yield LoadSample(ENVIRONMENT, TEST, RUN, "one", start, WIDTH, 10, 20.0, saturated=False)

    def write(self, store: WindowStore, span: Span) -> int:
        """Write what happens in `span`, as collectors do; how many windows that were."""
        windows = list(self.windows(span))
        errors = [
            ErrorCount(one.series, RUN, "one", one.start, "HTTP 503", one.failures, "upstream timed out")
            for one in windows
            if one.failures
        ]
        for begin in range(0, len(windows), 1_000):
            store.write(windows[begin : begin + 1_000])
        store.write([*errors, *self.load(span)])
        return len(windows)

    def _window(self, service: str, start: float) -> Window | None:
        own = (one for one in self.troubles if one.service == service)
        going_on = {one.kind for one in own if one.span.start <= start < one.span.end}
        if Kind.NO_DATA in going_on:
            return None
        factor = _SLOWER if Kind.LATENCY in going_on else 1.0
        failures = round(_FAILING * REQUESTS) if Kind.ERRORS in going_on else 0
        number = int(np.random.default_rng([int(start), len(service)]).integers(_DRAWN))
        good, low, high, total = _drawn(number, factor, REQUESTS - failures)
        bad = Histogram.of([5.0] * failures)
        return Window(
            *(series_of(service), RUN, "one", start, WIDTH, REQUESTS, failures, total + 5.0 * failures, 5.0 * failures),
            *(5.0 if failures else low, high, good, bad),
        )


def series_of(service: str) -> Series:
    return Series(ENVIRONMENT, TEST, service, "POST", f"/{service}")


def _starts(span: Span) -> Iterator[float]:
    return (span.start + number * WIDTH for number in range(round((span.end - span.start) / WIDTH)))


@cache
def _drawn(number: int, factor: float, successes: int) -> tuple[Histogram, float, float, float]:
    chance = np.random.default_rng(number)
    level = _LEVEL * factor * np.exp(chance.normal(0, _NOISE))
    times = np.exp(chance.normal(np.log(level), _SPREAD, successes))
    return Histogram.of(times.tolist()), float(times.min()), float(times.max()), float(times.sum())


def minutes(span: Span, step: float = MINUTE) -> Iterator[float]:
    """The moments from the end of the first step of `span` to its end."""
    return (span.start + number * step for number in range(1, round((span.end - span.start) / step) + 1))
