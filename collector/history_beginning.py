"""The beginning of a history: what tells two files of one run from files of two."""

import hashlib
from collections.abc import Sequence

from soakwatch.collector.locust_csv import unquoted


class HistoryBeginning:
    """All rows of the first second that counts anything, which are the same in a file that has grown.

    Its means have many digits, so that two runs that began at once differ in it.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        """Begin with the columns of the file."""
        self._columns = columns
        self._rows: list[str] = []
        self._digest = ""

    @property
    def is_over(self) -> bool:
        """Whether no further row belongs to it."""
        return bool(self._digest)

    def add(self, cells: Sequence[str]) -> None:
        """Take in a row that counts something."""
        self._rows.append("\n".join(map(unquoted, cells)))

    def next_second(self, start: float) -> None:
        """A second has ended; nothing may have been counted in it. `start` is when the history began."""
        if self._rows and not self._digest:
            self.end(start)

    def end(self, start: float) -> str:
        """The digest of the rows so far; they are all."""
        if not self._digest:
            text = "\n".join((*self._columns, f"{start:.0f}", *self._rows))
            self._digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
        return self._digest
