"""Percentile columns: which share of the responses each stands for, and their times between the exact bounds."""

import re
from collections.abc import Mapping, Sequence

_COLUMN = re.compile(r"([0-9]{1,3}(?:\.[0-9]+)?)%")
NOT_KNOWN = "N/A"
"""What Locust writes where there was no request."""


def shares_of(columns: Sequence[str]) -> dict[float, int]:
    """Index of each percentile column, by the share of the responses that it stands for, ascending: `95%` is 0.95."""
    found = {index: _COLUMN.fullmatch(name) for index, name in enumerate(columns)}
    shares = {round(float(match[1]) / 100, 10): index for index, match in found.items() if match}
    return {share: shares[share] for share in sorted(shares) if 0 < share <= 1}


def between_bounds(percentiles: Mapping[float, float], low: float, high: float) -> dict[float, float]:
    """Percentiles that agree with the fastest and the slowest response, which become those of the shares 0 and 1.

    Locust knows these two exactly, but rounds the percentiles to two digits: a slowest response of 143 ms has a 100 %
    column of 140, a fastest one of 12.7 ms a median of 13 when it is the only one.
    """
    inner = {share: min(max(time, low), high) for share, time in percentiles.items() if 0 < share < 1}
    return {0.0: low, **dict(sorted(inner.items())), 1.0: high}
