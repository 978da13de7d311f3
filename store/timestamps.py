"""Timestamps: moments as ISO 8601 text in UTC, without losing a digit."""

import re
from datetime import UTC, datetime
from decimal import Decimal

TIMESTAMP_PATTERN = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$"


def format_timestamp(seconds: float) -> str:
    """Write `seconds` since the epoch: `2026-11-23T02:00:00.5Z`, with as many decimals as the number has.

    A `datetime` ends at microseconds, where the clock does not. Raises ValueError before 1970 and after 9999.
    """
    whole, fraction = divmod(Decimal(repr(float(seconds))), 1)
    if whole < 0:
        raise ValueError(f"{seconds} is before 1970")
    moment = datetime.fromtimestamp(int(whole), UTC)
    digits = f"{fraction:f}".removeprefix("0.").rstrip("0") if fraction else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{'.' if digits else ''}{digits}Z"


def parse_timestamp(text: str) -> float:
    """Read what `format_timestamp` wrote. Raises ValueError when `text` is something else."""
    if not re.fullmatch(TIMESTAMP_PATTERN, text, re.ASCII):
        raise ValueError(f"should be a time in UTC such as '2026-11-23T02:00:00Z', not {text!r}")
    whole, _, fraction = text.removesuffix("Z").partition(".")
    try:
        seconds = int(datetime.fromisoformat(f"{whole}+00:00").timestamp())
    except ValueError:
        raise ValueError(f"there is no such time as {text!r}") from None
    if seconds < 0:
        raise ValueError(f"{text!r} is before 1970")
    return float(f"{seconds}.{fraction or 0}")
