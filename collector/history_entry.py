"""One entry of a history: from what Locust had counted so far to what it did in one stretch of time."""

from typing import NamedTuple

from soakwatch.collector.stats_history import Cells

TOTAL = -1
"""Number of the entry that is the sum of all others."""


class Part(NamedTuple):
    """What one entry did in one stretch of time.

    `total` (ms) and `size` (bytes) are sums, None where Locust wrote their means without a fraction, from which no sums
    can be taken. `percentiles` are as in the file, empty where it has none for this stretch. `low` and `high` (ms) are
    the fastest and slowest response of the run so far, `new_low` and `new_high` say that it was in this stretch.
    `sofar` requests since the statistics were reset, this stretch included, took `mean` ms.
    """

    entry: int
    requests: int
    failures: int
    total: float | None
    size: int
    percentiles: str
    low: float
    new_low: bool
    high: float
    new_high: bool
    sofar: int
    mean: float


class HistoryEntry:
    """What is known of one entry: its last row, and how much of it is in closed stretches.

    `changed` says that it counted something since the last stretch was closed.
    """

    __slots__ = (
        *("base_requests", "base_failures", "base_high", "base_low", "base_size", "base_total", "cells"),
        *("changed", "failures", "failures_text", "highest", "number", "percentiles", "requests", "requests_text"),
    )

    def __init__(self, number: int) -> None:
        """Number `number`, of which no row was read yet."""
        self.number = number
        self.requests_text = self.failures_text = "0"
        self.changed = False
        self.cells: Cells | tuple[str, ...] = ()
        self.percentiles = ""
        self.start_anew()

    def start_anew(self) -> None:
        """Nothing is counted, as at the beginning and after Locust has reset its statistics."""
        self.requests = self.failures = 0
        self.base_requests = self.base_failures = self.base_size = 0
        self.base_total = 0.0
        self.base_low = self.base_high = ""
        self.highest = 0.0

    def part(self) -> Part:
        """What happened since the last one."""
        _, _, _, _, _, _, _, average, low, high, size = self.cells
        mean = float(average)
        # whole means are cut off by up to 1: times the count of a run that is far more than one stretch took
        exact = "." in average or "e" in average
        total = mean * self.requests if exact else None
        bytes_sent = round(float(size) * self.requests)
        requests = self.requests - self.base_requests
        part = Part(
            self.number,
            requests,
            self.failures - self.base_failures,
            None if total is None else max(0.0, total - self.base_total),
            max(0, bytes_sent - self.base_size) if exact else round(float(size) * requests),
            self.percentiles,
            float(low),
            low != self.base_low,
            float(high),
            high != self.base_high,
            self.requests,
            mean,
        )
        self.base_requests, self.base_failures, self.base_size = self.requests, self.failures, bytes_sent
        self.base_total = total or 0.0
        self.base_low, self.base_high = low, high
        self.percentiles = ""
        self.changed = False
        return part

    def count(self, cells: tuple[str, ...]) -> None:
        """Take in a row that counts something else than the last one."""
        self.cells = cells
        self.requests_text, self.failures_text = cells[5], cells[6]
        self.requests, self.failures = int(cells[5]), int(cells[6])
        self.percentiles = if_any(cells[4]) or self.percentiles


def if_any(percentiles: str) -> str:
    """The percentiles as they are; empty when Locust had none: `N/A` or 0 throughout."""
    return "" if percentiles[-1:] in {"", "A", '"'} or percentiles == "0" or percentiles.endswith(",0") else percentiles
