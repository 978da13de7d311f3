"""What the comparison promises over many pairs of runs whose truth is known.

Lognormal times with a log sd of .5 around a level that wanders from window to window (AR(1), correlation .6, sd 6 %)
and differs from run to run (sd 3 %). benchmarks/healthy_pairs_simulated.py shows more of it.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest

from soakwatch.core.histogram import Histogram
from soakwatch.core.run import Run
from soakwatch.core.series import Series
from soakwatch.core.settings import ComparisonSection
from soakwatch.core.verdict import Comparison, Decision, Metric, Severity
from soakwatch.core.window import Window
from soakwatch.detector.compare import compare_runs
from soakwatch.detector.run_data import RunData

TIMES = (Metric.P50, Metric.P95, Metric.MEAN)
SEEDS = (11, 12, 13, 14)


@dataclass(frozen=True)
class Plan:
    endpoints: int = 8
    windows: int = 25
    width: float = 1.0
    run_sd: float = 0.03
    slowdown: float = 1.0
    errors: float = 0.0


def simulate(plan: Plan, random: np.random.Generator, name: str) -> RunData:
    parts = [list(_endpoint(plan, random, name, number)) for number in range(plan.endpoints)]
    return RunData(Run(name, "e", "t", 0.0, plan.windows * plan.width, 20), [w for part in parts for w in part])


def _endpoint(plan: Plan, random: np.random.Generator, name: str, number: int) -> Iterator[Window]:
    series = Series("e", "t", f"service-{number % 3}", "GET", f"/{number}")
    level = np.log((40 + 20 * number) * plan.slowdown) + random.normal(0, plan.run_sd)
    state = random.normal(0, 0.06)
    for n in range(plan.windows):
        state = 0.6 * state + random.normal(0, 0.06 * 0.8)
        count = random.poisson((12 + 8 * number / 7) * plan.width)
        times = np.exp(random.normal(level + state, 0.5, count))
        good, bad = np.split(times, [count - random.binomial(count, plan.errors)])
        hists = Histogram.of(good.tolist()), Histogram.of(bad.tolist())
        sums = float(times.sum()), float(bad.sum())
        yield Window(series, name, "one", n * plan.width, plan.width, count, bad.size, *sums, None, None, *hists)


@cache
def pairs(after: Plan, number: int, seeds: tuple[int, ...] = SEEDS, baselines: int = 1) -> list[Comparison]:
    before = replace(after, slowdown=1.0, errors=0.0)
    found = []
    for seed in seeds:
        random = np.random.default_rng(seed)
        for _ in range(number // len(seeds)):
            runs = [simulate(before, random, str(n)) for n in range(baselines)]
            found.append(compare_runs(runs, simulate(after, random, "after"), ComparisonSection()))
    return found


def decisions(comparisons: list[Comparison], metric: Metric) -> Counter[Decision]:
    return Counter(v.decision for comparison in comparisons for v in comparison.verdicts if v.metric is metric)


def test_healthy_pairs_alarm_no_more_often_than_alpha_and_never_critically() -> None:
    alarms = [comparison.regressions for comparison in pairs(Plan(), 200) if comparison.regressions]
    assert len(alarms) <= 0.01 * 200
    assert Severity.CRITICAL not in {verdict.severity for regressions in alarms for verdict in regressions}


def test_silence_on_healthy_pairs_is_not_bought_with_unknown() -> None:
    for metric in (*TIMES, Metric.ERROR_RATE):
        counts = decisions(pairs(Plan(), 200), metric)
        assert counts[Decision.UNKNOWN] < 0.05 * counts.total(), metric


@pytest.mark.parametrize("slowdown", [1.0, 3.0])
def test_intervals_hold_the_truth_as_often_as_they_say(slowdown: float) -> None:
    comparisons = pairs(Plan(slowdown=slowdown), 200 if slowdown == 1 else 40)
    for metric in TIMES:
        effects = [v.effect for c in comparisons for v in c.verdicts if v.metric is metric and v.effect]
        inside = np.mean([effect.low <= slowdown - 1 <= effect.high for effect in effects])
        assert 0.92 <= inside <= 0.98, metric


def test_three_times_as_slow_is_always_critical() -> None:
    for comparison in pairs(Plan(slowdown=3.0), 40):
        slow = [verdict for verdict in comparison.verdicts if verdict.metric in TIMES and verdict.effect]
        assert {verdict.severity for verdict in slow if verdict.metric is Metric.P50} == {Severity.CRITICAL}
        assert {verdict.severity for verdict in slow if verdict.metric is Metric.MEAN} == {Severity.CRITICAL}


def test_ten_percent_errors_are_always_critical() -> None:
    for comparison in pairs(Plan(errors=0.1), 40):
        rates = [verdict for verdict in comparison.verdicts if verdict.metric is Metric.ERROR_RATE]
        assert {verdict.severity for verdict in rates} == {Severity.CRITICAL}


def test_failures_that_were_always_there_raise_no_alarm() -> None:
    plan = Plan(errors=0.02)
    random = np.random.default_rng(1)
    for _ in range(40):
        healthy = [simulate(plan, random, name) for name in "ab"]
        found = compare_runs(healthy[:1], healthy[1], ComparisonSection())
        assert [v for v in found.regressions if v.metric is Metric.ERROR_RATE] == []


def test_twenty_percent_slower_is_found_in_long_runs() -> None:
    plan = Plan(endpoints=4, windows=300, width=10.0, run_sd=0.0, slowdown=1.2)
    found = [
        any(v.decision is Decision.REGRESSED for v in c.verdicts if v.series.endpoint == f"/{n}" and v.metric in TIMES)
        for c in pairs(plan, 6, (1, 2))
        for n in range(4)
    ]
    assert np.mean(found) >= 0.95
