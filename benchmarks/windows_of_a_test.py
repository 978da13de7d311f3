"""Windows of a test: what one Locust process hands to a store, and the requests that such windows are made of."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from soakwatch.core.histogram import Histogram
from soakwatch.core.roll_up import RollUp
from soakwatch.core.series import Series
from soakwatch.core.window import Exemplar, Window

WIDTH = 10.0
RUN, SOURCE = "20261123-154700-3f9a", "0123456789ab"
LENGTH = 1234
"""Bytes of each response; that all are alike compresses best."""

ANYTHING = Series("staging", "benchmark", "service-0", "GET", "/endpoint/0")


def endpoints(number: int) -> list[Series]:
    """Series of one test, on four services."""
    return [replace(ANYTHING, service=f"service-{n % 4}", endpoint=f"/endpoint/{n}") for n in range(number)]


@dataclass(frozen=True, slots=True)
class Request:
    """One successful request: seconds since the epoch, and milliseconds."""

    series: Series
    at: float
    time: float


@dataclass(frozen=True, slots=True)
class Traffic:
    """So many `requests` per second, spread evenly over `series`: lognormal times around 55 ms, log sd 0.5."""

    requests: float
    series: Sequence[Series]
    chance: np.random.Generator = field(default_factory=lambda: np.random.default_rng(5))

    def second(self, start: float) -> list[Request]:
        """The requests of one second, in order of time."""
        number = round(self.requests)
        moments = start + np.sort(self.chance.random(number))
        which = self.chance.integers(len(self.series), size=number)
        times = self.chance.lognormal(4.0, 0.5, number)
        return [
            Request(self.series[place], at, time)
            for place, at, time in zip(which.tolist(), moments.tolist(), times.tolist(), strict=True)
        ]

    def windows(self, start: float) -> list[Window]:
        """What is stored of ten seconds of them: as the recorder closes windows, one for each series that was asked."""
        numbers = self.chance.poisson(self.requests * WIDTH / len(self.series), len(self.series)).tolist()
        pairs = zip(self.series, numbers, strict=True)
        return [self.window(one, start, number) for one, number in pairs if number]

    def window(self, series: Series, start: float, requests: int) -> Window:
        """So many requests of one series."""
        times = self.chance.lognormal(4.0, 0.5, requests).tolist()
        return Window(
            *(series, RUN, SOURCE, start, WIDTH, requests),
            sum=sum(times),
            min=min(times),
            max=max(times),
            hist=Histogram.of(times),
            bytes=LENGTH * requests,
            exemplar=Exemplar(start + self.chance.random() * WIDTH, max(times)),
        )


@dataclass(frozen=True, slots=True)
class Pool:
    """Windows made once and used for any series and time, because making millions takes too long."""

    windows: Sequence[Window]

    @classmethod
    def of(cls, requests: int, size: int = 500) -> Self:
        """Make `size` windows of so many requests each."""
        traffic = Traffic(0, [ANYTHING])
        return cls([traffic.window(ANYTHING, 0.0, requests) for _ in range(size)])

    def at(self, start: float, series: Sequence[Series], chance: random.Random) -> Iterator[Window]:
        """One window for each of `series`, in which nothing was encoded yet."""
        for one in series:
            window = chance.choice(self.windows)
            exemplar = window.exemplar and replace(window.exemplar, at=start + window.exemplar.at)
            hist = Histogram(window.hist.zeros, window.hist.buckets)
            yield replace(window, series=one, start=start, hist=hist, exemplar=exemplar)

    def roll_ups(self, start: float, width: float, series: Sequence[Series], chance: random.Random) -> list[RollUp]:
        """One roll-up for each of `series`."""
        windows = self.at(start, series, chance)
        return [RollUp(replace(window, run="", source="", width=width)) for window in windows]
