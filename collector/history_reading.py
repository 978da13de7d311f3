"""Reading a history: from what Locust had counted so far, each second, to what happened in each stretch of time."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import floor
from pathlib import Path
from typing import NamedTuple

from soakwatch.collector.locust_csv import CsvFile, Place, open_csv
from soakwatch.collector.locust_numbers import not_more
from soakwatch.collector.stats_csv import Entry, is_total
from soakwatch.collector.stats_history import Cells, HistoryFormat
from soakwatch.core.errors import UsageError

CURRENT = 10.0
"""Seconds that the percentiles of a row look back, where they do not cover the whole run."""

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


class _Progress:
    """What is known of one entry: its last row, and how much of it is in closed stretches."""

    __slots__ = (
        *("base_requests", "base_failures", "base_high", "base_low", "base_size", "base_total", "cells"),
        *("changed", "failures", "failures_text", "highest", "number", "percentiles", "requests", "requests_text"),
    )

    def __init__(self, number: int) -> None:
        self.number = number
        self.requests_text = self.failures_text = "0"
        self.changed = False
        self.cells: Cells | tuple[str, ...] = ()
        self.percentiles = ""
        self.start_anew()

    def start_anew(self) -> None:
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


class _Clock:
    """Time that never goes back: while the file's clock is behind, it goes on as fast as that one."""

    def __init__(self) -> None:
        self.now = self._last = 0
        self.setbacks = 0

    def at(self, stamp: int) -> int:
        if stamp < self._last:
            self.setbacks += 1
        self.now = stamp if stamp >= self.now else self.now + max(0, stamp - self._last)
        self._last = stamp
        return self.now


def read_history(
    path: Path, width: float, keep: Callable[[Stretch], None], progress: Callable[[int], None]
) -> HistoryFacts:
    """Read a history in constant memory: give `keep` its stretches of time in order, and tell what it holds.

    Windows are `width` seconds; a stretch is one, or some ten seconds of a longer one. `progress` is told how many
    bytes are read. Each request is in one part, in the stretch of the first row that counts it. Raises UsageError at a
    line that is wrong; a last line that is cut off is left aside.
    """
    with open_csv(path) as file:
        return _Reading(file, width, keep, progress).run()


@dataclass(slots=True)
class _Tally:
    """Requests, how many of them were discarded by resets, and when (bounded by the seconds that had one)."""

    requests: int = 0
    reset: int = 0
    resets: set[int] = field(default_factory=set)


