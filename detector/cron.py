"""Cron: the moments that a cron expression means."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim

from soakwatch.core.span import Span

_DAY = 86_400


def moments(expression: str, span: Span, time_zone: str) -> Iterator[float]:
    """When `expression` holds in `span`, in seconds since the epoch, in order; times of the day are `time_zone`'s.

    As Debian's cron does it, what would begin in the hour that is skipped in spring begins right after it, and what
    begins in the hour that comes twice in autumn begins once.
    """
    for day in range(int(span.start // _DAY), int(span.end // _DAY) + 1):
        for moment in _moments_of_day(expression, day, time_zone):
            if span.start <= moment < span.end:
                yield moment


@lru_cache(maxsize=1024)
def _moments_of_day(expression: str, day: int, time_zone: str) -> tuple[float, ...]:
    """Those of a day of UTC; each step asks, and the answer is the same all day."""
    begin, end = day * _DAY, (day + 1) * _DAY
    found: list[float] = []
    for moment in CronSim(expression, datetime.fromtimestamp(begin - 1, UTC).astimezone(ZoneInfo(time_zone))):
        seconds = moment.timestamp()
        if seconds >= end:
            break
        # an expression with a fixed hour is followed by the wall clock, which may step back
        if seconds >= begin and (not found or seconds > found[-1]):
            found.append(seconds)
    return tuple(found)
