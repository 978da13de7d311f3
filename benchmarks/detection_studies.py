"""Detection studies: what is done to simulated histories, and what should be told of it how soon."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from soakwatch.core.truth import EventKind
from soakwatch.demo.history_events import DAY, HOUR, MINUTE, Event
from soakwatch.demo.history_plan import HistoryPlan
from soakwatch.demo.random_events import random_events


@dataclass(frozen=True, slots=True)
class Limits:
    """What is promised, delays in seconds from the onset to the confirmation; None where nothing is.

    `soon` is the share that is confirmed within five hours, `crept` the median time until a creep is called one,
    `onsets` the share of the onsets' intervals that are right, `width` their median in seconds.
    """

    median: float
    p90: float | None = None
    soon: float | None = None
    crept: float | None = None
    onsets: float | None = 0.90
    width: float | None = None


@dataclass(frozen=True, slots=True)
class Study:
    """One event in each series, which begins in the first `spread` days of the `days` that are judged."""

    name: str
    kind: EventKind
    size: float
    limits: Limits
    length: float = inf
    spread: float = 1.25
    days: int = 2
    slowest: bool = True
    requests_per_minute: float = 300.0
    wander: float = 0.03

    def quiet(self, seed: int, series: int, learnt: int) -> HistoryPlan:
        """The history without the events; studies that differ in nothing else share what is learnt of it."""
        return HistoryPlan(
            seed, series, learnt + self.days, requests_per_minute=self.requests_per_minute, wander=self.wander
        )

    def events(self, seed: int, series: int, learnt: int) -> tuple[Event, ...]:
        """Those that happen after the days that are learnt from."""
        window = (float(learnt), learnt + self.spread)
        return random_events(seed, series, window, self.kind, self.size, length=self.length, slowest=self.slowest)


_MOST_OF_A_DAY = 8 * HOUR

EVENTS: Sequence[Study] = (
    Study(
        "+20 %",
        EventKind.STEP,
        0.20,
        Limits(40 * MINUTE, 90 * MINUTE, soon=0.90, width=30 * MINUTE),
        _MOST_OF_A_DAY,
    ),
    Study("+50 %", EventKind.STEP, 0.50, Limits(20 * MINUTE, 30 * MINUTE), _MOST_OF_A_DAY),
    Study("errors .1 -> 2 %", EventKind.ERRORS, 0.02, Limits(10 * MINUTE), 2 * HOUR, spread=0.75, days=1),
    Study("slowest 2 % x4", EventKind.SLOW_TAIL, 3.0, Limits(25 * MINUTE), _MOST_OF_A_DAY),
    Study("random 2 % x4", EventKind.SLOW_TAIL, 3.0, Limits(60 * MINUTE), _MOST_OF_A_DAY, slowest=False),
    Study("+10 %", EventKind.STEP, 0.10, Limits(DAY), spread=0.5, days=3),
    Study(
        "errors, 30 a minute",
        EventKind.ERRORS,
        0.02,
        Limits(20 * MINUTE),
        2 * HOUR,
        spread=0.75,
        days=1,
        requests_per_minute=30.0,
    ),
)
"""In the order of importance: each is told as soon as it is done."""

CREEPS: Sequence[Study] = (
    Study("creep 2 % a day", EventKind.CREEP, 0.02, Limits(7 * DAY, crept=7 * DAY, onsets=None), spread=0.5, days=9),
    Study(
        "creep, no wander",
        EventKind.CREEP,
        0.02,
        Limits(3 * DAY, crept=7 * DAY, onsets=None),
        spread=0.5,
        days=9,
        wander=0.0,
    ),
)
"""They take the longest: more than a week each."""
