"""The same simulated runs compared by their windows and by what Locust's files keep of them.

PYTHONPATH=.typing python benchmarks/columns_against_windows.py --pairs 200
"""

import argparse
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from healthy_pairs_simulated import Plan, coverage, decisions, simulate
from locust.stats import PERCENTILES_TO_REPORT, bucket_response_time

from soakwatch.core.configuration import ComparisonSection
from soakwatch.core.histogram import Histogram
from soakwatch.core.run_summary import EndpointTotals, RunTotals
from soakwatch.core.series import Series
from soakwatch.core.verdict import Comparison, Decision, Metric
from soakwatch.core.window import Window
from soakwatch.detector.columns import DESIGN_EFFECT
from soakwatch.detector.compare import compare_runs
from soakwatch.detector.run_data import RunData
from soakwatch.detector.steady_run import steady_part

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


def design_effects(plan: Plan, runs: int, seed: int) -> dict[Metric, float]:
    """How much larger the variance of a level is than independent requests would have, median over endpoints."""
    random = np.random.default_rng(seed)
    ratios: dict[Metric, list[float]] = {}
    for number in range(runs):
        data = simulate(plan, random, f"run-{number}")
        by_windows, by_columns = (steady_part(one).evidence for one in (data, columns_of(data)))
        for endpoint, evidence in by_windows.items():
            for metric, level in evidence.levels.items():
                independent = by_columns[endpoint].levels[metric].above.variance / DESIGN_EFFECT
                ratios.setdefault(metric, []).append(level.above.variance / independent)
    return {metric: float(np.median(values)) for metric, values in ratios.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    plan = Plan()
    failing, rough = replace(plan, errors=0.02), replace(plan, window_sd=0.12, correlation=0.85)
    for title, before, after in (
        ("healthy", plan, plan),
        ("healthy, 2 % errors", failing, failing),
        ("healthy, strongly correlated", rough, rough),
        ("20 % slower", plan, replace(plan, slowdown=1.2)),
        ("three times as slow, 12 % errors", plan, replace(plan, slowdown=3.0, errors=0.12)),
    ):
        by_windows, by_columns = compare_both(before, after, arguments.pairs, arguments.seed)
        print(f"\n{title}: {arguments.pairs} pairs")
        for metric in METRICS:
            told = [decisions(comparisons)[metric] for comparisons in (by_windows, by_columns)]
            print(f"  {metric:<11}", *(" ".join(f"{d} {counts[d]:>5}" for d in Decision) for counts in told), sep=" | ")
        covered = {metric: f"{inside:.3f}" for metric, (inside, _, _) in coverage(by_columns, after.slowdown).items()}
        print(f"  coverage by columns: {covered}; contradictions: {dict(contradictions(by_windows, by_columns))}")
    print(f"\ndesign effects: {design_effects(plan, 50, arguments.seed)}")


if __name__ == "__main__":
    main()
