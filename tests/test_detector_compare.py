"""What the comparison of runs promises to those who read its verdicts."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from soakwatch.core.errors import UsageError
from soakwatch.core.histogram import Histogram
from soakwatch.core.run import Run
from soakwatch.core.series import WHOLE_SERVICE, Series
from soakwatch.core.settings import ComparisonSection, ObjectiveSection
from soakwatch.core.verdict import Comparison, Decision, Metric, Severity, Verdict
from soakwatch.core.window import ErrorCount, LoadSample, Window
from soakwatch.detector.compare import compare_runs
from soakwatch.detector.run_data import RunData

SETTINGS = ComparisonSection()
START = 1000.0
Times = Callable[[int], Sequence[float]]
"""Response times of the successes in the window with this number."""


def lognormal(median: float, per_window: int = 16, seed: int = 0, sigma: float = 0.4) -> Times:
    random = np.random.default_rng(seed)
    return lambda _: np.exp(random.normal(np.log(median), sigma, per_window)).tolist()


def endpoint(  # noqa: PLR0913, PLR0917  (a builder: all but the times have a usual value)
    times: Times,
    failures: int | Callable[[int], int] = 0,
    path: str = "/a",
    service: str = "shop",
    windows: int = 25,
    source: str = "one",
) -> list[Window]:
    series = Series("staging", "nightly", service, "GET", path)
    failing = failures if callable(failures) else lambda _: failures
    return [_window(series, source, START + n, times(n), failing(n)) for n in range(windows)]


def _window(series: Series, source: str, start: float, times: Sequence[float], failures: int) -> Window:
    slow_failures = [1.0] * failures
    count, total, failed = len(times) + failures, sum(times) + failures, float(failures)
    hists = Histogram.of(times), Histogram.of(slow_failures)
    return Window(series, "?", source, start, 1.0, count, failures, total, failed, None, None, *hists)


def run(name: str, *windows: list[Window], users: Sequence[int] = (), saturated: bool = False) -> RunData:
    everything = [replace(window, run=name) for part in windows for window in part]
    length = max((window.start + window.width for window in everything), default=START) - START
    load = [
        LoadSample("staging", "nightly", name, "one", START + n, 1.0, total, 95.0 if saturated else 10.0, saturated)
        for n, total in enumerate(users)
    ]
    target = max(users, default=0)
    return RunData(Run(name, "staging", "nightly", START, START + length, target), everything, (), load)


def steady(users: int = 20, windows: int = 25) -> list[int]:
    return [users // 2, *[users] * (windows - 1)]


def of(comparison: Comparison, metric: Metric, path: str = "/a") -> Verdict:
    return next(
        verdict
        for verdict in comparison.verdicts
        if verdict.metric is metric and verdict.series.endpoint == path and not verdict.reason.startswith("objective")
    )


def compare(before: RunData, after: RunData, settings: ComparisonSection = SETTINGS) -> Comparison:
    return compare_runs([before], after, settings)


def test_equal_runs_are_the_same_in_everything() -> None:
    found = compare(run("a", endpoint(lognormal(80, seed=1))), run("b", endpoint(lognormal(80, seed=2))))
    decisions = {verdict.metric: verdict.decision for verdict in found.verdicts if verdict.metric is not Metric.P99}
    assert set(decisions) == {Metric.P50, Metric.P95, Metric.MEAN, Metric.ERROR_RATE, Metric.THROUGHPUT}
    assert decisions.pop(Metric.THROUGHPUT) is Decision.UNKNOWN  # nothing is known of the users
    assert set(decisions.values()) == {Decision.SAME}


def test_three_times_as_slow_is_critical_with_effect_interval_and_reason() -> None:
    found = compare(run("a", endpoint(lognormal(80, seed=1))), run("b", endpoint(lognormal(240, seed=2))))
    verdict = of(found, Metric.P50)
    assert (verdict.decision, verdict.severity) == (Decision.REGRESSED, Severity.CRITICAL)
    assert verdict.effect
    assert verdict.effect.low < 2 < verdict.effect.high
    assert verdict.p is not None
    assert verdict.p < 0.01
    assert "rose from" in verdict.reason
    assert verdict.baseline == pytest.approx(80, rel=0.1)
    assert verdict.current == pytest.approx(240, rel=0.1)


def test_a_slowdown_that_is_not_critical_is_a_warning() -> None:
    found = compare(run("a", endpoint(lognormal(80, seed=1))), run("b", endpoint(lognormal(110, seed=2))))
    assert of(found, Metric.P50).severity is Severity.WARNING


def test_half_the_time_is_an_improvement() -> None:
    found = compare(run("a", endpoint(lognormal(80, seed=1))), run("b", endpoint(lognormal(40, seed=2))))
    assert (of(found, Metric.P50).decision, of(found, Metric.P50).severity) == (Decision.IMPROVED, Severity.NONE)
    assert not found.regressions


def test_a_change_below_the_floor_is_the_same_however_large_its_ratio() -> None:
    found = compare(run("a", endpoint(lognormal(1, seed=1))), run("b", endpoint(lognormal(2, seed=2))))
    assert of(found, Metric.P50).decision is Decision.SAME
    assert "below the floor" in of(found, Metric.P50).reason


def test_failing_fast_does_not_look_faster() -> None:
    slow, fast = endpoint(lognormal(80, seed=1)), endpoint(lognormal(80, seed=2), failures=8)
    found = compare(run("a", slow), run("b", fast))
    assert of(found, Metric.MEAN).decision is Decision.SAME
    assert of(found, Metric.ERROR_RATE).severity is Severity.CRITICAL


def test_when_errors_leave_too_few_successes_the_reason_says_so() -> None:
    dying = endpoint(lambda n: [80.0] if n < 3 else [], failures=15)
    found = compare(run("a", endpoint(lognormal(80, seed=1))), run("b", dying))
    assert of(found, Metric.P50).decision is Decision.UNKNOWN
    assert "% of its requests failed" in of(found, Metric.P50).reason
    assert of(found, Metric.ERROR_RATE).severity is Severity.CRITICAL


def test_no_success_at_all_is_told_as_that() -> None:
    found = compare(run("a", endpoint(lognormal(80))), run("b", endpoint(lambda _: [], failures=9)))
    assert "no request succeeded" in of(found, Metric.P95).reason
    assert of(found, Metric.ERROR_RATE).decision is Decision.REGRESSED


def test_one_error_in_ten_requests_alarms_nobody() -> None:
    short = endpoint(lambda _: [80.0], failures=lambda n: int(n == 4), windows=9)
    found = compare(run("a", endpoint(lognormal(80))), run("b", short))
    assert of(found, Metric.ERROR_RATE).decision is Decision.UNKNOWN
    assert not found.regressions


def test_a_burst_in_one_window_is_one_event() -> None:
    burst = endpoint(lognormal(80, seed=2), failures=lambda n: 12 * (n == 9))
    found = compare(run("a", endpoint(lognormal(80, seed=1))), run("b", burst))
    assert of(found, Metric.ERROR_RATE).decision is not Decision.REGRESSED


def test_two_percent_errors_of_three_thousand_requests_are_found_after_a_tenth_of_a_percent() -> None:
    before = endpoint(lognormal(80, 120, 1), failures=lambda n: int(n in {5, 12, 20}))
    after = endpoint(lognormal(80, 118, 2), failures=lambda n: 2 + n % 2)
    verdict = of(compare(run("a", before), run("b", after)), Metric.ERROR_RATE)
    assert (verdict.decision, verdict.severity) == (Decision.REGRESSED, Severity.WARNING)
    assert verdict.effect
    assert verdict.effect.value == pytest.approx(0.02, abs=0.003)


def test_an_endpoint_that_hangs_until_it_fails_is_found_in_few_requests() -> None:
    hanging = endpoint(lambda _: [], failures=lambda n: 5 * (n % 4 == 3), windows=12)
    found = compare(run("a", endpoint(lognormal(80))), run("b", hanging))
    assert of(found, Metric.ERROR_RATE).severity is Severity.CRITICAL


def test_constant_zeros_and_single_buckets_have_an_outcome() -> None:
    for before, after in ((0.0, 0.0), (0.0, 100.0), (100.0, 0.0), (100.0, 100.0), (1e-300, 1e300), (1e300, 1e300)):
        found = compare(
            run("a", endpoint(lambda _, t=before: [t] * 20)),  # type: ignore[misc]
            run("b", endpoint(lambda _, t=after: [t] * 20)),  # type: ignore[misc]
        )
        expected = Decision.REGRESSED if after > before else Decision.IMPROVED if after < before else Decision.SAME
        assert of(found, Metric.P50).decision is expected, (before, after)


def test_requests_without_a_time_count_for_the_error_rate_only() -> None:
    timeless = [replace(w, count=20, failures=0, sum=0.0, hist=Histogram()) for w in endpoint(lambda _: [])]
    found = compare(run("a", timeless), run("b", timeless))
    assert of(found, Metric.ERROR_RATE).decision is Decision.SAME
    assert of(found, Metric.MEAN).decision is Decision.UNKNOWN


def test_several_processes_are_one_run() -> None:
    whole = run("a", endpoint(lambda _: [50.0, 90.0] * 8))
    halves = run("b", *(endpoint(lambda _: [50.0, 90.0] * 4, source=name) for name in ("one", "two")))
    found = compare(whole, halves)
    assert of(found, Metric.MEAN).current == of(found, Metric.MEAN).baseline
    assert of(found, Metric.P95).current == of(found, Metric.P95).baseline


def test_warm_up_is_left_out() -> None:
    def warming(n: int) -> list[float]:
        return [1000.0 if n < 6 else 80.0] * 16

    ramp = [4, 8, 12, 16, 18, 20, *[20] * 19]
    found = compare(run("a", endpoint(lambda _: [80.0] * 16), users=steady()), run("b", endpoint(warming), users=ramp))
    assert of(found, Metric.P95).decision is Decision.SAME
    assert of(found, Metric.MEAN).current == pytest.approx(80.0)


def test_a_run_that_is_all_warm_up_is_unknown() -> None:
    found = compare(
        run("a", endpoint(lognormal(80)), users=steady()), run("b", endpoint(lognormal(80)), users=range(25))
    )
    assert {verdict.decision for verdict in found.verdicts} == {Decision.UNKNOWN}
    assert "after its warm-up" in of(found, Metric.P50).reason


def test_another_load_is_not_compared() -> None:
    found = compare(
        run("a", endpoint(lognormal(80)), users=steady(20)), run("b", endpoint(lognormal(200)), users=steady(40))
    )
    assert {verdict.decision for verdict in found.verdicts} == {Decision.UNKNOWN}
    assert of(found, Metric.P50).reason == "load differs: 20 against 40 users"


def test_a_baseline_run_with_another_load_is_left_out_of_several() -> None:
    before = [run(name, endpoint(lognormal(80, seed=n)), users=steady(20)) for n, name in enumerate("ab")]
    other = run("c", endpoint(lognormal(800)), users=steady(60))
    found = compare_runs([*before, other], run("d", endpoint(lognormal(80, seed=9)), users=steady(20)), SETTINGS)
    assert of(found, Metric.P50).baseline == pytest.approx(80, rel=0.1)
    assert of(found, Metric.P50).decision is Decision.SAME


def test_a_saturated_load_generator_makes_times_unknown_and_leaves_errors() -> None:
    failing = endpoint(lognormal(300, seed=2), failures=8)
    found = compare(
        run("a", endpoint(lognormal(80)), users=steady()), run("b", failing, users=steady(), saturated=True)
    )
    assert of(found, Metric.P95).decision is Decision.UNKNOWN
    assert of(found, Metric.THROUGHPUT, WHOLE_SERVICE).decision is Decision.UNKNOWN
    assert "load generator" in of(found, Metric.P95).reason
    assert of(found, Metric.ERROR_RATE).decision is Decision.REGRESSED
    assert "load generator" in of(found, Metric.ERROR_RATE).reason


def test_what_a_late_load_generator_measured_for_some_time_is_not_the_services_slowness() -> None:
    quiet, slow = lognormal(80, seed=3), lognormal(240, seed=4)
    disturbed = run("b", endpoint(lambda n: slow(n) if n >= 15 else quiet(n), failures=3), users=steady())
    late = [replace(sample, saturated=sample.start >= START + 15) for sample in disturbed.load]
    found = compare(run("a", endpoint(lognormal(80)), users=steady()), replace(disturbed, load=late))
    assert {of(found, metric).decision for metric in (Metric.P50, Metric.P95, Metric.MEAN)} == {Decision.SAME}
    assert of(found, Metric.ERROR_RATE).decision is Decision.REGRESSED


def test_a_change_that_the_load_generators_own_delay_may_explain_is_unknown() -> None:
    def late(data: RunData, delay: float) -> RunData:
        return replace(data, load=[replace(sample, late=Histogram.of([delay] * 20)) for sample in data.load])

    before = late(run("a", endpoint(lognormal(80)), users=steady()), 0.0)
    slower = late(run("b", endpoint(lognormal(130, seed=2)), users=steady()), 30.0)
    found = of(compare(before, slower), Metric.P50)
    assert found.decision is Decision.UNKNOWN
    assert "load generator was itself late" in found.reason
    much_slower = late(run("b", endpoint(lognormal(240, seed=2)), users=steady()), 30.0)
    assert of(compare(before, much_slower), Metric.P50).decision is Decision.REGRESSED


def test_new_and_gone_endpoints_are_unknown_and_say_so() -> None:
    shared = endpoint(lognormal(80))
    found = compare(
        run("a", shared, endpoint(lognormal(80), path="/old")), run("b", shared, endpoint(lognormal(80), path="/new"))
    )
    assert of(found, Metric.P50, "/new").reason.startswith("new:")
    assert of(found, Metric.P50, "/old").reason.startswith("gone:")


def test_too_few_requests_or_windows_are_unknown() -> None:
    few = compare(run("a", endpoint(lognormal(80))), run("b", endpoint(lognormal(80, 1))))
    short = compare(run("a", endpoint(lognormal(80))), run("b", endpoint(lognormal(80, 300), windows=4)))
    assert "25 successful requests are too few" in of(few, Metric.P50).reason
    assert "4 windows are too few" in of(short, Metric.P50).reason


def test_tail_quantiles_wait_for_enough_requests_above_them() -> None:
    found = compare(run("a", endpoint(lognormal(80, 6))), run("b", endpoint(lognormal(80, 6))))
    assert "150 successful requests are too few for p95, 200 are needed" in of(found, Metric.P95).reason
    assert of(found, Metric.P50).decision is Decision.SAME


def test_an_interval_too_wide_says_how_many_requests_would_decide() -> None:
    wild = [run(n, endpoint(lognormal(80, 3, seed, sigma=1.6))) for n, seed in (("a", 1), ("b", 2))]
    verdict = of(compare(wild[0], wild[1]), Metric.MEAN)
    assert verdict.decision is Decision.UNKNOWN
    assert "is too wide; about" in verdict.reason


def test_runs_are_matched_across_environments_and_named_as_the_current_one() -> None:
    elsewhere = [
        replace(w, series=replace(w.series, environment="perf", test="hourly")) for w in endpoint(lognormal(80))
    ]
    found = compare(run("a", elsewhere), run("b", endpoint(lognormal(80))))
    assert {verdict.series.environment for verdict in found.verdicts} == {"staging"}


def test_runs_with_nothing_in_common_are_a_wrong_usage_that_names_both_sides() -> None:
    with pytest.raises(UsageError, match=r"no endpoint in common.*it has shop GET /x.*shop GET /a"):
        compare(run("a", endpoint(lognormal(80))), run("b", endpoint(lognormal(80), path="/x")))


@pytest.mark.parametrize("empty", ["a", "b"])
def test_a_run_without_windows_is_named(empty: str) -> None:
    runs = [run(name) if name == empty else run(name, endpoint(lognormal(80))) for name in "ab"]
    with pytest.raises(UsageError, match=f"run {empty} has no windows"):
        compare(runs[0], runs[1])


def test_a_missed_objective_is_regressed_although_nothing_changed() -> None:
    slow = endpoint(lognormal(400))
    objectives = [ObjectiveSection(endpoint="/a*", bound="p95 < 300 ms"), ObjectiveSection(bound="errors < 5 %")]
    found = compare_runs([run("a", slow)], run("b", slow), SETTINGS, objectives)
    times, errors = (verdict for verdict in found.verdicts if verdict.reason.startswith("objective"))
    assert (times.decision, times.severity, times.baseline) == (Decision.REGRESSED, Severity.CRITICAL, 300.0)
    assert errors.decision is Decision.SAME
    assert of(found, Metric.P95).decision is Decision.SAME


def test_an_objective_inside_the_interval_is_unknown() -> None:
    runs = [run(name, endpoint(lognormal(100, seed=3))) for name in "ab"]
    value = of(compare(runs[0], runs[1]), Metric.P50).current
    found = compare_runs(runs[:1], runs[1], SETTINGS, [ObjectiveSection(bound=f"p50 < {value:.1f} ms")])
    assert found.verdicts[-1].decision is Decision.UNKNOWN


def test_fewer_requests_at_equal_users_support_a_slower_endpoint_and_are_no_verdict_of_their_own() -> None:
    before = run("a", endpoint(lognormal(80, 20)), endpoint(lognormal(80, 20), path="/b"), users=steady())
    after = run("b", endpoint(lognormal(400, 8)), endpoint(lognormal(80, 8), path="/b"), users=steady())
    found = compare(before, after)
    assert "requests per second changed by -60 %" in of(found, Metric.P50).reason
    throughput = of(found, Metric.THROUGHPUT, WHOLE_SERVICE)
    assert throughput.decision is Decision.SAME
    assert "no change of its own" in throughput.reason


def test_less_throughput_at_equal_users_and_times_is_a_regression_of_the_service() -> None:
    found = compare(
        run("a", endpoint(lognormal(80, 20, 1)), users=steady()),
        run("b", endpoint(lognormal(80, 8, 2)), users=steady()),
    )
    assert [(v.metric, v.severity) for v in found.regressions] == [(Metric.THROUGHPUT, Severity.CRITICAL)]


def test_a_last_window_that_the_end_of_the_run_cuts_does_not_lower_throughput() -> None:
    whole = run("a", endpoint(lambda _: [80.0] * 20, windows=8), users=steady(windows=8))
    cut = run("b", endpoint(lambda n: [80.0] * (4 if n == 7 else 20), windows=8), users=steady(windows=8))
    cut = replace(cut, run=replace(cut.run, end=START + 7.2))
    verdict = of(compare(whole, cut), Metric.THROUGHPUT, WHOLE_SERVICE)
    assert verdict.current == pytest.approx(20.0)
    assert verdict.baseline == pytest.approx(20.0)


def test_kinds_of_errors_that_grew_are_named_most_grown_first() -> None:
    def errors(name: str, kind: str, count: int) -> list[ErrorCount]:
        series = Series("staging", "nightly", "shop", "GET", "/a")
        return [ErrorCount(series, name, "one", START + n, kind, count, f"{kind} at night") for n in range(25)]

    before = replace(run("a", endpoint(lognormal(80), 1)), errors=errors("a", "404", 1))
    current = replace(
        run("b", endpoint(lognormal(80), 6)),
        errors=[*errors("b", "404", 1), *errors("b", "503", 2), *errors("b", "timeout", 3)],
    )
    found = compare(before, current)
    assert [(e.kind, e.baseline_count, e.current_count) for e in found.errors] == [("timeout", 0, 75), ("503", 0, 50)]
    assert found.errors[0].sample == "timeout at night"


def test_series_with_a_regression_have_one_timeline_of_both_runs() -> None:
    before, after = run("a", endpoint(lognormal(80, seed=1))), run("b", endpoint(lognormal(240, seed=2), windows=20))
    (timeline,) = compare(before, after).timelines
    assert list(timeline.baseline_seconds) == list(range(25))
    assert len(timeline.current_p95) == len(timeline.current_error_rate) == 20


def test_more_baseline_runs_make_a_change_surer() -> None:
    before = [run(name, endpoint(lognormal(80, seed=n))) for n, name in enumerate("abcd")]
    after = run("e", endpoint(lognormal(96, seed=9)))
    one, four = (of(compare_runs(runs, after, SETTINGS), Metric.P50).effect for runs in (before[:1], before))
    assert one
    assert four
    assert four.high - four.low < one.high - one.low


def test_baseline_runs_that_differ_among_themselves_widen_the_interval() -> None:
    equal = [run(str(n), endpoint(lognormal(80, seed=n))) for n in range(4)]
    apart = [run(str(n), endpoint(lognormal(80 * factor, seed=n))) for n, factor in enumerate((0.8, 0.95, 1.05, 1.25))]
    after = run("e", endpoint(lognormal(80, seed=9)))
    narrow, wide = (of(compare_runs(runs, after, SETTINGS), Metric.P50).effect for runs in (equal, apart))
    assert narrow
    assert wide
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)


def test_the_same_input_gives_the_same_verdicts() -> None:
    runs = run("a", endpoint(lognormal(80, seed=1))), run("b", endpoint(lognormal(90, seed=2)))
    shuffled = replace(runs[1], windows=list(reversed(runs[1].windows)))
    assert compare(*runs).verdicts == compare(runs[0], shuffled).verdicts
