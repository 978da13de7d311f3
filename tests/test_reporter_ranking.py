"""Which verdicts a reader sees first, and which the summary names."""

from dataclasses import replace
from math import inf, nan
from random import Random

import pytest

from soakwatch.core.run import Run
from soakwatch.core.series import Series
from soakwatch.core.verdict import Comparison, Decision, Effect, Metric, Severity, Verdict
from soakwatch.reporter.ranking import headlines, worst_first
from soakwatch.reporter.summary import summarise


def verdict(
    endpoint: str,
    metric: Metric = Metric.P95,
    effect: float = 0.5,
    severity: Severity = Severity.WARNING,
    decision: Decision = Decision.REGRESSED,
) -> Verdict:
    series = Series("staging", "shop", "api", "GET", endpoint)
    return Verdict(series, metric, decision, severity, 1.0, 2.0, Effect(effect, effect, effect), 0.001, "why")


def objective(endpoint: str, effect: float = 0.5) -> Verdict:
    return replace(verdict(endpoint, effect=effect), reason="objective p95 < 1 ms is missed")


def endpoints(verdicts: list[Verdict]) -> list[str]:
    return [one.series.endpoint for one in verdicts]


def test_regressions_come_before_unknown_before_improved_before_same() -> None:
    verdicts = [verdict(decision.value, decision=decision) for decision in Decision]
    assert endpoints(worst_first(verdicts)) == ["regressed", "unknown", "improved", "same"]


def test_critical_comes_first_then_failing_then_what_changed_most() -> None:
    verdicts = [
        verdict("/a", effect=0.2),
        verdict("/b", effect=0.9),
        verdict("/c", Metric.ERROR_RATE, effect=0.02),
        verdict("/d", effect=0.6, severity=Severity.CRITICAL),
    ]
    assert endpoints(headlines(verdicts)) == ["/d", "/c", "/b", "/a"]


def test_the_regressions_of_one_endpoint_stay_together_in_the_order_of_metrics() -> None:
    verdicts = [
        verdict("/a", Metric.P50, effect=0.3),
        verdict("/b", Metric.P99, effect=0.4),
        verdict("/a", Metric.P95, effect=0.9),
        verdict("/b", Metric.P95, effect=0.5),
    ]
    expected = [("/a", "p50"), ("/a", "p95"), ("/b", "p95"), ("/b", "p99")]
    for seed in range(5):
        ranked = worst_first(Random(seed).sample(verdicts, len(verdicts)))
        assert [(one.series.endpoint, one.metric) for one in ranked] == expected


def test_p95_speaks_for_an_endpoint_unless_something_else_is_critical() -> None:
    assert headlines([verdict("/a", metric) for metric in (Metric.P99, Metric.P50, Metric.P95)])[0].metric == "p95"
    critical = verdict("/a", Metric.P99, severity=Severity.CRITICAL)
    assert headlines([verdict("/a"), critical]) == [critical]


def test_a_baseline_speaks_before_an_objective() -> None:
    relative = verdict("/a", effect=0.2)
    assert headlines([objective("/a", effect=0.9), relative]) == [relative]


@pytest.mark.parametrize(("effect", "first"), [(inf, "/odd"), (nan, "/usual")])
def test_an_effect_without_bounds_comes_first_and_one_that_is_no_number_last(effect: float, first: str) -> None:
    assert endpoints(headlines([verdict("/odd", effect=effect), verdict("/usual")]))[0] == first


def summary(*verdicts: Verdict) -> str:
    run = Run("r1", "staging", "shop", 0.0)
    return summarise(Comparison([run], run, verdicts))


def test_the_summary_names_three_and_counts_the_rest() -> None:
    told = summary(*(verdict(f"/{number}") for number in range(5)))
    assert told.startswith("**5 endpoints regressed** in run ")
    assert told.count("p95 of") == 3
    assert told.endswith("; and 2 more.")


def test_the_summary_tells_a_missed_objective_with_its_bound() -> None:
    told = summary(objective("/a"))
    assert "p95 of <code>api GET /a</code> 2.0 ms, its objective is below 1.0 ms." in told
