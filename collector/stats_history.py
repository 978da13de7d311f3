"""`_stats_history.csv`: its rows, one for each second and entry, as cells that are known to be what they must be."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from soakwatch.collector.file_kind import FileKind
from soakwatch.collector.locust_csv import CsvFile, Place, check_text, check_width, row_at
from soakwatch.collector.locust_numbers import milliseconds, not_more, number, whole
from soakwatch.collector.percentile_columns import NOT_KNOWN, shares_of

_FIRST_SECOND, _LAST_SECOND = 10**8, 10**11
"""Timestamps between 1973 and 5138: others are no seconds since the epoch."""

_TOTALS = ("request count", "failure count", "average response time", "min response time", "max response time")
_SIZE = "average content size"

# What Locust itself writes, in the order of the groups; a row that is written differently is read by csv, and checked
# cell by cell, which takes four times as long. Seven digits are hours of milliseconds: longer ones are looked at, too.
_WHOLE = r'"?([0-9]{1,15})"?'
_STAMP = r'"?([0-9]{10})"?'
_TEXT = r'("[^"\r\n\0\ud800-\udfff]*"|[^",\r\n\0\ud800-\udfff]*)'
_TIME = r"([0-9]{1,7}(?:\.[0-9]*)?)"
_NUMBER = r"([0-9]{1,15}(?:\.[0-9]*)?)"
_ANYTHING = r'[^",\r\n\0]*'


class Cells(NamedTuple):
    """The cells of one row that matter, as text; `percentiles` in the order of the shares, `users` empty if unknown."""

    stamp: str
    users: str
    type: str
    name: str
    percentiles: str
    requests: str
    failures: str
    average: str
    low: str
    high: str
    size: str


class HistoryFormat:
    """The columns of one history, in the order of any Locust since 0.14. Raises UsageError where some are missing."""

    def __init__(self, file: CsvFile) -> None:
        """Find the columns of `file`."""
        prefix = "total " if "total request count" in file.columns else ""
        totals = [f"{prefix}{name}" for name in (*_TOTALS, _SIZE)]
        users = ["user count"] if prefix else []
        at = file.where(["timestamp", *users, "type", "name", *totals], FileKind.HISTORY)
        self.columns = file.columns
        self.shares = shares_of(file.columns)
        self._percentiles = list(self.shares.values())
        self._users = at["user count"] if prefix else None
        self._stamp, self._type, self._name = at["timestamp"], at["type"], at["name"]
        self._totals = [at[name] for name in totals]
        self.order, self.pattern = self._fast_pattern()

    def _fast_pattern(self) -> tuple[tuple[int, ...], re.Pattern[str]]:
        """A pattern for a row as Locust writes it, and the numbers of its groups in the order of `Cells`."""
        *counts, average, low, high, size = self._totals
        kinds = {self._stamp: _STAMP, self._type: _TEXT, self._name: _TEXT, size: _NUMBER}
        kinds |= dict.fromkeys(counts, _WHOLE) | dict.fromkeys((average, low, high), _TIME)
        if self._users is not None:
            kinds[self._users] = _WHOLE
        patterns: list[str] = []
        groups: dict[int | str, int] = {}
        block = self._percentile_block()
        for index in range(len(self.columns)):
            if index in block:
                if index == block[0]:
                    groups["percentiles"] = len(groups) + 1
                    patterns.append(_percentiles_pattern(len(block)))
                continue
            patterns.append(kinds.get(index, _ANYTHING))
            if index in kinds:
                groups[index] = len(groups) + 1
        # an empty group stands for a column that older files do not have
        nothing = len(groups) + 1
        users = nothing if self._users is None else groups[self._users]
        order = (
            groups[self._stamp],
            users,
            *(groups[self._type], groups[self._name], groups.get("percentiles", nothing)),
            *(groups[index] for index in self._totals),
        )
        return order, re.compile(f"{','.join(patterns)}()\r?\n")

    def _percentile_block(self) -> list[int]:
        # percentiles in ascending order beside each other are one group, as they are in all of Locust's files
        indexes = self._percentiles
        return indexes if indexes and indexes == list(range(indexes[0], indexes[-1] + 1)) else []

    def cells(self, line: str, lines: Iterator[str], place: Place) -> tuple[Cells, int]:
        """The cells of the row that begins with `line`, and how many lines it has, checked one by one.

        Raises UsageError at a cell that is not what it must be.
        """
        row, length = row_at(line, lines, place)
        check_width(check_text(row, place), len(self.columns), place)
        stamp = whole(row[self._stamp], "Timestamp", place)
        if not _FIRST_SECOND <= stamp <= _LAST_SECOND:
            raise place.wrong(f"Timestamp is {stamp}", "seconds since 1970 were expected")
        if self._users is not None:
            whole(row[self._users], "User Count", place)
        self._check_totals(row, place)
        times = [row[index] for index in self._percentiles]
        if any(text != NOT_KNOWN for text in times):
            for index in self._percentiles:
                milliseconds(row[index], self.columns[index], place)
        users = "" if self._users is None else row[self._users]
        totals = (row[index] for index in self._totals)
        return Cells(row[self._stamp], users, row[self._type], row[self._name], ",".join(times), *totals), length

    def _check_totals(self, row: list[str], place: Place) -> None:
        count, failures, *times, size = self._totals
        requests = whole(row[count], self.columns[count].title(), place)
        not_more(whole(row[failures], self.columns[failures].title(), place), requests, place)
        for index in times:
            milliseconds(row[index], self.columns[index].title(), place)
        number(row[size], self.columns[size].title(), place)


def _percentiles_pattern(length: int) -> str:
    return f'((?:[0-9]{{1,7}},){{{length - 1}}}[0-9]{{1,7}}|(?:"?{NOT_KNOWN}"?,){{{length - 1}}}"?{NOT_KNOWN}"?)'
