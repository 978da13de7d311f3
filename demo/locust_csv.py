"""Locust's CSV files of simulated requests, counted and written by Locust's own code."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING

from soakwatch.demo.simulator import SimulatedRequest

if TYPE_CHECKING:
    from locust.stats import RequestStats

_ANSWER, _REFUSAL = 60, 36
"""Bytes of an answer and of a refusal, about those of the demo's target."""

_UNAVAILABLE = 503


@dataclass(frozen=True, slots=True)
class LocustCsv:
    """The texts of what Locust calls `..._stats.csv` and `..._failures.csv`."""

    stats: str
    failures: str


def render_csv(requests: Iterable[SimulatedRequest], start: float) -> LocustCsv:
    """Write what Locust writes at the end of a test that began at `start` (seconds since the epoch).

    `requests` come in the order of their ends. Importing Locust, which happens here, patches the standard library.
    """
    from locust.env import Environment
    from locust.stats import PERCENTILES_TO_REPORT, RequestStats, StatsCSV

    environment = Environment()
    environment.stats = RequestStats(use_response_times_cache=False)
    environment.stats.total.start_time = start
    for request in requests:
        _log(request, start + request.ended, environment.stats)
    writer = StatsCSV(environment, PERCENTILES_TO_REPORT)
    stats, failures = StringIO(newline=""), StringIO(newline="")
    writer.requests_csv(csv.writer(stats))
    writer.failures_csv(csv.writer(failures))
    return LocustCsv(stats.getvalue(), failures.getvalue())


def _log(request: SimulatedRequest, at: float, stats: "RequestStats") -> None:
    """Count `request`, which had its answer at `at`; Locust would ask its clock when."""
    method, name = request.endpoint.method, f"{request.endpoint.service}: {request.endpoint.path}"
    size = _REFUSAL if request.refused else _ANSWER
    stats.log_request(method, name, request.time, size)  # type: ignore[arg-type]  # Locust's clients give fractions too
    stats.total.last_request_timestamp = at
    if request.refused:
        _log_refusal(method, name, at, stats)


def _log_refusal(method: str, name: str, at: float, stats: "RequestStats") -> None:
    from locust.contrib.fasthttp import LocustBadStatusCode
    from locust.stats import StatsError

    error = LocustBadStatusCode(name, code=_UNAVAILABLE)
    stats.log_error(method, name, error)
    seen = stats.errors[StatsError.create_key(method, name, error)]
    seen.last_seen = at
    if seen.occurrences == 1:
        seen.first_seen = at
