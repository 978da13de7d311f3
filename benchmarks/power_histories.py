"""Power histories: endpoints of one kind, a past that is learnt from, and as many futures of it as one likes.

Each future goes on from where the levels were, with noise of its own: nothing of it was known to who predicted. Several
futures of an endpoint are series of their own, with one past: an engine takes little longer for many than for few.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp, log, sqrt

import numpy as np
import numpy.typing as npt
from numpy.random import Generator
from scipy.signal import lfilter

from soakwatch.core.histogram import BUCKETS_PER_OCTAVE
from soakwatch.core.series import Series
from soakwatch.demo.drawn_requests import Levels, draw_requests
from soakwatch.demo.history_plan import A_MONDAY
from soakwatch.demo.usual_levels import WANDER_TIME, Character, season
from soakwatch.detector.observation import Load, Observation

FloatArray = npt.NDArray[np.float64]

MINUTE = 60.0
_USERS = 50.0


@dataclass(frozen=True, slots=True)
class Kind:
    """What endpoints are like: `requests` a minute, median `ms`, spread `sigma` of a minute's times (log scale).

    `daily` is the amplitude of the day's curve, `wander` the standard deviation of the drift over hours, `noise` that
    of single minutes, which remember the share `memory` of the minute before. `failing` is the usual share of failures,
    `bumps` how often a day something is slow for up to eight minutes.
    """

    name: str
    requests: float = 300.0
    ms: float = 100.0
    sigma: float = 0.45
    daily: float = 0.15
    wander: float = 0.03
    noise: float = 0.045
    memory: float = 0.6
    failing: float = 0.001
    bumps: float = 6.0

    def character(self, random: Generator) -> Character:
        """One endpoint of this kind; they peak at different hours."""
        waves = ((self.daily, random.uniform(0, 2 * np.pi)), (self.daily / 5, random.uniform(0, 2 * np.pi)))
        return Character(log(self.ms), self.sigma, waves, self.noise, self.memory)


@dataclass(frozen=True, slots=True)
class Drift:
    """Where the levels of s series are at a moment, in standard deviations: (s,) each."""

    wander: FloatArray
    noise: FloatArray

    def many(self, times: int) -> "Drift":
        """The same, so many times over."""
        return Drift(np.tile(self.wander, times), np.tile(self.noise, times))


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to s series, from `onset` (s,) minutes after the beginning on.

    Times are (1 + `slower`) as long, and the share `failing` of the requests fails; (s,) each.
    """

    onset: npt.NDArray[np.int64]
    slower: FloatArray
    failing: FloatArray


class Endpoints:
    """So many endpoints of one kind, each the only one of its service: what is found of one is found of it alone."""

    def __init__(self, kind: Kind, characters: Sequence[Character]) -> None:
        self.kind = kind
        self.series = tuple(Series("bench", "soak", f"service_{n}", "GET", f"/{n}") for n in range(len(characters)))
        self._characters = characters

    @classmethod
    def drawn(cls, kind: Kind, number: int, seed: int) -> "Endpoints":
        """So many different ones."""
        random = np.random.default_rng(seed)
        return cls(kind, [kind.character(random) for _ in range(number)])

    def many(self, times: int) -> "Endpoints":
        """The same ones, so many times over."""
        return Endpoints(self.kind, times * list(self._characters))

    def start(self, seed: int) -> Drift:
        """Where the drift of each is at first."""
        random = np.random.default_rng((seed, 1))
        return Drift(*random.standard_normal((2, len(self.series))))

    def minutes(
        self, begin: int, drift: Drift, minutes: int, seed: Sequence[int], fault: Fault | None = None
    ) -> tuple[list[Observation], list[Drift]]:
        """So many minutes from minute `begin` on, where the drift was `drift` before; and the drift after each hour."""
        kind, random = self.kind, np.random.default_rng(seed)
        wander = _continued(drift.wander, exp(-1 / WANDER_TIME), minutes, random)
        noise = _continued(drift.noise, kind.memory, minutes, random)
        level = kind.wander * wander + kind.noise * noise
        failing = np.full(level.shape, kind.failing)
        moments = A_MONDAY + MINUTE * begin
        for row, character in enumerate(self._characters):
            level[row] += character.level + season(character, moments, minutes)
            _add_bumps(level[row], kind.bumps, random)
        if fault is not None:
            since = np.arange(minutes) >= fault.onset[:, None]
            level += since * np.log1p(fault.slower)[:, None]
            failing = np.where(since, np.maximum(failing, fault.failing[:, None]), failing)
        drifts = [Drift(wander[:, at], noise[:, at]) for at in range(59, minutes, 60)]
        return list(self._observed(moments, level, failing, random)), drifts

    def _observed(
        self, start: float, level: FloatArray, failing: FloatArray, random: Generator
    ) -> Iterator[Observation]:
        minutes = level.shape[1]
        drawn = [
            draw_requests(
                Levels(level[row], self.kind.sigma, np.full(minutes, self.kind.requests), failing[row]), random
            )
            for row in range(len(level))
        ]
        first = min(one.first_bucket for one in drawn)
        last = max(one.first_bucket + one.counts.shape[1] for one in drawn)
        counts = np.zeros((minutes, len(drawn), last - first))
        for row, one in enumerate(drawn):
            begin = one.first_bucket - first
            counts[:, row, begin : begin + one.counts.shape[1]] = one.counts
        sums = counts @ np.exp2((np.arange(first, last) - 0.5) / BUCKETS_PER_OCTAVE)
        requests, failures = (np.array([getattr(one, name) for one in drawn]).T for name in ("requests", "failures"))
        load = {("bench", "soak"): Load(_USERS)}
        for minute in range(minutes):
            seen = np.flatnonzero(requests[minute])
            yield Observation(
                start=start + MINUTE * minute,
                width=MINUTE,
                series=self.series if seen.size == len(drawn) else tuple(self.series[row] for row in seen),
                requests=requests[minute, seen].astype(np.float64),
                failures=failures[minute, seen].astype(np.float64),
                zeros=np.zeros(seen.size),
                success_sum=sums[minute, seen],
                counts=counts[minute, seen],
                first_bucket=first,
                load=load,
            )


def _continued(before: FloatArray, memory: float, minutes: int, random: Generator) -> FloatArray:
    """Autoregressive processes of first order, of standard deviation 1, that were at `before` (s,); (s, minutes)."""
    shocks = sqrt(1 - memory**2) * random.standard_normal((before.size, minutes))
    gone_on, _ = lfilter([1.0], [1.0, -memory], shocks, zi=memory * before[:, None])
    return np.asarray(gone_on)


def _add_bumps(level: FloatArray, a_day: float, random: Generator) -> None:
    for _ in range(random.poisson(a_day * level.size / 1440)):
        begin = int(random.integers(level.size))
        level[begin : begin + int(random.integers(1, 9))] += log(random.uniform(1.5, 4.0))
