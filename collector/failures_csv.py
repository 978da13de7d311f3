"""`_failures.csv`: the kinds of errors of each endpoint, named as the collector names them."""

import ast
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from soakwatch.collector.failures import sample_of
from soakwatch.collector.file_kind import FileKind
from soakwatch.collector.locust_csv import check_width, open_csv
from soakwatch.collector.locust_numbers import whole
from soakwatch.collector.naming import clean_name
from soakwatch.collector.stats_csv import Entry
from soakwatch.core.run_summary import ErrorTotal
from soakwatch.core.series import OTHER

_NEEDED = ("method", "name", "error", "occurrences")
_REPRESENTATION = re.compile(r"(?:[A-Za-z_]\w*\.)*([A-Za-z_]\w*)\((.*)\)", re.DOTALL)
_STATUS = re.compile(r"([45][0-9]{2}) (?:Client|Server) Error\b|(?:.*\b)?code=([45][0-9]{2})\b", re.DOTALL)
"""How the messages of Locust's two clients give the status: requests' HTTPError, and LocustBadStatusCode."""

NO_CLASS = "error"
"""Kind of an error whose text does not begin with its class, as Locust before 2 writes those of a single process."""


def read_failures(path: Path, max_kinds: int) -> Mapping[Entry, Sequence[ErrorTotal]]:
    """The kinds of errors of each entry, most frequent first, those beyond `max_kinds` as `other`.

    Empty where nothing failed. Raises UsageError that names the line.
    """
    kinds: dict[Entry, dict[str, ErrorTotal]] = {}
    with open_csv(path) as file:
        at = file.where(_NEEDED, FileKind.FAILURES)
        for place, cells in file.ragged_rows():
            row = check_width(_mended(cells, len(file.columns)), len(file.columns), place)
            method, name, text, count = (row[at[column]] for column in _NEEDED)
            of_entry = kinds.setdefault((method, name), {})
            error = _error_of(text, whole(count, "Occurrences", place))
            kind = error.kind if error.kind in of_entry or len(of_entry) < max_kinds else OTHER
            known = of_entry.get(kind) or ErrorTotal(kind, 0, error.sample)
            of_entry[kind] = ErrorTotal(kind, known.count + error.count, known.sample)
    return {
        entry: sorted(of_entry.values(), key=lambda error: (-error.count, error.kind))
        for entry, of_entry in kinds.items()
    }


def _mended(row: list[str], width: int) -> list[str]:
    # Locust 1 does not escape the quotes in an error, and what is between them may have commas; its rows end with the
    # error and its count
    if width != len(_NEEDED) or len(row) <= width:
        return row
    method, name, *error, count = row
    return [method, name, ",".join(error).removesuffix('"'), count]


def _error_of(text: str, count: int) -> ErrorTotal:
    representation = _REPRESENTATION.fullmatch(text)
    name, inside = representation.groups() if representation else (NO_CLASS, text)
    message = _message_in(inside) if representation else text
    status = _STATUS.match(message)
    kind = f"HTTP {status[1] or status[2]}" if status else clean_name(name)
    return ErrorTotal(kind, count, sample_of(message))


def _message_in(arguments: str) -> str:
    # what str() of the exception would say, where it has one plain argument; else all that is there
    try:
        value = ast.literal_eval(arguments)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return arguments
    return value if isinstance(value, str) else arguments
