"""Runs that files tell of are compared as those of the store are, with what is known of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import exp, isfinite

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soakwatch.core.errors import UsageError
from soakwatch.core.histogram import Histogram
from soakwatch.core.run import Outcome, Run
from soakwatch.core.run_summary import EndpointTotals, ErrorTotal, PlainBaseline, RunTotals
from soakwatch.core.series import WHOLE_SERVICE, Series
from soakwatch.core.settings import ComparisonSection, ObjectiveSection
from soakwatch.core.verdict import Comparison, Decision, Metric, Severity, Verdict
from soakwatch.core.window import ErrorCount, LoadSample, Window
from soakwatch.detector.compare import compare_runs
from soakwatch.detector.pinning import pin_run
from soakwatch.detector.run_data import RunData
from soakwatch.detector.steady_run import steady_part

SETTINGS = ComparisonSection()
SHARES = (0.0, 0.5, 0.66, 0.75, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999, 0.9999, 1.0)
QUERY, EMBED = (Series("staging", "nightly", "rag_service", "POST", endpoint) for endpoint in ("/query", "/embed"))


def rounded(time: float) -> float:
    """As Locust rounds: two significant digits, and whole milliseconds."""
    return float(round(time, -max(0, len(str(int(time))) - 2)))


def totals_of(times: Sequence[float], failures: int = 0) -> EndpointTotals:
    """What Locust's files keep of `times` (importing Locust here would patch the standard library of the tests)."""
    ordered = sorted(map(rounded, times))
    columns = {share: ordered[min(int(len(times) * share), len(times) - 1)] for share in SHARES}
    return EndpointTotals(len(times), failures, float(np.mean(times)), columns)


def lognormal(median: float, count: int, seed: int, sigma: float = 0.5) -> list[float]:
    values: list[float] = np.random.default_rng(seed).lognormal(np.log(median), sigma, count).tolist()
    return values


def run_of(name: str, endpoints: Mapping[Series, EndpointTotals]) -> RunTotals:
    return RunTotals(Run(name, "staging", "nightly", 0.0), endpoints)


def data_of(name: str, start: float, median: float, *, windows: int = 100, failing: float = 0.0) -> RunData:
    """A run of the store, with 30 requests in each window of a second."""
    run = Run(name, "staging", "nightly", start, start + windows, users=10)
    points, errors = [], []
    for number in range(windows):
        times = lognormal(median, 30, int(start) + number)
        failed = round(30 * failing)
        points.append(
            Window(
                QUERY, name, "one", start + number, 1.0, 30, failed, sum(times), sum(times[:failed]),
                min(times), max(times), Histogram.of(times[failed:]), Histogram.of(times[:failed]),
            )
        )  # fmt: skip
        if failed:
            errors.append(ErrorCount(QUERY, name, "one", start + number, "HTTP 503", failed, "busy"))
    load = [LoadSample("staging", "nightly", name, "one", start + n, 1.0, 10, 5.0, False) for n in range(windows)]
    return RunData(run, points, errors, load)


def verdict_on(comparison: Comparison, metric: Metric, series: Series = QUERY) -> Verdict:
    (found,) = [v for v in comparison.verdicts if (v.series, v.metric) == (series, metric) and not v.is_objective]
    return found


def test_a_slowdown_is_found_from_percentile_columns_and_counts_and_the_reason_says_so() -> None:
    before, after = (run_of("a", {QUERY: totals_of(lognormal(median, 2000, 1))}) for median in (50.0, 100.0))
    found = verdict_on(compare_runs([before], after, SETTINGS), Metric.P95)
    assert (found.decision, found.severity) == (Decision.REGRESSED, Severity.CRITICAL)
    assert found.effect
    assert found.effect.low < 1.0 < found.effect.high
    assert "percentile columns" in found.reason


