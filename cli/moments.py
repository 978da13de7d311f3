"""Moments: times and durations as people write and read them on a command line."""

import re
from datetime import UTC, datetime

from soakwatch.core.errors import UsageError

_UNITS = {"m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([mhdw])")
_LATEST = 253_402_300_799.0
"""The last second of the year 9999."""


def moment_to_come(text: str, option: str, now: float) -> float:
    """As `moment_of`. Raises UsageError also for one that has passed."""
    seconds = moment_of(text, option)
    if seconds <= now:
        raise UsageError(f"{option}: {text!r} has passed; it is {written_moment(now)}")
    return seconds


def moment_of(text: str, option: str) -> float:
    """Read a moment as ISO 8601, UTC unless it says otherwise. Raises UsageError."""
    try:
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise UsageError(f"{option}: {text!r} is no time; write it as 2026-12-01T08:00:00Z") from None


def seconds_of(text: str, option: str) -> float:
    """Read a duration such as 30m, 12h, 7d or 2w. Raises UsageError."""
    found = _DURATION.fullmatch(text.strip().lower())
    seconds = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if not 0 < seconds < _LATEST / 2:
        raise UsageError(f"{option}: {text!r} is no duration; write it as 30m, 12h, 7d or 2w")
    return seconds


def written_moment(seconds: float) -> str:
    """Write a moment to the second: `2026-11-23 02:00:00 UTC`."""
    return f"{_moment(seconds):%Y-%m-%d %H:%M:%S} UTC"


def written_minute(seconds: float) -> str:
    """Write a moment to the minute, for tables: `2026-11-23 02:00`."""
    return f"{_moment(seconds):%Y-%m-%d %H:%M}"


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(min(max(seconds, 0.0), _LATEST), UTC)
