"""`--json-file`: what Locust counted for each endpoint in a whole run, with all its rounded response times."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from soakwatch.collector.locust_csv import Place, head_of
from soakwatch.collector.locust_numbers import DAY
from soakwatch.collector.percentile_columns import between_bounds
from soakwatch.collector.stats_csv import Entry
from soakwatch.core.errors import UsageError
from soakwatch.core.run_summary import EndpointTotals

_SHARES = (
    *(0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45),
    *(0.5, 0.55, 0.6, 0.66, 0.7, 0.75, 0.8, 0.85, 0.9, 0.92, 0.93, 0.94),
    *(0.95, 0.96, 0.97, 0.98, 0.985, 0.99, 0.995, 0.999, 0.9999),
)
"""Those of the CSV's columns among them, and as many around p50, p95 and p99 as an interval of theirs may need."""


class _Counted(BaseModel):
    """An entry of Locust's statistics; times in milliseconds, moments in seconds since the epoch."""

    model_config = ConfigDict(strict=True)

    name: str
    method: str | None
    start_time: float = Field(ge=0, allow_inf_nan=False)
    last_request_timestamp: float | None = Field(ge=0, allow_inf_nan=False)
    num_requests: int = Field(ge=0)
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
    """What `--json-file` (or `--json`) gave of a whole run. Raises UsageError that names the line, or the endpoint."""
    entries = _entries_in(path)
    found: dict[Entry, EndpointTotals] = {}
    for entry in entries:
        key = entry.method or "", entry.name
        if key in found:
            raise UsageError(f"{path}: {' '.join(key).strip()!r} is there twice; each endpoint may be there once")
        found[key] = _totals(entry, path)
    if not found:
        raise UsageError(f"{path}:1: the list is empty; an entry for each endpoint was expected")
    return CountedRun(
        found,
        min((entry.start_time for entry in entries if entry.num_requests), default=None),
        max((entry.last_request_timestamp for entry in entries if entry.last_request_timestamp), default=None),
    )


def _entries_in(path: Path) -> list[_Counted]:
    head_of(path)
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8-sig"))
        return TypeAdapter(list[_Counted]).validate_python(document)
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise Place(path, line).wrong("a byte is not UTF-8", "text in UTF-8 was expected") from None
    except json.JSONDecodeError as error:
        raise Place(path, error.lineno).wrong(f"no JSON ({error.msg})", "Locust's `--json-file` was expected") from None
    except ValidationError as error:
        raise UsageError(f"{path}: {_first_problem(error)}") from None


def _first_problem(error: ValidationError) -> str:
    detail = error.errors()[0]
    match detail["loc"]:
        case (int(number), *keys):
            key = ".".join(map(str, keys))
            return f"entry {number + 1}, {key or 'all of it'}: {detail['input']!r:.40}; {detail['msg'].lower()}"
        case _:
            return "this JSON is no list; the list of entries that Locust's `--json-file` writes was expected"


def _totals(entry: _Counted, path: Path) -> EndpointTotals:
    requests, failures = entry.num_requests, entry.num_failures
    name = f"{path}: {entry.method or ''} {entry.name}"
    if failures > requests:
        raise UsageError(f"{name}: {failures:,} failures of {requests:,} requests; at most as many were expected")
    timed = requests - entry.num_none_requests
    counts = _counts(entry, name)
    if sum(counts.values()) != timed:
        raise UsageError(
            f"{name}: response_times holds {sum(counts.values()):,} times of {timed:,} requests that had one; "
            "as many were expected"
        )
    if not timed or entry.min_response_time is None:
        return EndpointTotals(requests, failures)
    percentiles = between_bounds(_percentiles(counts), entry.min_response_time, entry.max_response_time)
    return EndpointTotals(requests, failures, entry.total_response_time / timed, percentiles)


def _counts(entry: _Counted, name: str) -> dict[float, int]:
    try:
        counts = {float(time): count for time, count in entry.response_times.items()}
    except ValueError:
        raise UsageError(f"{name}: response_times has a key that is no number; milliseconds were expected") from None
    for time, count in counts.items():
        if not (0 <= time <= DAY and count >= 0):
            raise UsageError(f"{name}: response_times has {count} times {time:g} ms; at least 0 times 0 ms to a day")
    return dict(sorted(counts.items()))


def _percentiles(counts: Mapping[float, int]) -> dict[float, float]:
    times, ends = list(counts), list(accumulate(counts.values()))
    total = ends[-1]
    # int(n * share) others may be faster: the rank that Locust takes, so that this agrees with the columns of its CSV
    ranks = {share: int(total * share) for share in _SHARES}
    return {
        share: next(time for time, end in zip(times, ends, strict=True) if end > rank) for share, rank in ranks.items()
    }
