"""Simulated pairs of runs with known truth: false alarms, power, coverage and silence of the comparison.

PYTHONPATH=.typing python benchmarks/healthy_pairs_simulated.py --pairs 200
"""

import argparse
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import exp, log1p

import numpy as np

from soakwatch.core.histogram import Histogram
from soakwatch.core.run import Run
from soakwatch.core.series import Series
from soakwatch.core.settings import ComparisonSection
from soakwatch.core.verdict import Comparison, Decision, Metric, Severity
from soakwatch.core.window import Window
from soakwatch.detector.compare import compare_runs
from soakwatch.detector.run_data import RunData


@dataclass(frozen=True)
class Plan:
    """What is simulated; times are lognormal, the level of the windows is AR(1), levels are log sd."""

    endpoints: int = 8
    windows: int = 25
    width: float = 1.0
    sigma: float = 0.5
    correlation: float = 0.6
    window_sd: float = 0.06
    run_sd: float = 0.03
    slowdown: float = 1.0
    errors: float = 0.0


def simulate(plan: Plan, random: np.random.Generator, name: str) -> RunData:
    run = Run(name, "staging", "simulated", 0.0, plan.windows * plan.width, users=20)
    windows: list[Window] = []
    for number in range(plan.endpoints):
        series = Series("staging", "simulated", f"service-{number % 3}", "GET", f"/{number}")
        windows += _endpoint(plan, random, run, series, 12 + 8 * number / max(1, plan.endpoints - 1))
    return RunData(run, windows)


def _endpoint(plan: Plan, random: np.random.Generator, run: Run, series: Series, rate: float) -> Iterable[Window]:
    middle = np.log(40.0 + 20 * int(series.endpoint[1:])) + random.normal(0, plan.run_sd) + np.log(plan.slowdown)
    state = random.normal(0, plan.window_sd)
    for start in range(plan.windows):
        state = plan.correlation * state + random.normal(0, plan.window_sd * np.sqrt(1 - plan.correlation**2))
        count = int(random.poisson(rate * plan.width))
        failed = random.random(count) < plan.errors
        times = np.exp(random.normal(middle + state, plan.sigma, count))
        good, bad = times[~failed], times[failed]
        if count:
            yield Window(
                series,
                run.id,
                "one",
                start * plan.width,
                plan.width,
                count,
                int(failed.sum()),
                float(times.sum()),
                float(bad.sum()),
                float(times.min()),
                float(times.max()),
                Histogram.of(good.tolist()),
                Histogram.of(bad.tolist()),
            )


def compare_pairs(before: Plan, after: Plan, pairs: int, seed: int, baselines: int = 1) -> list[Comparison]:
    """Compare with what the plan says of the variation between runs, as a user who knows his system would set it."""
    random = np.random.default_rng(seed)
    settings = ComparisonSection(run_to_run=before.run_sd)
    return [
        compare_runs(
            [simulate(before, random, f"before-{number}") for number in range(baselines)],
            simulate(after, random, "after"),
            settings,
        )
        for _ in range(pairs)
    ]


def decisions(comparisons: Iterable[Comparison]) -> dict[Metric, Counter[Decision]]:
    counts: dict[Metric, Counter[Decision]] = {metric: Counter() for metric in Metric}
    for comparison in comparisons:
        for verdict in comparison.verdicts:
            counts[verdict.metric][verdict.decision] += 1
    return counts


def coverage(comparisons: Iterable[Comparison], ratio: float) -> dict[Metric, tuple[float, float, float]]:
    """Share of the intervals that hold the truth, and that lie above and below it."""
    seen: dict[Metric, list[tuple[bool, bool]]] = {}
    for comparison in comparisons:
        for verdict in comparison.verdicts:
            if verdict.effect and verdict.metric not in (Metric.ERROR_RATE, Metric.THROUGHPUT):
                low, high = log1p(verdict.effect.low), log1p(verdict.effect.high)
                seen.setdefault(verdict.metric, []).append((low > np.log(ratio), high < np.log(ratio)))
    return {
        metric: (
            1 - float(np.mean(np.any(sides, axis=1))),
            float(np.mean(sides, axis=0)[0]),
            float(np.mean(sides, axis=0)[1]),
        )
        for metric, sides in seen.items()
    }