def test_failures_are_found_from_counts_with_the_kinds_that_grew() -> None:
    before = run_of("a", {QUERY: totals_of(lognormal(50, 2000, 1))})
    failing = replace(totals_of(lognormal(50, 2000, 2), 200), errors=(ErrorTotal("HTTP 503", 200, "busy"),))
    comparison = compare_runs([before], run_of("b", {QUERY: failing}), SETTINGS)
    assert verdict_on(comparison, Metric.ERROR_RATE).severity is Severity.CRITICAL
    assert [(growth.kind, growth.current_count, growth.sample) for growth in comparison.errors] == [
        ("HTTP 503", 200, "busy")
    ]


def test_many_failures_make_response_times_undecided_rather_than_wrong() -> None:
    """Columns mix the times of failures with those of successes: fast failures must not look like an improvement."""
    before = run_of("a", {QUERY: totals_of(lognormal(50, 3000, 1))})
    after = run_of("b", {QUERY: totals_of([*lognormal(50, 1500, 2), *lognormal(1, 1500, 3)], 1500)})
    comparison = compare_runs([before], after, SETTINGS)
    assert {verdict_on(comparison, metric).decision for metric in (Metric.P50, Metric.P95, Metric.MEAN)} <= {
        Decision.UNKNOWN,
        Decision.SAME,
    }
    assert verdict_on(comparison, Metric.P50).decision is Decision.UNKNOWN


def wandering(seconds: int, seed: int) -> list[float]:
    """Response times of a run whose level wanders by 6 % from second to second, 12 requests in each."""
    chance = np.random.default_rng(seed)
    times: list[float] = []
    level = chance.normal(0, 0.06)
    for _ in range(seconds):
        level = 0.6 * level + chance.normal(0, 0.06 * 0.8)
        times += np.exp(chance.normal(np.log(240) + level, 0.5, 12)).tolist()
    return times


@pytest.mark.parametrize("seconds", [25, 600])
def test_intervals_from_columns_hold_the_truth_in_short_and_long_runs(seconds: int) -> None:
    settings = ComparisonSection(run_to_run=0.0)
    inside: dict[Metric, list[bool]] = {Metric.P50: [], Metric.P95: [], Metric.MEAN: []}
    for seed in range(120):
        pair = [run_of(str(n), {QUERY: totals_of(wandering(seconds, 2 * seed + n))}) for n in (0, 1)]
        comparison = compare_runs([pair[0]], pair[1], settings)
        for metric, held in inside.items():
            effect = verdict_on(comparison, metric).effect
            assert effect
            held.append(effect.low <= 0 <= effect.high)
    assert {metric: np.mean(held) >= 0.93 for metric, held in inside.items()} == dict.fromkeys(inside, True)


def test_a_moderate_change_is_left_open_by_files_rather_than_called_the_same() -> None:
    """Runs of the store find a slowdown of 20 % in an hour: files must not contradict them."""
    before, after = (run_of("a", {QUERY: totals_of(lognormal(median, 40_000, 1))}) for median in (50.0, 60.0))
    found = verdict_on(compare_runs([before], after, SETTINGS), Metric.P95)
    assert (found.decision, "would count if it were certain" in found.reason) == (Decision.UNKNOWN, True)


def test_a_few_failures_that_took_a_minute_do_not_make_the_successes_slower() -> None:
    before = run_of("a", {QUERY: totals_of(lognormal(50, 10_000, 1))})
    after = run_of("b", {QUERY: totals_of([*lognormal(50, 9998, 1), 60_000.0, 60_000.0], 2)})
    mean = verdict_on(compare_runs([before], after, SETTINGS), Metric.MEAN)
    assert mean.decision is not Decision.REGRESSED
    assert mean.effect
    assert mean.effect.low < 0 < mean.effect.high


def test_kinds_of_errors_do_not_grow_from_a_file_that_does_not_know_kinds() -> None:
    kinds = (ErrorTotal("HTTP 503", 100, "busy"),)
    times = lognormal(50, 2000, 1)
    unknown, known = totals_of(times, 100), replace(totals_of(times, 100), errors=kinds)
    assert compare_runs([run_of("a", {QUERY: unknown})], run_of("b", {QUERY: known}), SETTINGS).errors == []
    none = totals_of(times, 0)
    grown = compare_runs([run_of("a", {QUERY: none})], run_of("b", {QUERY: known}), SETTINGS).errors
    assert [growth.kind for growth in grown] == ["HTTP 503"]


