"""Every question that a dashboard asks, on a real InfluxDB: it is understood, and finds what there is, as it is."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from math import exp, inf
from pathlib import Path

import pytest
from dashboard_queries import ALL, DAY, MINUTES_15, MONTH, Answer, Asker, dashboard_called
from dashboard_stores import ISSUE, Filled, configured, fill_month, run_twice
from hostile_names import HOSTILE
from influxd_process import Server
from influxdb_server import new_bucket
from locust_runs import Bench

from soakwatch.core.incident import State
from soakwatch.core.judgement import SEVERITY_RANKS, Judgement
from soakwatch.core.series import WHOLE_SERVICE, Series
from soakwatch.core.span import Span
from soakwatch.core.verdict import Decision, Effect, Metric
from soakwatch.core.window import merge_windows
from soakwatch.grafana.dashboard_model import Dashboard, Panel
from soakwatch.grafana.frame import RUNS
from soakwatch.store.opening import open_projection
from soakwatch.store.run_spread import log_percentiles
from soakwatch.store.text_codec import encode_text

pytestmark = [pytest.mark.influxdb, pytest.mark.timeout(600)]

CHOSEN = {
    "single": {"service": ["api_gateway"], "endpoint": ["/api_gateway/1"]},
    "multi": {"service": ["api_gateway", "rag_service"], "endpoint": ["/rag_service/2", "/api_gateway/1"]},
    "all": {"service": ["All"], "endpoint": ["All"]},
}
STRETCHES = {"15m": MINUTES_15, "24h": DAY, "28d": MONTH}
"""How much of the past is looked at."""

MEASURED = {
    *("Kinds of errors", "Errors", "Spool", "Lag", "Written", "Lost, and tried again", "Reconciled", "Waiting", "Lost"),
    *("p95 of each endpoint, at most and at least", "Slowest requests with a trace", "Saturated windows"),
}
"""Panels of what only real processes measure: a simulated month has none of it."""

SELDOM = {"Deploys", "What happened", "Runs in the time range", "Before and after: each run with its version"}
FINE = {"Load", "Requests", "Throughput", "Failures"}
"""Panels that show windows of ten seconds when the time range is short."""

QUIET = {"15m": MEASURED | SELDOM | FINE, "24h": MEASURED | SELDOM - {"What happened", "Deploys"}, "28d": MEASURED}
"""What may find nothing in a month without real processes, in a stretch that is short."""


@pytest.fixture(scope="module")
def month(influxdb: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    with new_bucket(influxdb) as bucket:
        yield fill_month(configured(influxdb, bucket, tmp_path_factory.mktemp("month")))


@pytest.fixture(scope="module")
def two_runs(influxdb: Server, host: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    folder = tmp_path_factory.mktemp("runs")
    bench = Bench(folder, host)
    with new_bucket(influxdb) as bucket:
        try:
            yield run_twice(bench, influxdb, bucket, folder)
        finally:
            bench.close()


def silent(answers: Sequence[Answer]) -> dict[str, str]:
    """Panels that found nothing, with what they asked."""
    found = {answer.panel.title for answer in answers if not answer.is_empty}
    return {answer.panel.title: answer.query for answer in answers if answer.panel.title not in found}


def wanted(panel: Panel) -> set[str]:
    """Columns that the panel's transformations name."""
    kept = [step.options["include"]["names"] for step in panel.transformations if "include" in step.options]
    return set(kept[0]) if kept else set()


@pytest.mark.parametrize("mode", CHOSEN)
@pytest.mark.parametrize("stretch", STRETCHES)
@pytest.mark.parametrize("dashboard", ALL, ids=lambda one: one.uid)
def test_every_question_is_understood_and_finds_what_a_month_has(
    month: Filled, dashboard: Dashboard, stretch: str, mode: str
) -> None:
    answers = list(Asker(month.configuration, month.end, STRETCHES[stretch], CHOSEN[mode]).answers(dashboard))
    if dashboard.uid != RUNS:
        assert silent(answers).keys() <= QUIET[stretch], silent(answers)


@pytest.mark.processes
@pytest.mark.parametrize("stretch", STRETCHES)
@pytest.mark.parametrize("dashboard", ALL, ids=lambda one: one.uid)
def test_every_panel_of_what_processes_measure_finds_what_two_real_runs_measured(
    two_runs: Filled, dashboard: Dashboard, stretch: str
) -> None:
    answers = list(Asker(two_runs.configuration, two_runs.end + 1, STRETCHES[stretch], TWO_RUNS).answers(dashboard))
    measured = MEASURED | SELDOM | {"Run before", "Run after", "Response times", "Failures", "Load", "Throughput"}
    never = {"Saturated windows", "What happened"}
    assert not silent(answers).keys() & measured - never, silent(answers)


TWO_RUNS = {"service": ["All"], "endpoint": ["All"]}