class _Reading:
    def __init__(
        self, file: CsvFile, width: float, keep: Callable[[Stretch], None], progress: Callable[[int], None]
    ) -> None:
        self._file = file
        self._format = HistoryFormat(file)
        self._width = width
        self._keep = keep
        self._progress = progress
        self._clock = _Clock()
        self._numbers: dict[Entry, int] = {}
        self._entries: dict[Entry, _Progress] = {}
        self._by_text: dict[tuple[str, str], _Progress] = {}
        self._changed: list[_Progress] = []
        self._parts: list[Part] = []
        self._stretch: tuple[int, int] | None = None
        self._start: float | None = None
        self._users = ""
        self._most_users = 0
        self._cut = False
        self._digest = ""
        self._first_second: list[str] = []
        self._tally = {True: _Tally(), False: _Tally()}
        self._fell = False

    def run(self) -> HistoryFacts:
        """Read all of it."""
        lines, check = self._file.lines, self._checked
        match, order = self._format.pattern.fullmatch, self._format.order
        known = self._by_text.get
        number, last_stamp = 1, ""
        cells: tuple[str, ...]
        # this loop runs for each of millions of rows: what is usual costs a match, a look-up and two comparisons
        for line in lines:
            number += 1
            found = match(line)
            if found:
                cells = found.group(*order)
            elif not line.strip():
                continue
            else:
                more = check(line, Place(self._file.path, number))
                if more is None:
                    break
                cells, length = more
                number += length - 1
            stamp, users, method, name, percentiles, requests, failures, *_ = cells
            if stamp != last_stamp:
                last_stamp = stamp
                self._tick(stamp, users)
            entry = known((method, name)) if found else self._entry((method, name))
            if entry is None:
                entry = self._by_text[method, name] = self._entry((_unquoted(method), _unquoted(name)))
            if requests != entry.requests_text or failures != entry.failures_text:
                self._count(entry, cells, number)
            elif entry.changed and not entry.percentiles:
                # the percentiles of the last ten seconds begin a second after their first request
                entry.percentiles = _if_any(percentiles)
        return self._facts()

    def _checked(self, line: str, place: Place) -> tuple[Cells, int] | None:
        """The cells of a row that is not written as Locust usually does, and how many lines it has.

        None when it is the last one and cut off.
        """
        try:
            return self._format.cells(line, self._file.lines, place)
        except UsageError:
            if line.endswith("\n") or next(self._file.lines, None) is not None:
                raise
            self._cut = True
            return None

    def _entry(self, key: Entry) -> _Progress:
        if key not in self._entries:
            if is_total(key):
                number = TOTAL
            else:
                number = self._numbers[key] = len(self._numbers)
            self._entries[key] = _Progress(number)
        return self._entries[key]

    def _tick(self, stamp: str, users: str) -> None:
        if self._first_second and not self._digest:
            self._take_digest()
        if self._start is None:
            self._start = float(stamp)
        now = self._clock.at(int(stamp))
        number = floor(now / self._width)
        stretch = (number, floor((now - number * self._width) / CURRENT))
        if stretch != self._stretch:
            self._close()
            self._stretch = stretch
        if users and users != self._users:
            self._most_users = max(self._most_users, int(users))
        self._users = users

    def _count(self, entry: _Progress, cells: tuple[str, ...], line: int) -> None:
        """Take in a row that counts more than the last one of its entry, or less: then Locust has begun anew."""
        requests, failures = int(cells[5]), int(cells[6])
        if failures > requests:
            not_more(failures, requests, Place(self._file.path, line))
        if requests < entry.requests or failures < entry.failures:
            self._reset(entry)
        if not self._digest:
            self._first_second.append("\n".join(map(_unquoted, cells)))
        if not self._fell and (entry.number != TOTAL or not self._numbers):
            self._look_at_highest(entry, cells[4])
        entry.cells = cells
        entry.requests, entry.failures = requests, failures
        entry.requests_text, entry.failures_text = cells[5], cells[6]
        entry.percentiles = _if_any(cells[4]) or entry.percentiles
        if not entry.changed:
            entry.changed = True
            self._changed.append(entry)

    def _reset(self, entry: _Progress) -> None:
        if entry.changed:
            self._parts.append(self._part(entry))
            self._changed.remove(entry)
        tally = self._tally[entry.number == TOTAL]
        tally.reset += entry.requests
        tally.resets.add(self._clock.now)
        entry.start_anew()

    def _part(self, entry: _Progress) -> Part:
        part = entry.part()
        self._tally[entry.number == TOTAL].requests += part.requests
        return part

    def _take_digest(self) -> None:
        # the first second that counts anything has means of many digits: two runs that began at once differ in it
        beginning = "\n".join((*self._format.columns, f"{self._start:.0f}", *self._first_second))
        self._digest = hashlib.sha256(beginning.encode("utf-8", "surrogateescape")).hexdigest()

    def _look_at_highest(self, entry: _Progress, percentiles: str) -> None:
        highest = float(percentiles.rpartition(",")[2]) if _if_any(percentiles) else 0.0
        if highest < entry.highest:
            self._fell = True
        entry.highest = highest

    def _close(self) -> None:
        self._parts += [self._part(entry) for entry in self._changed]
        self._changed.clear()
        if self._numbers:
            self._parts = [part for part in self._parts if part.entry != TOTAL]
        if self._stretch is not None:
            self._keep(Stretch(self._stretch[0], int(self._users) if self._users else None, self._parts))
        self._parts = []
        self._progress(self._file.position)

    def _facts(self) -> HistoryFacts:
        if self._start is None:
            raise Place(self._file.path, 2).wrong("nothing follows the header", "a row for each second was expected")
        self._close()
        if not self._digest:
            self._take_digest()
        tally = self._tally[not self._numbers]
        return HistoryFacts(
            path=self._file.path,
            shares=tuple(self._format.shares),
            start=self._start,
            end=float(self._clock.now),
            users=self._most_users,
            entries=self._numbers,
            requests=tally.requests,
            reset=tally.reset,
            resets=len(tally.resets),
            setbacks=self._clock.setbacks,
            cut=self._cut,
            cumulative=not self._fell,
            digest=self._digest,
        )


def _unquoted(text: str) -> str:
    return text[1:-1] if text[:1] == '"' else text


def _if_any(percentiles: str) -> str:
    """The percentiles as they are; empty when Locust had none: `N/A` or 0 throughout."""
    return "" if percentiles[-1:] in {"", "A", '"'} or percentiles == "0" or percentiles.endswith(",0") else percentiles