def test_few_requests_leave_the_tail_unknown() -> None:
    few = run_of("a", {QUERY: totals_of(lognormal(50, 150, 1))})
    assert verdict_on(compare_runs([few], few, SETTINGS), Metric.P95).decision is Decision.UNKNOWN
    assert verdict_on(compare_runs([few], few, SETTINGS), Metric.P50).decision is Decision.SAME


def test_columns_without_percentiles_leave_response_times_unknown_and_errors_decided() -> None:
    plain = run_of("a", {QUERY: EndpointTotals(5000, 5)})
    comparison = compare_runs([plain], plain, SETTINGS)
    assert verdict_on(comparison, Metric.P95).decision is Decision.UNKNOWN
    assert verdict_on(comparison, Metric.ERROR_RATE).decision is Decision.SAME


@given(
    st.integers(1, 10_000),
    st.data(),
    st.lists(st.floats(0, 1e8), min_size=len(SHARES), max_size=len(SHARES)),
)
def test_whatever_a_file_says_a_comparison_ends_with_finite_numbers(
    requests: int, data: st.DataObject, times: list[float]
) -> None:
    percentiles = dict(zip(SHARES, sorted(times), strict=True))
    mean = data.draw(st.none() | st.floats(0, 1e8))
    any_totals = EndpointTotals(requests, data.draw(st.integers(0, requests)), mean, percentiles)
    ordinary = totals_of(lognormal(50, 1000, 1))
    for before, after in ((any_totals, ordinary), (ordinary, any_totals)):
        comparison = compare_runs([run_of("a", {QUERY: before})], run_of("b", {QUERY: after}), SETTINGS)
        for verdict in comparison.verdicts:
            numbers = (verdict.effect.value, verdict.effect.low, verdict.effect.high) if verdict.effect else ()
            assert all(map(isfinite, numbers)), verdict


def test_a_file_and_a_run_of_the_store_can_be_compared() -> None:
    stored = data_of("new", 1e9, 100.0)
    file = run_of("old", {QUERY: totals_of(lognormal(50, 3000, 7))})
    assert verdict_on(compare_runs([file], stored, SETTINGS), Metric.P95).severity is Severity.CRITICAL
    assert verdict_on(compare_runs([stored], file, SETTINGS), Metric.P95).decision is Decision.IMPROVED


def test_an_endpoint_whose_service_the_file_does_not_know_is_found_by_its_name() -> None:
    """Locust's files do not say which host was tested, which is what tells the service of a plain name."""
    file = run_of("old", {replace(QUERY, service="unknown"): totals_of(lognormal(50, 3000, 7))})
    for base, current in ((file, data_of("new", 1e9, 100.0)), (data_of("old", 1e9, 50.0), file)):
        comparison = compare_runs([base], current, SETTINGS)
        assert verdict_on(comparison, Metric.P95).effect


def test_files_have_no_throughput_and_say_so() -> None:
    one = run_of("a", {QUERY: totals_of(lognormal(50, 1000, 1))})
    (verdict,) = compare_runs([one], one, SETTINGS, metrics=(Metric.THROUGHPUT,)).verdicts
    assert (verdict.decision, "runs of the store only" in verdict.reason) == (Decision.UNKNOWN, True)


def test_counts_beyond_all_measure_end_in_time() -> None:
    many = run_of("a", {QUERY: replace(totals_of(lognormal(50, 1000, 1)), requests=10**15, failures=10**14)})
    assert compare_runs([many], many, SETTINGS).verdicts


