"""Time ranges as Grafana's time picker has them: `now-6h` to `now`, `now/d`, ISO 8601."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from soakwatch.core.errors import UsageError

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_MONTHS = {"M": 1, "Q": 3, "y": 12}
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_STEP = re.compile(r"([+-])(\d*)([smhdwMQy])|/([smhdwMQy])")
_MOST_MILLISECONDS = 253_402_300_799_999
"""The last of the year 9999."""


@dataclass(frozen=True, slots=True)
class TimeRange:
    """From when to when, in milliseconds since the epoch."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """Milliseconds from the beginning to the end."""
        return self.end - self.start

    @classmethod
    def between(cls, start: str, end: str, now: float) -> "TimeRange":
        """Read both ends; `now` is in seconds since the epoch. `/d` means the beginning of a day, for `end` its end.

        Raises UsageError.
        """
        made = cls(_moment(start, "--from", now, 0), _moment(end, "--to", now, 1))
        if made.length <= 0:
            raise UsageError(f"--from {start!r} must be before --to {end!r}")
        return made


def _moment(text: str, option: str, now: float, rounds_up: int) -> int:
    try:
        seconds = _relative(text.strip(), now, rounds_up)
        moment = round(seconds * 1000)
    except (ValueError, OverflowError):
        moment = -1
    if not 0 <= moment <= _MOST_MILLISECONDS:
        raise UsageError(f"{option}: {text!r} is no time; write now-6h, now/d, or 2026-12-01T08:00:00Z")
    return moment


def _relative(text: str, now: float, rounds_up: int) -> float:
    if not text.startswith("now"):
        return _absolute(text)
    steps = text.removeprefix("now")
    if _STEP.sub("", steps):
        raise ValueError(text)
    moment = datetime.fromtimestamp(now, UTC)
    for sign, number, unit, whole in _STEP.findall(steps):
        if whole:
            moment = _floor(moment, whole)
            # as Grafana, which takes the last millisecond that is still in it
            moment = _later(moment, whole, 1) - timedelta(milliseconds=1) if rounds_up else moment
        else:
            moment = _later(moment, unit, int(f"{sign}{number or 1}"))
    return moment.timestamp()


def _absolute(text: str) -> float:
    if text.isascii() and text.isdigit():
        return int(text) / 1000
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _later(moment: datetime, unit: str, number: int) -> datetime:
    if unit in _UNITS:
        return moment + timedelta(**{_UNITS[unit]: number})
    months = moment.year * 12 + moment.month - 1 + number * _MONTHS[unit]
    year, month = months // 12, months % 12 + 1
    return moment.replace(year=year, month=month, day=min(moment.day, monthrange(year, month)[1]))


def _floor(moment: datetime, unit: str) -> datetime:
    if unit in _SECONDS:
        return datetime.fromtimestamp(moment.timestamp() // _SECONDS[unit] * _SECONDS[unit], UTC)
    midnight = _floor(moment, "d")
    if unit == "w":
        return midnight - timedelta(days=(midnight.weekday() + 1) % 7)  # moment.js: weeks begin on Sunday
    months = _MONTHS[unit]
    return midnight.replace(month=(midnight.month - 1) // months * months + 1, day=1)
