"""Evidence: what one run tells of one endpoint, whatever it was read from."""

from collections.abc import Mapping
from dataclasses import dataclass

from soakwatch.core.verdict import Metric
from soakwatch.detector.dependence import spread_of_sum
from soakwatch.detector.level import Level, response_time
from soakwatch.detector.sample import Sample

METRICS = (Metric.P50, Metric.P95, Metric.P99, Metric.MEAN)
"""Response times: what has a level."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Totals of one endpoint in one run, and how sure they are.

    `requests` is not zero, `failures` is NaN where not known, `successes` are those with a response time. `levels` has
    the response times that are known. `share_variance` is that of the failures' share of the requests, as far as the
    run itself shows it. `windows` is how many windows had requests, `failing` how many of them failures; None where
    there are no windows.
    """

    requests: float
    failures: float
    successes: float
    levels: Mapping[Metric, Level]
    share_variance: float
    windows: int | None = None
    failing: int | None = None

    @property
    def share(self) -> float:
        """Failures as a share of the requests."""
        return self.failures / self.requests


def evidence_of_windows(sample: Sample) -> Evidence | None:
    """What `sample` tells; None when it has no request.

    Windows without requests are left out: an endpoint that is seldom called has no level in them.
    """
    used = sample.where(sample.requests > 0)
    requests, failures = float(used.requests.sum()), float(used.failures.sum())
    if not requests:
        return None
    levels = {metric: level for metric in METRICS if (level := response_time(used, metric))}
    contributions = (used.failures - failures / requests * used.requests) / requests
    return Evidence(
        requests,
        failures,
        float(used.successes.sum()),
        levels,
        spread_of_sum(contributions).variance,
        windows=used.requests.size,
        failing=int((used.failures > 0).sum()),
    )
