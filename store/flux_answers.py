"""Flux answers: from the CSV that streams in to tables, without looking at each row in Python."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from soakwatch.core.errors import StoreUnavailable
from soakwatch.store.flux import FIELD, TIME, VALUE
from soakwatch.store.text_codec import decode_text

csv.field_size_limit(2**24)
"""InfluxDB keeps a text of up to 1 MiB, though it promises 64 KiB only; the standard library stops at 128 KiB."""

_END = "\r\n"
_HEADERS = (",result,", ",error,")
"""Rows begin with `,_result,` instead."""

_TABLE, _TIME, _VALUE = 2, 3, 4
"""The columns with the number of the table, and those where Flux puts time and value."""

_LONGEST_NUMBER = 40
"""Characters of a row in which the number of its table ends."""


@dataclass(frozen=True, slots=True)
class Table:
    """Neighbouring rows of one field of one series: `tags` in the order asked for, decoded.

    `times` and `values` are as long as each other, as Flux wrote them. `times` are empty texts after a sum.
    """

    tags: tuple[str, ...]
    field: str
    times: Sequence[str]
    values: Sequence[str]


Record = tuple[tuple[str, ...], str, tuple[str | None, ...]]
"""Tags, time and values of one point."""


def tables(blocks: Iterable[bytes], tags: Sequence[str]) -> Iterator[Table]:
    """Read an answer without annotations, of which the columns `tags`, field, time and value were kept.

    A table may come in several parts. Raises StoreUnavailable where the server gives up in the middle.
    """
    layout: _Layout | None = None
    for block in _whole_lines(blocks):
        # a new header comes at the very beginning, and after an empty line
        for part in block.split(_END * 2):
            rows = part.strip(_END)
            if rows.startswith(_HEADERS):
                header, _, rows = rows.partition(_END)
                layout = _Layout.of(header, tags)
            if rows and layout is not None:
                yield from layout.read(rows)


def records(found: Iterable[Table], fields: Sequence[str]) -> Iterator[Record]:
    """Put the fields of each point together, in the order of `fields`; None where it has no such field.

    The first of `fields` is one that every point has.
    """
    series: defaultdict[tuple[str, ...], defaultdict[str, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    for table in found:
        series[table.tags][table.field].update(zip(table.times, table.values, strict=True))
    for tags, columns in series.items():
        times = list(columns[fields[0]])
        values = zip(*(map(columns[name].get, times) for name in fields), strict=True)
        yield from zip([tags] * len(times), times, values, strict=True)


def _whole_lines(blocks: Iterable[bytes]) -> Iterator[str]:
    rest = b""
    for block in blocks:
        whole, end, rest = (rest + block).rpartition(b"\r\n")
        yield (whole + end).decode()
    yield rest.decode()


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where in a row what stands; all rows from one header to the next are alike."""

    time: int | None
    value: int
    field: int | None
    tags: tuple[int, ...]

    @property
    def plain(self) -> bool:
        """Whether all that differs from row to row of a table is side by side, with something after it."""
        return (self.time, self.value) == (_TIME, _VALUE) and self.field is not None

    @classmethod
    def of(cls, header: str, tags: Sequence[str]) -> "_Layout":
        names = header.split(",")
        if "error" in names:
            raise StoreUnavailable("InfluxDB gave up in the middle of an answer; try again, or ask for less")
        place = {name: number for number, name in enumerate(names)}
        return cls(place.get(TIME), place[VALUE], place.get(FIELD), tuple(place[tag] for tag in tags))

    def read(self, rows: str) -> Iterator[Table]:
        start = 0
        while start < len(rows):
            number = rows[start : start + _LONGEST_NUMBER].split(",", 3)[_TABLE]
            end = rows.find(f"{_END},_result,{int(number) + 1},", start)
            end = len(rows) if end < 0 else end
            yield from self._tables(rows[start:end])
            start = end + len(_END)

    def _tables(self, rows: str) -> Iterator[Table]:
        """Rows of one table, most probably."""
        first, _, _ = rows.partition(_END)
        cells = first.split(",", _VALUE + 1)
        if self.plain:
            head, tail = ",".join(cells[:_TIME]) + ",", "," + cells[-1]
            numbers = rows[len(head) : -len(tail)].replace(f"{tail}{_END}{head}", ",")
            if '"' not in numbers and _END not in numbers:
                times_and_values = numbers.split(",")
                return iter([self._table(next(csv.reader([first])), times_and_values[::2], times_and_values[1::2])])
        return self._by_row(rows)

    def _by_row(self, rows: str) -> Iterator[Table]:
        for _, group in groupby(csv.reader(rows.split(_END)), key=itemgetter(_TABLE)):
            found = list(group)
            times = [""] * len(found) if self.time is None else [row[self.time] for row in found]
            yield self._table(found[0], times, [row[self.value] for row in found])

    def _table(self, row: Sequence[str], times: Sequence[str], values: Sequence[str]) -> Table:
        tags = tuple(decode_text(row[place]) for place in self.tags)
        return Table(tags, "" if self.field is None else row[self.field], times, values)
