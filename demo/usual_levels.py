"""Usual levels: how long requests to a simulated endpoint take, and how many fail, minute by minute, without events."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import exp, log, sqrt

import numpy as np
import numpy.typing as npt
from numpy.random import Generator
from scipy.signal import lfilter

from soakwatch.demo.history_events import DAY, MINUTE
from soakwatch.demo.history_plan import MINUTES_OF_DAY, HistoryPlan
from soakwatch.demo.random_streams import Purpose, stream

FloatArray = npt.NDArray[np.float64]

FASTEST, SLOWEST = 20.0, 400.0
"""Range of the series' base levels: medians in milliseconds."""

WEEKEND = 0.90
"""Response times of Saturdays and Sundays (UTC), as a share of those of other days."""

WANDER_TIME = 8 * 60
"""Minutes after which the drift of a level has forgotten a factor e of where it was."""

BUMPS_PER_DAY, BURSTS_PER_DAY = 6.0, 2 / 7
USUAL_FAILURES = 0.001

_MONDAY_IN_1970 = 4 * DAY
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Character:
    """What a series is like: `level` is the logarithm of its median in ms, `sigma` the spread of one minute's times.

    `waves` are amplitude and phase of the harmonics of a day. The noise of a minute has the standard deviation `noise`,
    and remembers the share `memory` of the minute before.
    """

    level: float
    sigma: float
    waves: tuple[tuple[float, float], ...]
    noise: float
    memory: float

    @classmethod
    def drawn(cls, random: Generator) -> "Character":
        """One of the usual kind."""
        return cls(
            level=random.uniform(log(FASTEST), log(SLOWEST)),
            sigma=random.uniform(0.3, 0.6),
            waves=tuple(
                (random.uniform(*amplitudes), random.uniform(0, 2 * np.pi))
                for amplitudes in ((0.08, 0.20), (0.0, 0.06))
            ),
            noise=random.uniform(0.03, 0.06),
            memory=random.uniform(0.4, 0.8),
        )


@dataclass(frozen=True, slots=True)
class UsualLevel:
    """One series over all n minutes of a history: logarithms of medians in ms, and shares that fail; shape (n,)."""

    character: Character
    level: FloatArray
    failing: FloatArray


def usual_level(plan: HistoryPlan, number: int) -> UsualLevel:
    """The series of this number in `plan`; a shorter history of the same seed is the beginning of a longer one."""
    character = Character.drawn(stream(plan.seed, Purpose.CHARACTER, number))
    level = character.level + season(character, plan.start, plan.minutes)
    level += plan.wander * _wandering(stream(plan.seed, Purpose.WANDER, number), exp(-1 / WANDER_TIME), plan.minutes)
    level += character.noise * _wandering(stream(plan.seed, Purpose.NOISE, number), character.memory, plan.minutes)
    failing = np.full(plan.minutes, USUAL_FAILURES)
    if plan.spikes:
        for day in range(plan.days):
            _add_bumps(level, stream(plan.seed, Purpose.BUMPS, number, day), day * MINUTES_OF_DAY)
            _add_bursts(failing, stream(plan.seed, Purpose.BURSTS, number, day), day * MINUTES_OF_DAY)
    return UsualLevel(character, level, failing)


def season(character: Character, start: float, minutes: int) -> FloatArray:
    """What the time of the day and the weekend add to the logarithm of the level; shape (minutes,)."""
    moments = start + MINUTE * np.arange(minutes)
    turns = 2 * np.pi * moments / DAY
    total = np.zeros(minutes)
    for harmonic, (amplitude, phase) in enumerate(character.waves, 1):
        total += amplitude * np.sin(harmonic * turns + phase)
    weekday = (moments - _MONDAY_IN_1970) // DAY % 7
    return total + log(WEEKEND) * (weekday >= _SATURDAY)


def _wandering(random: Generator, memory: float, minutes: int) -> FloatArray:
    """An autoregressive process of first order with a standard deviation of 1, from its stationary state.

    Seen each minute, an Ornstein-Uhlenbeck process is one, with `memory` exp(-minute / time constant) (Gillespie 1996,
    "Exact numerical simulation of the Ornstein-Uhlenbeck process and its integral").
    """
    shocks = random.standard_normal(minutes)
    shocks[1:] *= sqrt(1 - memory**2)
    made: FloatArray = lfilter([1.0], [1.0, -memory], shocks)
    return made


def _add_bumps(level: FloatArray, random: Generator, first: int) -> None:
    """Times are up to four times as long for up to eight minutes, as of a garbage collector or a cold cache."""
    for begin, end in _moments(random, BUMPS_PER_DAY, 8, first):
        level[begin:end] += log(random.uniform(1.5, 4.0))


def _add_bursts(failing: FloatArray, random: Generator, first: int) -> None:
    for begin, end in _moments(random, BURSTS_PER_DAY, 5, first):
        failing[begin:end] = random.uniform(0.05, 0.30)


def _moments(random: Generator, per_day: float, longest: int, first: int) -> Iterator[tuple[int, int]]:
    """Minutes in which something short begins and ends, in the day whose minute is `first`."""
    for _ in range(random.poisson(per_day)):
        begin = first + int(random.integers(MINUTES_OF_DAY))
        yield begin, begin + int(random.integers(1, longest + 1))
