"""`--json-file`: what Locust counted for each endpoint in a whole run, with all its rounded response times."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from soakwatch.collector.locust_csv import head_of
from soakwatch.collector.locust_numbers import DAY
from soakwatch.collector.percentile_columns import between_bounds
from soakwatch.collector.stats_csv import Entry
from soakwatch.core.errors import UsageError
from soakwatch.core.run_summary import EndpointTotals
from soakwatch.store.json_reading import JsonFile, read_json, spell

_SHARES = (
    *(0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45),
    *(0.5, 0.55, 0.6, 0.66, 0.7, 0.75, 0.8, 0.85, 0.9, 0.92, 0.93, 0.94),
    *(0.95, 0.96, 0.97, 0.98, 0.985, 0.99, 0.995, 0.999, 0.9999),
)
"""Those of the CSV's columns among them, and as many around p50, p95 and p99 as an interval of theirs may need."""


MOST = 10**15
"""Requests; whatever has counted more has not counted requests."""

LAST_MOMENT = 253_402_300_799.0
"""The end of the year 9999 in seconds since the epoch, beyond which there are no dates."""


class _Counted(BaseModel):
    """An entry of Locust's statistics; times in milliseconds, moments in seconds since the epoch."""

    model_config = ConfigDict(strict=True)

    name: str
    method: str | None
    start_time: float = Field(ge=0, le=LAST_MOMENT, allow_inf_nan=False)
    last_request_timestamp: float | None = Field(ge=0, le=LAST_MOMENT, allow_inf_nan=False)
    num_requests: int = Field(ge=0, le=MOST)
    num_none_requests: int = Field(ge=0)
    num_failures: int = Field(ge=0)
    total_response_time: float = Field(ge=0, allow_inf_nan=False)
    max_response_time: float = Field(ge=0, le=DAY, allow_inf_nan=False)
    min_response_time: float | None = Field(ge=0, le=DAY, allow_inf_nan=False)
    response_times: dict[str, int]


@dataclass(frozen=True, slots=True)
class CountedRun:
    """A whole run. `start` and `end` are seconds since the epoch, None where there was no request."""

    entries: Mapping[Entry, EndpointTotals]
    start: float | None
    end: float | None


def read_stats_json(path: Path) -> CountedRun:
    """What `--json-file` (or `--json`) gave of a whole run. Raises UsageError that names the line, and the endpoint."""
    head_of(path)
    file = read_json(path)
    entries = _entries_in(file)
    found: dict[Entry, EndpointTotals] = {}
    for number, entry in enumerate(entries):
        key = entry.method or "", entry.name
        at = _Place(file, number, " ".join(key).strip())
        if key in found:
            raise at.wrong("is there again", "each endpoint may be there once")
        found[key] = _totals(entry, at)
    if not found:
        raise UsageError(f"{file.place(())}: the list is empty; an entry for each endpoint was expected")
    return CountedRun(
        found,
        min((entry.start_time for entry in entries if entry.num_requests), default=None),
        max((entry.last_request_timestamp for entry in entries if entry.last_request_timestamp), default=None),
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """An entry of the file, for error messages; `number` counts from 0."""

    file: JsonFile
    number: int
    name: str

    def wrong(self, found: str, expected: str, *keys: str) -> UsageError:
        """The error that says what was found, at `keys` of this entry where there are any, and what was expected."""
        return UsageError(f"{self.file.place((self.number, *keys))}: {self.name!r} {found}; {expected}")


def _entries_in(file: JsonFile) -> list[_Counted]:
    try:
        return TypeAdapter(list[_Counted]).validate_python(file.content)
    except ValidationError as error:
        raise UsageError(_describe(error.errors()[0], file)) from None


def _describe(detail: ErrorDetails, file: JsonFile) -> str:
    place = file.place(detail["loc"])
    match detail["loc"]:
        case (int(number), *keys) if detail["type"] == "missing":
            return f"{place}: entry {number + 1}, {spell(tuple(keys))} is missing; Locust's `--json-file` has it"
        case (int(number), *keys):
            where = spell(tuple(keys)) if keys else "all of it"
            return f"{place}: entry {number + 1}, {where}: {detail['input']!r:.40}; {detail['msg'].lower()}"
        case _:
            return f"{place}: this JSON is no list; the list of entries that Locust's `--json-file` writes was expected"


def _totals(entry: _Counted, at: _Place) -> EndpointTotals:
    requests, failures = entry.num_requests, entry.num_failures
    if failures > requests:
        raise at.wrong(f"has {failures:,} failures of {requests:,} requests", "at most as many", "num_failures")
    timed = requests - entry.num_none_requests
    counts = _counts(entry, at)
    if sum(counts.values()) != timed:
        raise at.wrong(
            f"has {sum(counts.values()):,} times of {timed:,} requests that had one",
            "as many were expected",
            "response_times",
        )
    if not timed or entry.min_response_time is None:
        return EndpointTotals(requests, failures)
    if entry.min_response_time > entry.max_response_time:
        raise at.wrong(
            f"took at least {entry.min_response_time:g} ms and at most {entry.max_response_time:g} ms",
            "a smaller minimum was expected",
            "min_response_time",
        )
    percentiles = between_bounds(_percentiles(counts), entry.min_response_time, entry.max_response_time)
    return EndpointTotals(requests, failures, entry.total_response_time / timed, percentiles)


def _counts(entry: _Counted, at: _Place) -> dict[float, int]:
    counts: dict[float, int] = {}
    for text, count in entry.response_times.items():
        time = _milliseconds(text)
        if time is None:
            raise at.wrong(f"has {text!r:.40} among its response times", "milliseconds", "response_times", text)
        if not (0 <= time <= DAY and count >= 0):
            raise at.wrong(f"has {count} times {time:g} ms", "at least 0 times 0 ms to a day", "response_times", text)
        counts[time] = counts.get(time, 0) + count
    return dict(sorted(counts.items()))


def _milliseconds(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _percentiles(counts: Mapping[float, int]) -> dict[float, float]:
    times, ends = list(counts), list(accumulate(counts.values()))
    total = ends[-1]
    # int(n * share) others may be faster: the rank that Locust takes, so that this agrees with the columns of its CSV
    ranks = {share: int(total * share) for share in _SHARES}
    return {
        share: next(time for time, end in zip(times, ends, strict=True) if end > rank) for share, rank in ranks.items()
    }
