"""Flux numbers: the times and values of one field of many series, from the bytes of an answer into arrays."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from soakwatch.store.flux_answers import tables
from soakwatch.store.history import FloatArray
from soakwatch.store.nanoseconds import from_nanoseconds, parse_moment
from soakwatch.store.text_codec import decode_text

_END = b"\r\n"
_TIME, _VALUE = 3, 4
_SECONDS = len("2026-11-23T02:00:00")
"""Characters of a time in whole seconds, before its Z."""

_NUMBER = re.compile(rb",_result,(\d+),")
"""How each row begins, with the number of its table."""

Bytes = npt.NDArray[np.uint8]


def arrays_of(blocks: Iterable[bytes], tags: Sequence[str]) -> Iterator[tuple[tuple[str, ...], FloatArray]]:
    """Each series by the values of its `tags`, with times (seconds) and values, of shape (2, n); maybe in parts.

    The answer has the columns time, value and `tags`. Raises StoreUnavailable where the server gives up in the middle.
    """
    times = _Times()
    for part in _parts(blocks):
        array = part.array(times)
        if array is None:
            yield from part.row_by_row(tags)
        else:
            yield part.series(tags), array


@dataclass(frozen=True, slots=True)
class _Part:
    """The rows of one table, with the header above them."""

    header: bytes
    rows: bytes

    @property
    def last_header(self) -> bytes:
        """The header of what comes next: another one comes after an empty line."""
        *_, last = self.rows.rpartition(_END * 2)
        return last if last.startswith(b",result,") and last != self.rows else self.header

    def array(self, times: "_Times") -> FloatArray | None:
        """Times and values; None where the rows are not as alike as they are almost always.

        All but time and value is the same in each row, and times are whole seconds, so both are at known distances
        from the ends of the rows. Splitting so much text in Python would take longer than the server needs.
        """
        first, _, _ = self.rows.partition(_END)
        cells = first.split(b",", _VALUE + 1)
        if len(cells) < _VALUE + 2:
            return None
        time, tail = sum(map(len, cells[:_TIME])) + _TIME, len(cells[-1]) + 1
        text: Bytes = np.frombuffer(self.rows + _END, np.uint8)
        line_ends = np.flatnonzero(text == ord("\n"))
        starts = np.concatenate(([0], line_ends[:-1] + 1)) + time
        ends = line_ends - 1 - tail
        z, begin = starts + _SECONDS, starts + _SECONDS + 2
        if not (np.all(ends > begin) and np.all(text[z] == ord("Z")) and np.all(text[ends] == ord(","))):
            return None
        if np.any(text[begin - 1] != ord(",")) or b'"' in self.rows[time : time + len(cells[_VALUE])]:
            return None
        return np.stack((times.of(text, starts), _between(text, begin, ends).astype(np.float64)))

    def series(self, tags: Sequence[str]) -> tuple[str, ...]:
        """The values of `tags`."""
        header, row = csv.reader([self.header.decode(), self.rows.partition(_END)[0].decode()])
        return tuple(decode_text(row[header.index(tag)]) for tag in tags)

    def row_by_row(self, tags: Sequence[str]) -> Iterator[tuple[tuple[str, ...], FloatArray]]:
        """The same, whatever the rows look like."""
        for table in tables([self.header + _END + self.rows + _END], tags):
            seconds = [from_nanoseconds(parse_moment(time)) for time in table.times]
            yield table.tags, np.array((seconds, list(map(float, table.values))))


def _between(text: Bytes, begin: npt.NDArray[np.intp], end: npt.NDArray[np.intp]) -> npt.NDArray[np.bytes_]:
    """The pieces of `text` from each `begin` to its `end`."""
    width = int((end - begin).max())
    places = begin[:, None] + np.arange(width)
    characters = np.take(text, places, mode="clip")
    characters[places >= end[:, None]] = 0
    return characters.view(f"S{width}").ravel()


class _Times:
    """Times as seconds; all series of an answer have the same ones, most probably."""

    def __init__(self) -> None:
        self._text: Bytes = np.empty((0, _SECONDS), np.uint8)
        self._seconds: FloatArray = np.empty(0)

    def of(self, text: Bytes, starts: npt.NDArray[np.intp]) -> FloatArray:
        """The times that begin at `starts`."""
        found = np.take(text, starts[:, None] + np.arange(_SECONDS))
        if not np.array_equal(found, self._text):
            moments = found.view(f"S{_SECONDS}").ravel().astype("datetime64[s]")
            self._text, self._seconds = found, moments.astype(np.int64).astype(np.float64)
        return self._seconds


def _parts(blocks: Iterable[bytes]) -> Iterator[_Part]:
    """Cut an answer into its tables, each as soon as the next one begins."""
    header, rest = b"", b""
    for block in blocks:
        rest += block
        if not header:
            header, _, rest = rest.partition(_END) if _END in rest else (b"", b"", rest)
        start = 0
        while (end := _end_of_table(rest, start)) > 0:
            part = _Part(header, rest[start:end])
            yield part
            header, start = part.last_header, end + len(_END)
        rest = rest[start:]
    if rest.strip():
        yield _Part(header, rest.strip())


def _end_of_table(text: bytes, start: int) -> int:
    """Where the table that begins at `start` ends because another one begins; -1 where that is not known yet."""
    number = _NUMBER.match(text, start)
    return text.find(b"%b,_result,%d," % (_END, int(number[1]) + 1), start) if number else -1
