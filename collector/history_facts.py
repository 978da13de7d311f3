"""What a history holds: its stretches of time, one by one, and what is known of all of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from soakwatch.collector.history_entry import Part
from soakwatch.collector.stats_csv import Entry


class Stretch(NamedTuple):
    """Part of the window `number` or all of it: `users` at its end (None: not known), and what each entry did."""

    number: int
    users: int | None
    parts: list[Part]


@dataclass(frozen=True, slots=True)
class HistoryFacts:
    """What a history holds.

    `shares` are those of its percentile columns. `start` and `end` are seconds since the epoch, `users` is the peak.
    `entries` are numbered in the order of their appearance, without the total, which `requests` counts only when there
    are no others; `reset` of them were counted before Locust reset its statistics, `resets` times. `cumulative` says
    that percentiles cover the whole run so far, as Locust wrote them from 1.6 until some 2.x, and later versions
    without `--csv-full-history`: then no highest one ever falls. `digest` is the same for all files that begin alike,
    `cut` says that the last line was cut off, `setbacks` counts how often the clock was set back.
    """

    path: Path
    shares: Sequence[float]
    start: float
    end: float
    users: int
    entries: Mapping[Entry, int]
    requests: int
    reset: int
    resets: int
    setbacks: int
    cut: bool
    cumulative: bool
    digest: str

    @property
    def only_total(self) -> bool:
        """Whether nothing is known of single endpoints."""
        return not self.entries
