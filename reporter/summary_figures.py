"""Figures: what people want to see of each endpoint in a file, whatever the file knows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

from soakwatch.core.histogram import Histogram
from soakwatch.core.run_summary import EndpointTotals, PinnedEndpoint, PinnedRun, PlainBaseline, RunSummary
from soakwatch.core.series import WHOLE_SERVICE, Series
from soakwatch.core.verdict import QUANTILES, Metric

_One = TypeVar("_One")


@dataclass(frozen=True, slots=True, order=True)
class Endpoint:
    """An endpoint in whatever test and environment; `*` for method and endpoint is the whole service."""

    service: str
    endpoint: str
    method: str

    def __str__(self) -> str:
        """Short name for people: `rag_service POST /query`; the service alone where it is the whole."""
        parts = (self.service,) if self.endpoint == WHOLE_SERVICE else (self.service, self.method, self.endpoint)
        return " ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Figures:
    """One endpoint over one or more runs.

    `requests` and `failures` are None where the file has rates only. `values` has p50, p95, p99 and mean (ms) and the
    error rate (share); what is not known is missing.
    """

    requests: int | None
    failures: int | None
    values: Mapping[Metric, float]


def figures_of(summaries: Sequence[RunSummary]) -> dict[Endpoint, Figures]:
    """The figures of all endpoints of `summaries`, by service, endpoint and method.

    Of several runs counts are added up, and each time and rate is the median of theirs.
    """
    found: dict[Endpoint, list[Figures]] = {}
    for summary in summaries:
        for endpoint, figures in _figures_of_run(summary).items():
            found.setdefault(endpoint, []).append(figures)
    return {endpoint: _together(found[endpoint]) for endpoint in sorted(found)}


def by_service(summaries: Sequence[RunSummary]) -> dict[Endpoint, Figures]:
    """The same for whole services, as files of version 1 have them.

    Percentiles of a service with several endpoints are known only where there are distributions.
    """
    found: dict[Endpoint, list[Figures]] = {}
    for summary in summaries:
        for endpoint, figures in _services_of_run(summary).items():
            found.setdefault(endpoint, []).append(figures)
    return {endpoint: _together(found[endpoint]) for endpoint in sorted(found)}


def _figures_of_run(summary: RunSummary) -> dict[Endpoint, Figures]:
    if isinstance(summary, PlainBaseline):
        return _services_of_run(summary)
    found: dict[Endpoint, Figures] = {}
    for series, one in summary.endpoints.items():
        figures = _of_pinned([one]) if isinstance(one, PinnedEndpoint) else _of_totals([one])
        found[Endpoint(series.service, series.endpoint, series.method)] = figures
    return found


def _services_of_run(summary: RunSummary) -> dict[Endpoint, Figures]:
    if isinstance(summary, PlainBaseline):
        return {_whole(service): Figures(None, None, values) for service, values in summary.services.items()}
    if isinstance(summary, PinnedRun):
        return {_whole(service): _of_pinned(ones) for service, ones in _grouped(summary.endpoints).items()}
    return {_whole(service): _of_totals(ones) for service, ones in _grouped(summary.endpoints).items()}


def _grouped(endpoints: Mapping[Series, _One]) -> dict[str, list[_One]]:
    services: dict[str, list[_One]] = {}
    for series, one in endpoints.items():
        services.setdefault(series.service, []).append(one)
    return services


def _whole(service: str) -> Endpoint:
    return Endpoint(service, WHOLE_SERVICE, WHOLE_SERVICE)


def _of_pinned(endpoints: Sequence[PinnedEndpoint]) -> Figures:
    blocks = [block for endpoint in endpoints for block in endpoint.blocks]
    hist = Histogram.merge(block.hist for block in blocks)
    values = _known(dict(zip(QUANTILES, hist.quantiles(list(QUANTILES.values())), strict=True)))
    if hist.count:
        values[Metric.MEAN] = sum(block.success_sum for block in blocks) / hist.count
    return _counted(sum(block.requests for block in blocks), sum(block.failures for block in blocks), values)


def _of_totals(endpoints: Sequence[EndpointTotals]) -> Figures:
    # percentiles of several endpoints cannot be put together exactly
    percentiles = endpoints[0].percentiles if len(endpoints) == 1 else {}
    values = _known({metric: percentiles.get(share) for metric, share in QUANTILES.items()})
    requests = sum(endpoint.requests for endpoint in endpoints)
    means = [(endpoint.mean, endpoint.requests) for endpoint in endpoints if endpoint.requests]
    if means and all(mean is not None for mean, _ in means):
        values[Metric.MEAN] = sum((mean or 0.0) * count for mean, count in means) / requests
    return _counted(requests, sum(endpoint.failures for endpoint in endpoints), values)


def _counted(requests: int, failures: int, values: Mapping[Metric, float]) -> Figures:
    return Figures(requests, failures, {**values, Metric.ERROR_RATE: failures / requests} if requests else values)


def _known(values: Mapping[Metric, float | None]) -> dict[Metric, float]:
    return {metric: value for metric, value in values.items() if value is not None}


def _together(runs: Sequence[Figures]) -> Figures:
    if len(runs) == 1:
        return runs[0]
    values = {
        metric: median([run.values[metric] for run in runs if metric in run.values])
        for metric in Metric
        if any(metric in run.values for run in runs)
    }
    return Figures(_total([run.requests for run in runs]), _total([run.failures for run in runs]), values)


def _total(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None