@pytest.mark.parametrize("dashboard", ALL, ids=lambda one: one.uid)
def test_every_table_is_given_the_columns_that_it_shows(month: Filled, two_runs: Filled, dashboard: Dashboard) -> None:
    of_month = Asker(month.configuration, month.end, MONTH, CHOSEN["all"]).answers(dashboard)
    of_runs = Asker(two_runs.configuration, two_runs.end + 1, DAY, TWO_RUNS).answers(dashboard)
    columns: defaultdict[str, set[str]] = defaultdict(set)
    for answer in (*of_month, *of_runs):
        columns[answer.panel.title] |= answer.columns
    for panel in dashboard.panels:
        assert wanted(panel) <= columns[panel.title], panel.title


def test_marks_are_found_with_the_columns_that_they_name(month: Filled) -> None:
    asker = Asker(month.configuration, month.end, MONTH, CHOSEN["all"])
    marks = {name: events for name, events in asker.events(dashboard_called("service")) if events}
    assert {"Incidents", "Deploys", "Runs"} <= marks.keys()
    with month.ledger() as ledger:
        told = sorted((one for one in ledger.incidents(0.0) if one.confirmed is not None), key=lambda one: one.onset)
    shown = sorted(marks["Incidents"], key=lambda event: event.time)
    assert [event.time for event in shown] == [round(one.onset.start * 1000) for one in told]
    assert all(event.end is not None and event.end > event.time and event.title for event in shown)
    assert [event.end for event in shown if "resolved" in event.tags] == [
        round((one.recovering or 0) * 1000) for one in told if one.state is State.RESOLVED
    ]


def test_what_began_before_the_time_range_and_lasts_is_shown_in_it(month: Filled) -> None:
    asker = Asker(month.configuration, month.end, MINUTES_15, CHOSEN["all"])
    with month.ledger() as ledger:
        still = {round(one.onset.start * 1000) for one in ledger.incidents(inf) if one.confirmed is not None}
    marks = dict(asker.events(dashboard_called("service")))
    assert still
    assert {event.time for event in marks["Incidents"]} == still
    assert len(marks["Runs"]) == 1
    assert {row["Time"] for row in asker.rows("soak", "What happened")} == still


def test_p95_of_a_window_is_that_of_the_store(month: Filled) -> None:
    span = Span(month.end - 3600 * 3, month.end)
    with month.store() as store:
        stored = {
            (one.window.series.service, round(one.window.start * 1000)): one.window.hist.quantile(0.95)
            for one in store.roll_ups(60.0, span)
            if one.window.series.endpoint == WHOLE_SERVICE
        }
    asker = Asker(month.configuration, month.end, span.end - span.start, CHOSEN["all"])
    answer = asker.of("service", "p95", "A", kind="timeseries")
    shown = {
        (series.tags["service"], int(time or 0)): value
        for series in answer.series
        for time, value in series.values
        if isinstance(value, float)
    }
    assert len(shown) > 300
    assert shown == {key: pytest.approx(stored[key], rel=1 / 4096) for key in shown}


def test_the_share_that_failed_and_the_load_are_those_of_the_store(month: Filled) -> None:
    span = Span(month.end - 6 * 3600, month.end)
    with month.store() as store:
        rows = [one.window for one in store.roll_ups(60.0, span) if one.window.series.endpoint == WHOLE_SERVICE]
    asker = Asker(month.configuration, month.end - 0.001, span.end - span.start - 0.001, CHOSEN["all"])
    assert asker.number("overview", "Failed") == pytest.approx(
        sum(one.failures for one in rows) / sum(one.count for one in rows)
    )
    last = max(one.start for one in rows)
    requests = sum(one.count for one in rows if one.start == last)
    for dashboard in ("overview", "service"):
        assert asker.number(dashboard, "Requests") == pytest.approx(requests / 60)


def test_the_load_now_is_that_of_a_whole_window_however_long_the_time_range(month: Filled) -> None:
    with month.store() as store:
        rows = [one.window for one in store.roll_ups(600.0, Span(month.end - 600, month.end))]
    requests = sum(one.count for one in rows if one.series.endpoint == WHOLE_SERVICE)
    # the hour of the last step has only begun
    asker = Asker(month.configuration, month.end - 0.001, MONTH, CHOSEN["all"])
    assert asker.number("overview", "Requests") == pytest.approx(requests / 600)


@pytest.mark.processes
@pytest.mark.parametrize("stretch", STRETCHES)
def test_requests_add_up_to_what_is_stored_whatever_the_time_range_is(two_runs: Filled, stretch: str) -> None:
    with two_runs.store() as store:
        stored = sum(window.count for run in store.runs() for window in store.windows(run.id))
    asker = Asker(two_runs.configuration, two_runs.end + 1, STRETCHES[stretch], TWO_RUNS)
    choices = asker.choices(dashboard_called("overview"))
    rates = [row[1] for series in asker.of("overview", "Load").series for row in series.values]
    shown = sum(rate for rate in rates if isinstance(rate, int | float))
    assert round(shown * int(choices["seconds"].values[0])) == stored


