"""Which of Locust's files a file is, told by what is in it; its name says only which run it belongs to."""

from collections.abc import Collection
from enum import StrEnum
from pathlib import Path

from soakwatch.collector.locust_csv import Place, head_of, open_csv


class FileKind(StrEnum):
    """A kind of file that Locust writes, as people know it."""

    STATS = "the statistics (`_stats.csv`)"
    HISTORY = "the history (`_stats_history.csv`)"
    FAILURES = "the failures (`_failures.csv`)"
    EXCEPTIONS = "the exceptions (`_exceptions.csv`)"
    JSON = "the statistics as JSON (`--json-file`)"


_SIGNS = {
    FileKind.HISTORY: {"timestamp"},
    FileKind.EXCEPTIONS: {"message", "traceback", "nodes"},
    FileKind.FAILURES: {"error", "occurrences"},
    FileKind.STATS: {"type", "name", "request count", "failure count", "average response time"},
}
"""Columns that tell a kind, the most telling kinds first: one is enough, so that missing ones can be named."""

SUFFIXES = ("_stats_history.csv", "_stats.csv", "_failures.csv", "_exceptions.csv", ".csv", ".json")
"""Ends of file names that are no part of the run's name, the longest first."""


def kind_of_file(path: Path) -> FileKind:
    """Tell the kind of the file at `path`. Raises UsageError when it is none of Locust's."""
    if first_byte(path) in {b"[", b"{"}:
        return FileKind.JSON
    with open_csv(path) as file:
        kind = kind_of_columns(file.columns)
        if kind is None:
            shown = ", ".join(file.columns)[:80]
            raise Place(path, 1).wrong(f"the first line is {shown!r}", "the columns of one of Locust's files")
        return kind


def first_byte(path: Path) -> bytes:
    """What the text of the file at `path` begins with. Raises UsageError when it cannot be read, or is no text."""
    return head_of(path).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]


def kind_of_columns(columns: Collection[str]) -> FileKind | None:
    """Tell the kind of a CSV file by its columns; None when it is none of Locust's."""
    return next((kind for kind, signs in _SIGNS.items() if signs & set(columns)), None)


def prefix_of(path: Path) -> str:
    """The run that a file belongs to: its name without what Locust puts behind `--csv` and `--json-file`."""
    ending = next((suffix for suffix in SUFFIXES if path.name.endswith(suffix)), "")
    return path.name.removesuffix(ending) or path.name
