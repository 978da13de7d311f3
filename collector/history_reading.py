"""Reading a history: from what Locust had counted so far, each second, to what happened in each stretch of time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import floor
from pathlib import Path

from soakwatch.collector.history_beginning import HistoryBeginning
from soakwatch.collector.history_clock import HistoryClock
from soakwatch.collector.history_entry import TOTAL, HistoryEntry, Part, if_any
from soakwatch.collector.history_facts import HistoryFacts, Stretch
from soakwatch.collector.locust_csv import CsvFile, Place, open_csv, unquoted
from soakwatch.collector.locust_numbers import not_more
from soakwatch.collector.stats_csv import Entry, is_total
from soakwatch.collector.stats_history import Cells, HistoryFormat
from soakwatch.core.errors import UsageError

CURRENT = 10.0
"""Seconds that the percentiles of a row look back, where they do not cover the whole run."""


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
        self._clock = HistoryClock()
        self._numbers: dict[Entry, int] = {}
        self._entries: dict[Entry, HistoryEntry] = {}
        self._by_text: dict[tuple[str, str], HistoryEntry] = {}
        self._changed: list[HistoryEntry] = []
        self._parts: list[Part] = []
        self._stretch: tuple[int, int] | None = None
        self._start: float | None = None
        self._users = ""
        self._most_users = 0
        self._cut = False
        self._beginning = HistoryBeginning(self._format.columns)
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
                entry = self._by_text[method, name] = self._entry((unquoted(method), unquoted(name)))
            if requests != entry.requests_text or failures != entry.failures_text:
                self._count(entry, cells, number)
            elif entry.changed and not entry.percentiles:
                # the percentiles of the last ten seconds begin a second after their first request
                entry.percentiles = if_any(percentiles)
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

    def _entry(self, key: Entry) -> HistoryEntry:
        if key not in self._entries:
            if is_total(key):
                number = TOTAL
            else:
                number = self._numbers[key] = len(self._numbers)
            self._entries[key] = HistoryEntry(number)
        return self._entries[key]

    def _tick(self, stamp: str, users: str) -> None:
        if self._start is None:
            self._start = float(stamp)
        self._beginning.next_second(self._start)
        now = self._clock.at(int(stamp))
        number = floor(now / self._width)
        stretch = (number, floor((now - number * self._width) / CURRENT))
        if stretch != self._stretch:
            self._close()
            self._stretch = stretch
        if users and users != self._users:
            self._most_users = max(self._most_users, int(users))
        self._users = users

    def _count(self, entry: HistoryEntry, cells: tuple[str, ...], line: int) -> None:
        """Take in a row that counts more than the last one of its entry, or less: then Locust has begun anew."""
        requests, failures = int(cells[5]), int(cells[6])
        if failures > requests:
            not_more(failures, requests, Place(self._file.path, line))
        if requests < entry.requests or failures < entry.failures:
            self._reset(entry)
        if not self._beginning.is_over:
            self._beginning.add(cells)
        if not self._fell and (entry.number != TOTAL or not self._numbers):
            self._look_at_highest(entry, cells[4])
        entry.count(cells)
        if not entry.changed:
            entry.changed = True
            self._changed.append(entry)

    def _reset(self, entry: HistoryEntry) -> None:
        if entry.changed:
            self._parts.append(self._part(entry))
            self._changed.remove(entry)
        tally = self._tally[entry.number == TOTAL]
        tally.reset += entry.requests
        tally.resets.add(self._clock.now)
        entry.start_anew()

    def _part(self, entry: HistoryEntry) -> Part:
        part = entry.part()
        self._tally[entry.number == TOTAL].requests += part.requests
        return part

    def _look_at_highest(self, entry: HistoryEntry, percentiles: str) -> None:
        highest = float(percentiles.rpartition(",")[2]) if if_any(percentiles) else 0.0
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
            digest=self._beginning.end(self._start),
        )
