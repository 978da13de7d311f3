"""Nanoseconds: InfluxDB's times, from and to seconds since the epoch, without losing any."""

from datetime import datetime
from functools import lru_cache
from math import floor, isfinite

NANO = 1_000_000_000
EARLIEST, LATEST = -(2**63) + 2, 2**63 - 2
"""The first and the last moment that InfluxDB knows."""


def to_nanoseconds(seconds: float) -> int:
    """Nearest nanosecond. Raises ValueError outside of what InfluxDB knows, 1677 to 2262."""
    if isfinite(seconds):
        whole = floor(seconds)
        moment = whole * NANO + round((seconds - whole) * NANO)
        if EARLIEST <= moment <= LATEST:
            return moment
    raise ValueError(f"{seconds} s since the epoch is no time that InfluxDB knows")


MILLISECOND = 1_000_000
"""In nanoseconds."""


def in_milliseconds(moment: int) -> int:
    """Nearest millisecond of a moment in nanoseconds."""
    return (moment + MILLISECOND // 2) // MILLISECOND


def bounded_nanoseconds(seconds: float) -> int:
    """Nearest nanosecond that InfluxDB knows; also for infinite times."""
    if abs(seconds) * NANO >= LATEST:
        return LATEST if seconds > 0 else EARLIEST
    return to_nanoseconds(seconds)


def from_nanoseconds(moment: int) -> float:
    """Nearest number of seconds."""
    # a division of whole numbers is rounded once; a float of so many nanoseconds has been rounded before
    return moment / NANO


@lru_cache(maxsize=65_536)
def parse_moment(text: str) -> int:
    """Nanoseconds of `2026-11-23T02:00:00.5Z`, as Flux answers."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    seconds = round(datetime.fromisoformat(f"{whole}+00:00").timestamp())
    return seconds * NANO + int(f"{fraction:0<9}")
