"""The same simulated runs compared by their windows and by what Locust's files keep of them.

PYTHONPATH=.typing python benchmarks/columns_against_windows.py --pairs 60
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from healthy_pairs_simulated import Plan, coverage, decisions, simulate
from locust.stats import PERCENTILES_TO_REPORT, bucket_response_time

from soakwatch.core.histogram import Histogram
from soakwatch.core.run_summary import EndpointTotals, RunTotals
from soakwatch.core.series import Series
from soakwatch.core.settings import ComparisonSection
from soakwatch.core.verdict import Comparison, Decision, Metric
from soakwatch.core.window import Window
from soakwatch.detector.compare import compare_runs
from soakwatch.detector.run_data import RunData

METRICS = (Metric.P50, Metric.P95, Metric.P99, Metric.MEAN, Metric.ERROR_RATE)


def columns_of(data: RunData) -> RunTotals:
    """What Locust would have written of `data`: rounded percentiles of all responses, exact counts and means."""
    by_series: dict[Series, list[Window]] = {}
    for window in data.windows:
        by_series.setdefault(window.series, []).append(window)
    return RunTotals(data.run, {series: _totals(windows) for series, windows in by_series.items()})


def _totals(windows: Iterable[Window]) -> EndpointTotals:
    windows = list(windows)
    responses = Histogram.merge(window.responses for window in windows)
    requests = sum(window.count for window in windows)
    percentiles = {0.0: min(window.min or 0.0 for window in windows)}
    percentiles |= {q: float(bucket_response_time(responses.quantile(q) or 0.0)) for q in PERCENTILES_TO_REPORT}
    return EndpointTotals(
        requests,
        sum(window.failures for window in windows),
        sum(window.sum for window in windows) / requests,
        dict(zip(percentiles, np.maximum.accumulate(list(percentiles.values())).tolist(), strict=True)),
    )


def compare_both(before: Plan, after: Plan, pairs: int, seed: int) -> tuple[list[Comparison], list[Comparison]]:
    """By windows, and by columns."""
    random = np.random.default_rng(seed)
    settings = ComparisonSection(run_to_run=before.run_sd)
    runs = [(simulate(before, random, "before"), simulate(after, random, "after")) for _ in range(pairs)]
    return (
        [compare_runs([old], new, settings, metrics=METRICS) for old, new in runs],
        [compare_runs([columns_of(old)], columns_of(new), settings, metrics=METRICS) for old, new in runs],
    )


def contradictions(by_windows: Iterable[Comparison], by_columns: Iterable[Comparison]) -> Counter[tuple[str, str, str]]:
    """(metric, by windows, by columns) of verdicts that are both known and differ."""
    found: Counter[tuple[str, str, str]] = Counter()
    for one, other in zip(by_windows, by_columns, strict=True):
        for a, b in zip(one.verdicts, other.verdicts, strict=True):
            if Decision.UNKNOWN not in (a.decision, b.decision) and a.decision is not b.decision:
                found[a.metric, a.decision, b.decision] += 1
    return found


@dataclass(frozen=True)
class Case:
    """Two plans, and how often columns may be wrong: intervals that miss the truth, contradictions among verdicts."""

    name: str
    before: Plan
    after: Plan
    most_missed: float
    most_contradicted: float


PLAN = Plan()
FAILING, ROUGH = replace(PLAN, errors=0.02), replace(PLAN, window_sd=0.12, correlation=0.85)
LONG = replace(PLAN, windows=60, width=10.0)
LONG_ROUGH = replace(LONG, window_sd=0.12, correlation=0.85)
VERY_LONG = replace(PLAN, windows=360, width=10.0, endpoints=4)
CASES = (
    Case("25 s, healthy", PLAN, PLAN, 0.05, 0.0),
    Case("25 s, healthy, 2 % errors", FAILING, FAILING, 0.05, 0.005),
    Case("25 s, healthy, rough", ROUGH, ROUGH, 0.15, 0.01),
    Case("10 min, healthy", LONG, LONG, 0.05, 0.0),
    Case("10 min, healthy, rough", LONG_ROUGH, LONG_ROUGH, 0.10, 0.01),
    Case("1 h, healthy", VERY_LONG, VERY_LONG, 0.05, 0.0),
    Case("1 h, 20 % slower", VERY_LONG, replace(VERY_LONG, slowdown=1.2), 0.05, 0.02),
    Case("25 s, three times as slow, 12 % errors", PLAN, replace(PLAN, slowdown=3.0, errors=0.12), 0.05, 0.0),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    return max([_hold(case, arguments.pairs, arguments.seed) for case in CASES])


def _hold(case: Case, pairs: int, seed: int) -> int:
    by_windows, by_columns = compare_both(case.before, case.after, pairs, seed)
    print(f"\n{case.name}: {pairs} pairs (by windows | by columns)")
    for metric in METRICS:
        told = [decisions(comparisons)[metric] for comparisons in (by_windows, by_columns)]
        print(f"  {metric:<11}", *(" ".join(f"{d} {counts[d]:>5}" for d in Decision) for counts in told), sep=" | ")
    covered = coverage(by_columns, case.after.slowdown)
    contradicted = contradictions(by_windows, by_columns).total() / sum(len(one.verdicts) for one in by_columns)
    worst = 1 - min(inside for inside, _, _ in covered.values())
    holds = worst <= case.most_missed and contradicted <= case.most_contradicted
    print(f"  intervals hold the truth: {', '.join(f'{m} {inside:.3f}' for m, (inside, _, _) in covered.items())}")
    print(f"  contradictions: {contradicted:.2%} of the verdicts; {'holds' if holds else 'DOES NOT HOLD'}")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