def test_a_mean_outside_of_all_times_is_none() -> None:
    odd = run_of("b", {QUERY: replace(totals_of(lognormal(50, 1000, 1)), mean=7_000.0)})
    base = run_of("a", {QUERY: totals_of(lognormal(50, 1000, 1))})
    assert verdict_on(compare_runs([base], odd, SETTINGS), Metric.MEAN).decision is Decision.UNKNOWN


def test_percentiles_that_end_early_tell_nothing_of_what_lies_beyond() -> None:
    short = run_of("a", {QUERY: EndpointTotals(5000, 0, None, {0.5: 50.0, 0.95: 110.0, 0.99: 150.0})})
    comparison = compare_runs([short], short, SETTINGS)
    assert verdict_on(comparison, Metric.P99).decision is Decision.UNKNOWN
    assert verdict_on(comparison, Metric.P95).decision is Decision.SAME


def test_an_endpoint_that_is_gone_or_new_is_unknown_also_in_files() -> None:
    both = totals_of(lognormal(50, 1000, 1))
    comparison = compare_runs([run_of("a", {QUERY: both, EMBED: both})], run_of("b", {QUERY: both}), SETTINGS)
    gone = verdict_on(comparison, Metric.P50, EMBED)
    assert (gone.decision, gone.reason.split(":")[0]) == (Decision.UNKNOWN, "gone")
    back = compare_runs([run_of("a", {QUERY: both})], run_of("b", {QUERY: both, EMBED: both}), SETTINGS)
    assert verdict_on(back, Metric.P50, EMBED).reason.startswith("new")


def test_only_the_metrics_asked_for_are_compared() -> None:
    one = run_of("a", {QUERY: totals_of(lognormal(50, 1000, 1))})
    comparison = compare_runs([one], one, SETTINGS, metrics=(Metric.P95, Metric.ERROR_RATE))
    assert [verdict.metric for verdict in comparison.verdicts] == [Metric.P95, Metric.ERROR_RATE]


def test_an_objective_is_held_against_a_file() -> None:
    one = run_of("a", {QUERY: totals_of(lognormal(50, 1000, 1))})
    comparison = compare_runs([one], one, SETTINGS, [ObjectiveSection(bound="p95 < 60 ms")])
    assert comparison.regressions[0].is_objective


@pytest.mark.parametrize(("median", "failing"), [(50.0, 0.0), (100.0, 0.0), (50.0, 0.2)])
def test_a_pinned_run_gives_the_verdicts_of_the_run_itself(median: float, failing: float) -> None:
    old, new = data_of("old", 1000, 50.0, failing=0.1), data_of("new", 5000, median, failing=0.1 + failing)
    itself, pinned = (compare_runs([base], new, SETTINGS) for base in (old, pin_run(old)))
    assert [(v.series, v.metric, v.decision, v.severity) for v in pinned.verdicts] == [
        (v.series, v.metric, v.decision, v.severity) for v in itself.verdicts
    ]
    for one, other in zip(itself.verdicts, pinned.verdicts, strict=True):
        assert (one.effect is None) == (other.effect is None)
        if one.effect and other.effect:
            assert one.effect.value == pytest.approx(other.effect.value, abs=1e-9)
            assert one.effect.high == pytest.approx(other.effect.high, abs=0.05)


def test_a_pinned_run_keeps_every_request_after_the_warm_up() -> None:
    data = data_of("old", 1000, 50.0, failing=0.1)
    steady, pinned = steady_part(data), pin_run(data)
    (endpoint,) = pinned.endpoints.values()
    assert sum(block.requests for block in endpoint.blocks) == steady.evidence["rag_service", "POST", "/query"].requests
    assert [(error.kind, error.count) for error in endpoint.errors] == [("HTTP 503", 3 * 99)]
    assert len(endpoint.blocks) == len(pinned.seconds) <= 32
    assert Histogram.merge(block.hist for block in endpoint.blocks).count == 27 * 99


