"""Locust's CSV: the header and the rows of one file, or a sentence about why it is none."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from soakwatch.core.errors import UsageError

_HEAD = 65_536
"""Bytes that are looked at before a file is read: its first line must end among them."""

_ENCODINGS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}

_OTHER_NAMES = {
    "# requests": "request count",
    "# failures": "failure count",
    "requests failed/s": "failures/s",
    "99.999": "99.999%",
}
"""Columns as Locust 0.14 calls them, and as all later versions do."""


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file, for error messages; `line` counts from 1."""

    path: Path
    line: int

    def wrong(self, found: str, expected: str) -> UsageError:
        """The error that says what was found here, and what was expected."""
        return UsageError(f"{self.path}:{self.line}: {found}; {expected}")


@dataclass(frozen=True, slots=True)
class CsvFile:
    """An open file of Locust's: its columns, named as Locust 2 does but in lower case, and the lines that follow.

    `lines` keep their ends; bytes that are not UTF-8 are in them as surrogates. `source` is what they are read from.
    """

    path: Path
    columns: tuple[str, ...]
    lines: Iterator[str]
    source: BinaryIO

    @property
    def position(self) -> int:
        """How many bytes are read."""
        return self.source.tell()

    def where(self, needed: Sequence[str], kind: str) -> Mapping[str, int]:
        """Index of each column, by name. Raises UsageError where one of `needed` is missing, or one is there twice."""
        place = Place(self.path, 1)
        missing = [name for name in needed if name not in self.columns]
        if missing:
            names = ", ".join(map(repr, map(str.title, missing)))
            raise place.wrong(f"there is no column {names}", f"{kind} of Locust has it")
        twice = sorted({name for name in self.columns if self.columns.count(name) > 1})
        if twice:
            raise place.wrong(f"the column {twice[0].title()!r} is there twice", "each column may be there once")
        return {name: index for index, name in enumerate(self.columns)}

    def rows(self) -> Iterator[tuple[Place, list[str]]]:
        """The rows below the header, each with the line where it begins.

        Raises UsageError at a row that has not as many cells as the header, holds bytes that are not UTF-8, or has no
        end where all others have one.
        """
        for place, row in self.ragged_rows():
            yield place, check_width(row, len(self.columns), place)

    def ragged_rows(self) -> Iterator[tuple[Place, list[str]]]:
        """The same, but rows may have any number of cells."""
        line = 2
        unended = _Ends(self.lines)
        reader = csv.reader(unended)
        while (row := next_row(reader, Place(self.path, line))) is not None:
            place = Place(self.path, line)
            line = 2 + reader.line_num
            if unended.cut and len(row) == len(self.columns):
                raise place.wrong("the last row has no end", "a file that was written to its end was expected")
            if row:
                yield place, check_text(row, place)


class _Ends:
    """Lines as they come; `cut` says that the last one has no end, although the first one ends as csv writes it.

    Locust before 1.6 puts no end to the last line of a file that is whole, and ends the others in another way.
    """

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._formal: bool | None = None
        self.cut = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        if self._formal is None:
            self._formal = line.endswith("\r\n")
        self.cut = self._formal and not line.endswith("\n")
        return line


def next_row(reader: Iterator[list[str]], place: Place) -> list[str] | None:
    """The next row of `reader`, which begins at `place`; None at the end. Raises UsageError where it is none."""
    try:
        return next(reader, None)
    except csv.Error as error:
        raise place.wrong(f"no row of a CSV file ({error})", "comma-separated values were expected") from None


def check_width(row: list[str], width: int, place: Place) -> list[str]:
    """Give `row` back. Raises UsageError when it has not `width` cells."""
    if len(row) != width:
        remark = " (or is the decimal sign a comma?)" if len(row) > width else " (or is the row cut off?)"
        cells = "cell" if len(row) == 1 else "cells"
        raise place.wrong(f"{len(row)} {cells}", f"the header has {width} columns{remark}")
    return row


def check_text(row: list[str], place: Place) -> list[str]:
    """Give `row` back. Raises UsageError when it holds bytes that are not text."""
    for cell in row:
        if not cell.isascii() and any("\ud800" <= character <= "\udfff" for character in cell):
            raise place.wrong(f"{cell!r} is not UTF-8", "text in UTF-8 was expected")
        if "\0" in cell:
            raise place.wrong("a NUL byte", "text was expected")
    return row


def head_of(path: Path) -> bytes:
    """The beginning of the file at `path`. Raises UsageError when it cannot be read, or is no text."""
    try:
        if path.is_dir():
            raise UsageError(f"{path}: is a folder; a file that Locust wrote was expected")
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); a file that Locust wrote was expected") from None
    place = Place(path, 1)
    if not head.strip():
        raise place.wrong("the file is empty", "a file that Locust wrote was expected")
    if head[:2] in _ENCODINGS:
        raise place.wrong(f"the text is {_ENCODINGS[head[:2]]}", "UTF-8 was expected")
    if b"\0" in head:
        line = head.count(b"\n", 0, head.index(b"\0")) + 1
        raise Place(path, line).wrong("a NUL byte: this is binary", "text was expected")
    return head


@contextmanager
def open_csv(path: Path) -> Iterator[CsvFile]:
    """Open a CSV file and read its header. Raises UsageError when there is none."""
    head = head_of(path)
    if len(head) == _HEAD and b"\n" not in head:
        raise Place(path, 1).wrong(f"the first line is longer than {_HEAD:,} bytes", "Locust's header was expected")
    with path.open("rb") as source:
        text = io.TextIOWrapper(source, encoding="utf-8-sig", errors="surrogateescape", newline="")
        yield CsvFile(path, _columns(text, Place(path, 1)), iter(text), source)


def _columns(lines: Iterator[str], place: Place) -> tuple[str, ...]:
    line = next(lines)
    row = next_row(csv.reader([line]), place) or []
    for sign, name in _DELIMITERS.items():
        if len(row) < 2 and sign in line:  # noqa: PLR2004  (a table of one column is none)
            raise place.wrong(f"the columns seem to be separated by {name}", "Locust separates them by commas")
    names = [" ".join(name.lower().split()) for name in check_text(row, place)]
    return tuple(_OTHER_NAMES.get(name, name) for name in names)


def row_at(line: str, lines: Iterator[str], place: Place) -> tuple[list[str], int]:
    """The row that begins with `line`, taking from `lines` what else belongs to it; and how many lines it has."""
    reader = csv.reader(chain([line], lines))
    return next_row(reader, place) or [], reader.line_num


def unquoted(cell: str) -> str:
    """A cell without the quotes that may be around it."""
    return cell[1:-1] if cell[:1] == '"' else cell