def test_incidents_and_verdicts_are_those_of_the_ledger(month: Filled) -> None:
    asker = Asker(month.configuration, month.end, DAY, CHOSEN["all"])
    with month.ledger() as ledger:
        still = [one for one in ledger.incidents(inf) if one.state in {State.CONFIRMED, State.RECOVERING}]
    assert still
    assert asker.number("overview", "Open incidents") == len(still)
    assert Asker(month.configuration, month.end + 500, 300, CHOSEN["all"]).number("overview", "Open incidents") == len(
        still
    )
    wrong = {(finding.series, finding.metric) for one in still for finding in one.findings if finding.recovered is None}
    assert asker.number("overview", "Regressed") == len(wrong)
    verdicts = {
        series.tags["service"]: row[1]
        for series in asker.of("overview", "Services", "A").series
        for row in series.values
    }
    worst = {one.service: SEVERITY_RANKS[one.severity] for one in still}
    assert verdicts == {service: worst.get(service, 1) for service in ("api_gateway", "rag_service")}
    listed = asker.of("overview", "Open incidents", "A", kind="table")
    (issues,) = [field.values for frame in listed.frames for field in frame.fields if field.name == "issue"]
    assert set(issues) == {ISSUE}


def test_a_verdict_of_long_ago_is_none_of_now(month: Filled) -> None:
    a_day_later = Asker(month.configuration, month.end + DAY + 600, MONTH, CHOSEN["all"])
    assert not a_day_later.of("overview", "Regressed").series
    assert not a_day_later.of("service", "Verdict").series


def test_a_detector_that_has_stopped_falls_behind(month: Filled) -> None:
    behind = [
        Asker(month.configuration, month.end + age, DAY, CHOSEN["all"]).number("pipeline", "Detector is behind")
        for age in (0, 7_200)
    ]
    assert behind == [pytest.approx(31), pytest.approx(7_231)]


@pytest.mark.processes
def test_two_runs_are_compared_by_what_the_store_has_of_them(two_runs: Filled) -> None:
    with two_runs.store() as store:
        blocks = [{one.series: one.blocks for one in store.run_series(run.id)} for run in store.runs()]
        names = [run.id for run in store.runs()]
    before, after = ({series: merge_windows(those) for series, those in of_run.items()} for of_run in blocks)
    given = {**TWO_RUNS, "before": names[:1], "after": names[1:]}
    asker = Asker(two_runs.configuration, two_runs.end + 1, DAY, given)
    counts = {
        (row["method"], row["endpoint"]): (row["count_before"], row["count_after"], row["failed_after"])
        for row in asker.rows("runs", "Failures")
    }
    assert counts == {
        (series.method, series.endpoint): (
            before[series].count,
            after[series].count,
            pytest.approx(after[series].failures / after[series].count),
        )
        for series in before
    }
    times = {(row["method"], row["endpoint"]): row for row in asker.rows("runs", "Response times")}
    page = times["GET", "/page"]
    assert page["p95_low"] < page["p95_change"] < page["p95_high"]
    (series,) = [one for one in before if one.endpoint == "/page"]
    levels = [log_percentiles(of_run[series])["ln_p95"] for of_run in blocks]
    assert page["p95_change"] == pytest.approx(exp(levels[1] - levels[0]) - 1)
    assert page["p95_before"] == pytest.approx(before[series].hist.quantile(0.95), rel=1 / 4096)


def test_the_slowest_endpoint_is_that_of_any_method(influxdb: Server, tmp_path: Path) -> None:
    with new_bucket(influxdb) as bucket:
        configuration = configured(influxdb, bucket, tmp_path)
        with open_projection(configuration) as projection:
            projection.write(
                [
                    Judgement(1_800_000_000.0, series, Metric.P95, Decision.SAME, effect=Effect(change, 0.0, 1.0))
                    for method, change in (("GET", 0.8), ("POST", 0.1), ("PUT", 0.5))
                    for series in [Series("simulated", "checkout", "shop", method, "/basket")]
                ]
            )
        given = {"env": ["simulated"], "test": ["checkout"]}
        answer = Asker(configuration, 1_800_000_060.0, DAY, given).of("overview", "Services", "B")
    assert [row[1:] for series in answer.series for row in series.values] == [(0.8, "/basket")]


def test_a_service_and_an_endpoint_of_any_name_can_be_chosen(influxdb: Server, tmp_path: Path) -> None:
    names = [*HOSTILE, "a/b'c\"d(e)$[x]{y}|z^.*+?", "${env}", "$__all", "{a,b}", "é ü 漢", "a\\b"]
    with new_bucket(influxdb) as bucket:
        configuration = configured(influxdb, bucket, tmp_path)
        with open_projection(configuration) as projection:
            projection.write(
                [
                    Judgement(1_800_000_000.0, Series("staging", "t", name, "GET", name), Metric.P95, Decision.SAME)
                    for name in names
                ]
            )
        for stored in map(encode_text, names):
            given = {"env": ["staging"], "test": ["t"], "service": [stored], "endpoint": [stored, "another"]}
            answer = Asker(configuration, 1_800_000_060.0, DAY, given).of("service", "Verdict")
            assert [row[1] for series in answer.series for row in series.values] == [1], stored
