"""Numbers as Locust writes them into its files, checked."""

import re
from math import isfinite

from soakwatch.collector.locust_csv import Place

DAY = 86_400_000.0
"""Milliseconds; a response time that is longer is a mistake."""

_DECIMAL_COMMA = re.compile(r"[0-9][0-9.\s']*,[0-9]+")
_PLAIN = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def whole(text: str, column: str, place: Place) -> int:
    """A count. Raises UsageError when it is none, or negative."""
    if text.isascii() and text.isdigit() and len(text) <= 15:  # noqa: PLR2004  (what a float holds exactly)
        return int(text)
    value = number(text, column, place)
    if not value.is_integer():
        raise place.wrong(f"{column} is {text}", "a whole number was expected")
    raise place.wrong(f"{column} is {text}", "a count such as 1234 was expected, without a sign or a point")


def milliseconds(text: str, column: str, place: Place) -> float:
    """A response time. Raises UsageError when it is none, or longer than a day."""
    value = number(text, column, place)
    if value > DAY:
        raise place.wrong(f"{column} is {text} ms", "a response time of at most a day (86,400,000 ms) was expected")
    return value


def number(text: str, column: str, place: Place) -> float:
    """A finite number that is not negative. Raises UsageError when it is something else."""
    if not _PLAIN.fullmatch(text):
        remark = " (the decimal sign is a point in Locust's files)" if _DECIMAL_COMMA.fullmatch(text) else ""
        raise place.wrong(f"{column} is {text!r}", f"a number such as 1234.5 was expected{remark}")
    value = float(text)
    if not isfinite(value):
        raise place.wrong(f"{column} is {text}", "a finite number was expected")
    if value < 0:
        raise place.wrong(f"{column} is {text}", "a number from 0 on was expected")
    return value


def not_more(failures: int, requests: int, place: Place) -> None:
    """Raise UsageError where there are more failures than requests."""
    if failures > requests:
        raise place.wrong(f"{failures:,} failures of {requests:,} requests", "at most as many failures as requests")
