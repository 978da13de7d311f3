"""How far the roll-up pass has come, as it remembers it in the store."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import inf
from typing import Self

from soakwatch.core.roll_up import MINUTE, TEN_MINUTES
from soakwatch.core.span import Span
from soakwatch.core.spans import Spans, union, widened, within
from soakwatch.store.contract import Arrivals

_MOST_SPANS = 1_000
"""Spans of each kind that are remembered: InfluxDB promises to keep a text of 64 KiB, and no more (it keeps 1 MiB)."""


@dataclass(frozen=True, slots=True)
class RollUpPosition:
    """What is to be rolled up of all that arrived until `arrivals`, a position of the store's journal.

    `minutes` are spans of whole minutes of which windows arrived; `ten_minutes` are those of which a minute was rolled
    up since their own roll-up was made. Both may be larger than necessary: rolled up twice is the same as once.
    """

    arrivals: str = ""
    minutes: Spans = ()
    ten_minutes: Spans = ()

    @classmethod
    def decode(cls, text: str) -> Self:
        """Read what `encode` wrote; an empty text is the beginning of all."""
        if not text:
            return cls()
        arrivals, minutes, ten_minutes = json.loads(text)
        return cls(arrivals, _spans(minutes, MINUTE), _spans(ten_minutes, TEN_MINUTES))

    def encode(self) -> str:
        """A text of at most some 50,000 characters; where there are too many spans, those close by are joined."""
        return json.dumps([self.arrivals, _numbers(self.minutes, MINUTE), _numbers(self.ten_minutes, TEN_MINUTES)])

    def arrived(self, arrivals: Arrivals) -> Self:
        """With what arrived since."""
        minutes = union([*self.minutes, *widened(arrivals.spans, MINUTE)])
        return replace(self, arrivals=arrivals.position, minutes=minutes)

    def due(self, now: float) -> Spans:
        """Whole ten minutes that have something to roll up, a closed minute or they themselves."""
        minutes = within(self.minutes, _closed(now, MINUTE))
        return union([*widened(minutes, TEN_MINUTES), *within(self.ten_minutes, _closed(now, TEN_MINUTES))])

    def due_minutes(self, stretch: Span, now: float) -> Spans:
        """Closed minutes of `stretch` that have something to roll up."""
        return within(within(self.minutes, stretch), _closed(now, MINUTE))

    def done(self, until: float, now: float) -> Self:
        """All that is due before `until` was rolled up; ten minutes that are still open will be due once more."""
        closed = min(until, _closed(now, MINUTE).end)
        rolled_up = widened(within(self.minutes, Span(-inf, closed)), TEN_MINUTES)
        pending = union([*self.ten_minutes, *rolled_up])
        return replace(
            self,
            minutes=within(self.minutes, Span(closed, inf)),
            ten_minutes=within(pending, Span(min(until, _closed(now, TEN_MINUTES).end), inf)),
        )

    @property
    def oldest(self) -> float:
        """The first moment that has something to roll up, now or later; inf where nothing has."""
        return min((span.start for span in (*self.minutes, *self.ten_minutes)), default=inf)


def _closed(now: float, width: float) -> Span:
    """All time of which the aligned stretches of `width` are over at `now`."""
    return Span(-inf, Span.aligned(now, width).start)


def _numbers(spans: Iterable[Span], width: float) -> list[tuple[int, int]]:
    spans = tuple(spans)
    while len(spans) > _MOST_SPANS:
        spans, width = widened(spans, 2 * width), 2 * width
    return [(round(span.start), round(span.end)) for span in spans]


def _spans(numbers: Iterable[tuple[int, int]], width: float) -> Spans:
    return widened((Span(float(start), float(end)) for start, end in numbers), width)
