"""Spans: stretches of time, half open."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """[start, end), in seconds since the epoch."""

    start: float
    end: float

    @classmethod
    def aligned(cls, moment: float, width: float) -> Self:
        """The stretch of `width` seconds that `moment` is in, counted from the epoch."""
        start = moment // width * width
        return cls(start, start + width)
