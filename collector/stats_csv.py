"""`_stats.csv`: what Locust counted for each endpoint in a whole run."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

from soakwatch.collector.file_kind import FileKind
from soakwatch.collector.locust_csv import CsvFile, Place, open_csv
from soakwatch.collector.locust_numbers import milliseconds, not_more, whole
from soakwatch.collector.percentile_columns import NOT_KNOWN, between_bounds, shares_of
from soakwatch.core.run_summary import EndpointTotals

Entry = tuple[str, str]
"""Type and name, as Locust writes them: what identifies one of its entries."""

NEEDED = (
    "type",
    "name",
    "request count",
    "failure count",
    "average response time",
    "min response time",
    "max response time",
)


_TRUNCATED = 1.0
"""Milliseconds that Locust before 1.1 cuts off its times."""


def is_total(entry: Entry) -> bool:
    """Whether this is the sum of all entries; an endpoint that somebody calls so has a type."""
    method, name = entry
    return method in {"", "None"} and name in {"Aggregated", "Total"}


def read_stats(path: Path) -> Mapping[Entry, EndpointTotals]:
    """All rows of a `_stats.csv` of any Locust since 0.14. Raises UsageError that names the line."""
    with open_csv(path) as file:
        found = _Rows(file).read()
    if not found:
        raise Place(path, 2).wrong("nothing follows the header", "a row for each endpoint was expected")
    return found


class _Rows:
    def __init__(self, file: CsvFile) -> None:
        self._file = file
        self._at = file.where(NEEDED, FileKind.STATS)
        self._shares = shares_of(file.columns)

    def read(self) -> dict[Entry, EndpointTotals]:
        found: dict[Entry, EndpointTotals] = {}
        lines: dict[Entry, int] = {}
        for place, row in self._file.rows():
            entry = row[self._at["type"]], row[self._at["name"]]
            if entry in found:
                raise place.wrong(
                    f"{' '.join(entry).strip()!r} is there again (first in line {lines[entry]})",
                    "each endpoint may be there once",
                )
            found[entry] = self._totals(row, place)
            lines[entry] = place.line
        return found

    def _totals(self, row: list[str], place: Place) -> EndpointTotals:
        requests = whole(row[self._at["request count"]], "Request Count", place)
        failures = whole(row[self._at["failure count"]], "Failure Count", place)
        not_more(failures, requests, place)
        average, low, high = (
            milliseconds(row[self._at[column]], column.title(), place)
            for column in ("average response time", "min response time", "max response time")
        )
        if low > high:
            raise place.wrong(f"Min Response Time {low:g} is above Max Response Time {high:g}", "the smaller one first")
        percentiles = self._percentiles(row, place)
        if not (requests and percentiles):
            return EndpointTotals(requests, failures)
        if not low - _TRUNCATED <= average <= high + _TRUNCATED:
            raise place.wrong(
                f"Average Response Time {average:g} is not between Min {low:g} and Max {high:g}", "a mean that is one"
            )
        return EndpointTotals(requests, failures, average, between_bounds(percentiles, low, high))

    def _percentiles(self, row: list[str], place: Place) -> dict[float, float]:
        texts = {share: row[index] for share, index in self._shares.items()}
        if all(text == NOT_KNOWN for text in texts.values()):
            return {}
        times = {share: milliseconds(text, f"{100 * share:g}%", place) for share, text in texts.items()}
        for (lower, before), (upper, after) in pairwise(times.items()):
            if after < before:
                raise place.wrong(
                    f"the percentiles decrease: {before:g} ms at {100 * lower:g} %, {after:g} ms at {100 * upper:g} %",
                    "a higher percentile is never faster",
                )
        return times
