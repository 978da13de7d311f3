"""Event effects: what events do to a series, minute by minute."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log1p

import numpy as np
import numpy.typing as npt

from soakwatch.core.truth import EventKind
from soakwatch.demo.history_events import DAY, MINUTE, Event

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

SLOWER_PER_DOUBLING = 0.10
"""How much longer all response times are with twice as many users, always: more of them wait for each other."""

_AT_ONCE = {EventKind.STEP, EventKind.BUMP, EventKind.SATURATED, EventKind.RESTART}


@dataclass(frozen=True, slots=True)
class SlowTail:
    """In the minutes `when`, a `share` of requests takes `factor` times as long: the `slowest`, else any."""

    when: BoolArray
    share: float
    factor: float
    slowest: bool


@dataclass(frozen=True, slots=True)
class Effects:
    """What happens to one series in each of m minutes.

    `level` is added to the logarithm of response times, `rate` multiplies the requests, `failing` is the share of them
    that fails, and `recorded` whether anybody sees them; all have shape (m,).
    """

    level: FloatArray
    rate: FloatArray
    failing: FloatArray
    recorded: BoolArray
    tails: tuple[SlowTail, ...]


def users_factor(events: Iterable[Event], minutes: FloatArray) -> FloatArray:
    """How many times the usual users there are in `minutes`, in seconds since the history's start; shape (m,)."""
    factor = np.ones_like(minutes)
    for event in events:
        if event.kind is EventKind.LOAD:
            factor[_during(event, minutes)] *= 1 + event.size
    return factor


def level_of_load(factor: FloatArray) -> FloatArray:
    """What so many times the usual users add to the logarithm of all response times."""
    level: FloatArray = log1p(SLOWER_PER_DOUBLING) / log1p(1) * np.log(factor)
    return level


def is_saturated(events: Iterable[Event], minutes: FloatArray) -> BoolArray:
    """In which of `minutes` the load generator is at its limit; shape (m,)."""
    return _any_of(events, EventKind.SATURATED, minutes)


def is_recorded(events: Iterable[Event], minutes: FloatArray) -> BoolArray:
    """In which of `minutes` `events` let anything be recorded; shape (m,)."""
    return ~_any_of(events, EventKind.GAP, minutes)


def effects_of(events: Sequence[Event], minutes: FloatArray) -> Effects:
    """What `events`, all of one series, do to it in `minutes`, in seconds since the history's start."""
    during = [(event, _during(event, minutes)) for event in events]
    users = users_factor(events, minutes)
    level, rate, failing = level_of_load(users), users, np.zeros_like(minutes)
    for event, when in during:
        level += _level(event, minutes, when)
        failing = np.maximum(failing, _failing(event) * when)
        if event.kind is EventKind.THROUGHPUT:
            rate = rate * np.where(when, 1 + event.size, 1.0)
    tails = tuple(_tail(event, when) for event, when in during if event.kind is EventKind.SLOW_TAIL and when.any())
    return Effects(level, rate, failing, is_recorded(events, minutes), tails)


def _level(event: Event, minutes: FloatArray, when: BoolArray) -> FloatArray:
    level: FloatArray = np.zeros_like(minutes)
    if event.kind in _AT_ONCE:
        level[when] = log1p(event.size)
    if event.kind is EventKind.CREEP:
        level[when] = log1p(event.size) * (minutes[when] - event.onset) / DAY
    return level


def _failing(event: Event) -> float:
    if event.kind is EventKind.OUTAGE:
        return 1.0
    return event.size if event.kind is EventKind.ERRORS else 0.0


def _tail(event: Event, when: BoolArray) -> SlowTail:
    return SlowTail(when, event.share, 1 + event.size, event.slowest)


def _any_of(events: Iterable[Event], kind: EventKind, minutes: FloatArray) -> BoolArray:
    found = np.zeros(len(minutes), dtype=np.bool_)
    for event in events:
        if event.kind is kind:
            found |= _during(event, minutes)
    return found


def _during(event: Event, minutes: FloatArray) -> BoolArray:
    # a minute in which something begins has it from its middle on: all of it, or nothing
    middle = minutes + MINUTE / 2
    during: BoolArray = (middle >= event.onset) & (middle < event.end)
    return during