def test_a_pinned_run_is_as_long_as_the_run_was() -> None:
    """What `min_windows` asks for are windows, not the blocks that they were condensed to."""
    old, new = data_of("old", 1000, 50.0), data_of("new", 5000, 50.0)
    patient = ComparisonSection(min_windows=90)
    for base in (old, pin_run(old)):
        assert verdict_on(compare_runs([base], new, patient), Metric.P50).decision is Decision.SAME
    short = ComparisonSection(min_windows=100)
    assert verdict_on(compare_runs([pin_run(old)], new, short), Metric.P50).decision is Decision.UNKNOWN


def test_verdicts_on_imported_windows_say_so_also_when_they_were_pinned() -> None:
    old, new = data_of("old", 1000, 50.0), data_of("new", 5000, 100.0)
    imported = replace(old, run=replace(old.run, outcome=Outcome.IMPORTED))
    for base in (imported, pin_run(imported)):
        assert "imported windows" in verdict_on(compare_runs([base], new, SETTINGS), Metric.P95).reason


def test_plain_numbers_stand_alone_as_a_baseline() -> None:
    totals = run_of("a", {QUERY: totals_of(lognormal(50, 1000, 1))})
    with pytest.raises(UsageError, match="no other baseline"):
        compare_runs([plain(p95=100.0), totals], totals, SETTINGS)


def plain(**numbers: float) -> PlainBaseline:
    values = {Metric(name): value for name, value in numbers.items()}
    return PlainBaseline(Run("performance-baselines", "staging", "nightly", 0.0), {"rag_service": values})


def test_plain_numbers_are_compared_with_whole_services() -> None:
    service = Series("staging", "nightly", "rag_service", WHOLE_SERVICE, WHOLE_SERVICE)
    endpoints = {QUERY: totals_of(lognormal(100, 1000, 1)), EMBED: totals_of(lognormal(100, 1000, 2))}
    for current in (run_of("b", endpoints), data_of("b", 1000, 100.0), pin_run(data_of("b", 1000, 100.0))):
        comparison = compare_runs([plain(p95=110.0, error_rate=0.0)], current, SETTINGS)
        found = verdict_on(comparison, Metric.P95, service)
        assert found.severity is Severity.CRITICAL
        assert found.current == pytest.approx(100 * exp(1.645 * 0.5), rel=0.1)
        assert "plain numbers" in found.reason
        assert verdict_on(comparison, Metric.ERROR_RATE, service).decision is Decision.SAME


def test_what_plain_numbers_lack_is_unknown() -> None:
    service = Series("staging", "nightly", "rag_service", WHOLE_SERVICE, WHOLE_SERVICE)
    comparison = compare_runs([plain(p95=100.0)], run_of("b", {QUERY: totals_of(lognormal(50, 1000, 1))}), SETTINGS)
    for metric in (Metric.P50, Metric.ERROR_RATE):
        found = verdict_on(comparison, metric, service)
        assert (found.decision, "does not have it" in found.reason) == (Decision.UNKNOWN, True)


def test_plain_numbers_can_only_be_a_baseline() -> None:
    with pytest.raises(UsageError, match="only be a baseline"):
        compare_runs([run_of("a", {QUERY: EndpointTotals(100, 0)})], plain(p95=1.0), SETTINGS)


def test_a_whole_service_from_columns_has_the_percentiles_of_all_its_requests_together() -> None:
    fast, slow = lognormal(20, 3000, 1), lognormal(200, 1000, 2)
    current = run_of("b", {QUERY: totals_of(fast), EMBED: totals_of(slow)})
    comparison = compare_runs([plain(p50=20.0, p95=200.0, mean=50.0)], current, SETTINGS)
    service = Series("staging", "nightly", "rag_service", WHOLE_SERVICE, WHOLE_SERVICE)
    together = np.array([*fast, *slow])
    for metric, exact in ((Metric.P50, np.quantile(together, 0.5)), (Metric.P95, np.quantile(together, 0.95))):
        assert verdict_on(comparison, metric, service).current == pytest.approx(exact, rel=0.06)
    assert verdict_on(comparison, Metric.MEAN, service).current == pytest.approx(together.mean(), rel=1e-3)
