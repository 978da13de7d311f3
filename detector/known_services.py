"""Known services: files do not say which host was tested, so that a service may be known on one side only."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from soakwatch.core.run_summary import EndpointTotals, RunTotals
from soakwatch.core.series import UNKNOWN_SERVICE, Series


def with_known_services(data: RunTotals, known: Sequence[Series]) -> RunTotals:
    """Give each endpoint of an unknown service the one service that `known` series have for its method and name.

    Where there is none, or more than one, it stays unknown.
    """
    services: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for series in known:
        if series.service != UNKNOWN_SERVICE:
            services[series.method, series.endpoint].add(series.service)
    endpoints: Mapping[Series, EndpointTotals] = {
        _named(series, services[series.method, series.endpoint]): totals for series, totals in data.endpoints.items()
    }
    return replace(data, endpoints=endpoints) if len(endpoints) == len(data.endpoints) else data


def _named(series: Series, services: set[str]) -> Series:
    if series.service != UNKNOWN_SERVICE or len(services) != 1:
        return series
    return replace(series, service=next(iter(services)))
