"""Error growth: which kinds of errors became more frequent, to explain an error rate."""

from collections import Counter
from collections.abc import Sequence

from soakwatch.core.series import Series
from soakwatch.core.verdict import ErrorGrowth
from soakwatch.detector.proportions import newcombe
from soakwatch.detector.sample import Endpoint
from soakwatch.detector.steady_run import ErrorKind, SteadyRun

MOST_KINDS = 20
_SURE = 2.575829
"""Two-sided 99 % quantile of the normal distribution: many kinds are looked at."""


def grown_errors(baselines: Sequence[SteadyRun], current: SteadyRun) -> list[ErrorGrowth]:
    """Kinds of errors whose share of their endpoint's requests grew beyond chance, most grown first, at most 20.

    Shares are of the requests after the warm-up; an endpoint that the baseline lacks, or whose kinds of errors it does
    not know, has nothing to grow from.
    """
    before, now = _count_kinds(baselines), _count_kinds([current])
    requests_before, requests_now = _count_requests(baselines), _count_requests([current])
    run = current.run
    grown = [
        growth
        for (endpoint, kind), count in now.items()
        if requests_before[endpoint] and requests_now[endpoint]
        for growth in [
            ErrorGrowth(
                Series(run.environment, run.test, *endpoint),
                kind,
                current.errors[endpoint, kind].sample,
                before[endpoint, kind],
                count,
                min(1.0, before[endpoint, kind] / requests_before[endpoint]),
                min(1.0, count / requests_now[endpoint]),
            )
        ]
        if _is_notable(growth, requests_before[endpoint], requests_now[endpoint])
    ]
    return sorted(grown, key=lambda growth: growth.baseline_share - growth.current_share)[:MOST_KINDS]


def _is_notable(growth: ErrorGrowth, requests_before: int, requests_now: int) -> bool:
    low, _ = newcombe(growth.baseline_share, requests_before, growth.current_share, requests_now, _SURE)
    return low > 0


def _count_kinds(runs: Sequence[SteadyRun]) -> Counter[ErrorKind]:
    counts: Counter[ErrorKind] = Counter()
    for run in runs:
        counts.update({kind: error.count for kind, error in run.errors.items()})
    return counts


def _count_requests(runs: Sequence[SteadyRun]) -> Counter[Endpoint]:
    counts: Counter[Endpoint] = Counter()
    for run in runs:
        known = {endpoint for endpoint, _ in run.errors}
        for endpoint, evidence in run.evidence.items():
            # a file may count failures without telling their kinds, from which none could be said to have grown
            if endpoint in known or not evidence.failures:
                counts[endpoint] += int(evidence.requests)
    return counts