def share_found(comparisons: Iterable[Comparison], severity: Severity, metrics: Iterable[Metric]) -> float:
    """Share of the endpoints with a regression of at least `severity` in one of `metrics`."""
    wanted = {severity, Severity.CRITICAL}
    found: dict[tuple[int, Series], bool] = {}
    for number, comparison in enumerate(comparisons):
        for verdict in comparison.verdicts:
            if verdict.metric in metrics:
                key = (number, verdict.series)
                found[key] = found.get(key, False) or verdict.severity in wanted
    return float(np.mean(list(found.values())))


TIMES = (Metric.P50, Metric.P95, Metric.MEAN)


def _print_decisions(title: str, comparisons: list[Comparison]) -> None:
    print(f"\n{title}: {len(comparisons)} pairs")
    for metric, counts in decisions(comparisons).items():
        total = counts.total()
        if total:
            shares = "  ".join(
                f"{decision} {counts[decision]} ({counts[decision] / total:.2%})" for decision in Decision
            )
            print(f"  {metric:<11} {shares}")


def _print_coverage(title: str, comparisons: list[Comparison], ratio: float) -> None:
    print(f"\n{title}: coverage of the 95 % interval (too high, too low)")
    for metric, (inside, above, below) in coverage(comparisons, ratio).items():
        print(f"  {metric:<5} {inside:.3f} ({above:.3f}, {below:.3f})")


def _print_speed(series: int, windows: int) -> None:
    random = np.random.default_rng(0)
    plan = Plan(endpoints=series, windows=windows, width=3.0)
    runs = [simulate(plan, random, name) for name in ("before", "after")]
    began = time.perf_counter()
    compare_runs(runs[:1], runs[1], ComparisonSection())
    print(f"{series} series x {windows} windows: {time.perf_counter() - began:.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    pairs, seed = arguments.pairs, arguments.seed
    began = time.perf_counter()
    plan = Plan()
    for baselines in (1, 4):
        healthy = compare_pairs(plan, plan, pairs, seed, baselines)
        _print_decisions(f"healthy, {baselines} baseline runs", healthy)
        _print_coverage(f"healthy, {baselines} baseline runs", healthy, 1.0)
    for sd, correlation in ((0.12, 0.6), (0.12, 0.85), (0.0, 0.0)):
        rough = replace(plan, window_sd=sd, correlation=correlation)
        healthy = compare_pairs(rough, rough, pairs, seed)
        _print_decisions(f"healthy, window sd {sd}, correlation {correlation}", healthy)
        _print_coverage("the same", healthy, 1.0)
    still = replace(plan, run_sd=0.0)
    _print_coverage(
        "no variation between runs",
        compare_pairs(still, still, pairs, seed),
        1.0,
    )
    bursty = replace(plan, errors=0.02)
    _print_decisions("healthy with 2 % errors", compare_pairs(bursty, bursty, pairs, seed))
    slow = compare_pairs(plan, replace(plan, slowdown=3.0), pairs // 4, seed)
    print(f"\nthree times as slow: critical {share_found(slow, Severity.CRITICAL, TIMES):.2%}")
    failing = compare_pairs(plan, replace(plan, errors=0.1), pairs // 4, seed)
    print(f"+10 % errors: critical {share_found(failing, Severity.CRITICAL, [Metric.ERROR_RATE]):.2%}")
    _print_coverage("three times as slow", slow, 3.0)
    for run_sd, endpoints, baselines in ((0.0, 1, 1), (0.03, 1, 1), (0.03, 8, 1), (0.03, 1, 4), (0.03, 8, 4)):
        long = replace(plan, endpoints=endpoints, windows=300, width=10.0, run_sd=run_sd)
        creeping = compare_pairs(long, replace(long, slowdown=1.2), max(8, pairs // 8 // endpoints), seed, baselines)
        found = share_found(creeping, Severity.WARNING, TIMES)
        print(f"20 % slower, run sd {run_sd}, {endpoints} endpoints, {baselines} baselines: found {found:.2%}")
    _print_speed(200, 360)
    _print_speed(10, 8640)
    print(f"\n{time.perf_counter() - began:.0f} s, effect of 3 % run sd on two runs: {exp(0.03 * np.sqrt(2)) - 1:+.1%}")


if __name__ == "__main__":
    main()
