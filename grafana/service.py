"""The service dashboard: what is normal for an endpoint, what it does now, and since when."""

from grafana_foundation_sdk.builders import heatmap, table, timeseries
from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Panel

from soakwatch.core.roll_up import HEAT_BOUNDS
from soakwatch.core.verdict import Metric
from soakwatch.grafana import looks, marks, variables
from soakwatch.grafana.frame import SERVICE as UID
from soakwatch.grafana.frame import Frame
from soakwatch.grafana.happenings import deploys
from soakwatch.grafana.incident_table import open_incidents
from soakwatch.grafana.panels import About, arranged, bars, completed_by, heat, lines, number, only, rows, sorted_by
from soakwatch.grafana.questions import (
    CHOSEN,
    ENDPOINT,
    ERRORS,
    EVERY,
    EXACT,
    LOAD,
    MEASURED,
    MEASURED_ENDPOINT,
    OF_SERVICE,
    PER_SERIES,
    RUN_SERIES,
    RUNS,
    SERIES_ALIAS,
    SERVICE,
    SLOWLY,
    TEST,
    VERDICTS,
    lately,
    latest,
    newest_rate,
    of_metric,
    select,
    select_of,
)
from soakwatch.grafana.target import Target, tables

_LOW, _HIGH, _NORMAL = "normal, at least", "normal, at most", "normal"
_BAND = looks.BLUE


def service() -> Dashboard:
    """One service or endpoint, or some of them."""
    frame = Frame(
        UID,
        "soakwatch / Service and endpoint",
        "What is normal for a service or an endpoint, what it does now, since when, and after which deploy",
        since="now-24h",
        refresh="1m",
        variables=[
            *variables.place(),
            variables.environment(),
            variables.test(),
            variables.service(),
            variables.endpoint(),
            variables.trace_address(),
            *variables.resolution("every", "slowly", "exact", "width"),
        ],
        marks=[marks.incidents(of_service=True), marks.deploys(of_service=True), marks.runs()],
    )
    return frame.dashboard(
        [
            ("Now", [*_now(), open_incidents(OF_SERVICE, width=24)]),
            (
                "Response times",
                [_times(Metric.P95, 24, 10), _times(Metric.P50, 12, 8), _times(Metric.P99, 12, 8), _heat()],
            ),
            ("Failures", [_error_rate(), _kinds(), _samples()]),
            ("Load", [_throughput(), _users()]),
            ("Versions", [_versions(), deploys(OF_SERVICE)]),
            ("Each process, as it measured", [_live(), _slowest()]),
        ]
    )


def _now() -> list[Builder[Panel]]:
    ranks = latest("rank", VERDICTS, SERVICE, CHOSEN, by='"service", "method", "endpoint", "metric"')
    effect = lately('last("effect") AS "p95"', VERDICTS, SERVICE, CHOSEN, of_metric(Metric.P95), by=PER_SERIES)
    p95 = select('last("ok_p95") AS "p95"', EXACT, ENDPOINT, by=PER_SERIES)
    errors = select('sum("failures") / sum("count") AS "failed"', EXACT, ENDPOINT)
    worst = select_of('max("rank") AS "verdict"', ranks)
    verdict = About("Verdict", "The worst verdict of what is chosen, over all its metrics.", width=4, height=4)
    slower = About(
        "Slowest against its baseline",
        "The largest change of p95 against what is normal at this time of the day and this load, of what is chosen.",
        looks.PERCENT,
        5,
        4,
    )
    now = About(
        "p95",
        "95th percentile of the successes in the last window, of what is chosen the slowest.",
        looks.MILLISECONDS,
        5,
        4,
    )
    failed = About("Failed", "Share of the requests in the time range that failed.", looks.PERCENT, 5, 4)
    asked = About(
        "Requests",
        "Requests a second in the newest window of one minute, or of ten where the time range is more than twelve "
        "hours.",
        looks.RATE,
        5,
        4,
    )
    return [
        number(verdict, tables(worst)).mappings(looks.rank_mappings()),
        number(slower, tables(select_of('max("p95") AS "p95"', effect))).thresholds(
            looks.steps((0.05, looks.ORANGE), (0.5, looks.RED))
        ),
        number(now, tables(select_of('max("p95") AS "p95"', p95))).color_scheme(looks.fixed(looks.BLUE)),
        number(failed, tables(errors)).thresholds(looks.steps((0.01, looks.ORANGE), (0.05, looks.RED))),
        number(asked, tables(newest_rate(ENDPOINT))).color_scheme(looks.fixed(looks.BLUE)),
    ]


def _times(metric: Metric, width: int, height: int) -> timeseries.Panel:
    by = f"{EVERY}, {PER_SERIES}"
    measured = select(f'median("ok_{metric}") AS "{metric}"', EXACT, ENDPOINT, by=by, fill="null")
    about = About(
        metric.value,
        f"{metric} of the successes, and in blue between which values 95 % of such windows normally are, at this time "
        "of the day and this load. All endpoints together are the service's own row, merged exactly. Beyond eight days "
        "each point is the median of the windows in it. The band is that of the first endpoint, if several are chosen.",
        looks.MILLISECONDS,
        width,
        height,
    )
    panel = lines(about, [Target("A", measured, SERIES_ALIAS), *_normal(metric)])
    return _with_band(panel)


def _normal(metric: Metric) -> list[Target]:
    by = f"{SLOWLY}, {PER_SERIES}"
    named = {"B": ("band_high", _HIGH), "C": ("band_low", _LOW), "D": ("baseline", _NORMAL)}
    return [
        Target(ref, select(f'mean("{field}")', VERDICTS, ENDPOINT, of_metric(metric), by=by, fill="null"), name)
        for ref, (field, name) in named.items()
    ]


def _with_band(panel: timeseries.Panel) -> timeseries.Panel:
    return (
        panel.override_by_name(_HIGH, looks.band_top(_BAND, _LOW))
        .override_by_name(_LOW, looks.hidden_edge(_BAND))
        .override_by_name(_NORMAL, looks.line(_BAND, dash=(6, 6)))
    )


def _heat() -> heatmap.Panel:
    bounds = [f"{bound:.0f}" for bound in HEAT_BOUNDS]
    cells = ", ".join([*(f'sum("to_{bound}") AS "{bound}"' for bound in bounds), 'sum("beyond") AS "longer"'])
    query = select(cells, EXACT, ENDPOINT, by=EVERY, fill="none")
    about = About(
        "How long responses took",
        "How many responses fell into each range of times, of which the upper bound in ms is written. Two bands of "
        "colour are two kinds of answers, such as those from a cache and the others.",
        looks.COUNT,
        24,
        9,
    )
    return heat(about, [Target("A", query, "$col")])


def _error_rate() -> timeseries.Panel:
    by = f"{EVERY}, {PER_SERIES}"
    query = select('sum("failures") / sum("count") AS "failed"', EXACT, ENDPOINT, by=by, fill="null")
    about = About(
        "Share that failed",
        "Share of the requests that failed. The blue band ends where ten minutes have more failures than nineteen of "
        "twenty usually have.",
        looks.PERCENT,
    )
    return _with_band(lines(about, [Target("A", query, SERIES_ALIAS), *_normal(Metric.ERROR_RATE)]))


def _kinds() -> timeseries.Panel:
    query = select('sum("count") AS "failures"', ERRORS, MEASURED_ENDPOINT, by=f'{EVERY}, "kind"', fill="none")
    about = About(
        "Kinds of errors",
        "How many requests failed in which way. Kept for as long as windows are as they were measured: 7 days, "
        "unless set otherwise.",
    )
    return bars(about, [Target("A", query, "$tag_kind")])


def _samples() -> table.Panel:
    by = '"service", "method", "endpoint", "kind"'
    query = select('sum("count") AS "count", last("sample") AS "sample"', ERRORS, MEASURED_ENDPOINT, by=by)
    shown = {"service": "Service", "method": "Method", "endpoint": "Endpoint", "kind": "Kind", "count": "How often"}
    columns = shown | {"sample": "For example"}
    about = About("Errors", "Each kind of error in the time range, with a message for example.", width=24, height=7)
    panel = rows(about, tables(query)).transformations([only(list(columns)), arranged(columns)])
    return panel.sort_by([sorted_by("How often")])


def _throughput() -> timeseries.Panel:
    by = f"{EVERY}, {PER_SERIES}"
    query = select('mean("count") / $width AS "requests"', EXACT, ENDPOINT, by=by, fill="null")
    about = About("Throughput", "Requests a second of what is chosen, over the windows that have some.", looks.RATE)
    return lines(about, [Target("A", query, SERIES_ALIAS)])


def _users() -> timeseries.Panel:
    users = select_of(
        'sum("users") AS "users"',
        select('max("users") AS "users"', LOAD, TEST, by=f'{EVERY}, "run", "source"', fill="none"),
        "$timeFilter",
        by=f"{EVERY} fill(null)",
    )
    saturated = select('max("cpu") AS "cpu"', LOAD, TEST, by=EVERY, fill="null")
    about = About(
        "Users, and what they cost the load generator",
        "Users of this test over all processes, and the CPU of the busiest of them: from about 90 % on it measures "
        "itself more than the service. Kept for as long as windows are as they were measured.",
    )
    panel = lines(about, [Target("A", users, "users"), Target("B", saturated, "CPU of the busiest process")])
    right = looks.look(unit="percent", custom_axisPlacement="right", max=100)
    return panel.override_by_name("CPU of the busiest process", [*right, *looks.line(looks.GREY, dash=(4, 4))])


def _versions() -> table.Panel:
    measured = (
        'sum("count") AS "count", sum("failures") / sum("count") AS "failed", '
        'last("ok_p50") AS "p50", last("ok_p95") AS "p95", last("ok_p99") AS "p99"'
    )
    of_runs = select('last("label") AS "label", last("users") AS "users"', RUNS, TEST, by='"run"')
    per_run = select(measured, RUN_SERIES, SERVICE, CHOSEN, by='"run", "service", "method", "endpoint"')
    shown = {
        "run": "Run",
        "label": "Version",
        "users": "Users",
        "service": "Service",
        "method": "Method",
        "endpoint": "Endpoint",
        "count": "Requests",
        "failed": "Failed",
        "p50": "p50",
        "p95": "p95",
        "p99": "p99",
    }
    about = About(
        "Before and after: each run with its version",
        "What each run that is over measured of what is chosen, and the version that it ran against; the newest first. "
        "Runs of one service are compared with intervals on the dashboard of runs.",
        width=16,
        height=9,
    )
    panel = rows(about, tables(per_run, of_runs)).transformations(
        [completed_by("run"), only(list(shown)), arranged(shown)]
    )
    for name in ("p50", "p95", "p99"):
        panel.override_by_name(name, looks.look(unit=looks.MILLISECONDS))
    return panel.override_by_name("Failed", looks.look(unit=looks.PERCENT, decimals=2)).sort_by([sorted_by("Run")])


def _live() -> timeseries.Panel:
    by = f"{EVERY}, {PER_SERIES}"
    high = select('max("p95") AS "p95"', MEASURED, MEASURED_ENDPOINT, by=by, fill="null")
    low = select('min("p95") AS "p95"', MEASURED, MEASURED_ENDPOINT, by=by, fill="null")
    about = About(
        "p95 of each endpoint, at most and at least",
        "The highest and the lowest p95 of all processes in each step, as they measured it, each 10 seconds: the p95 "
        "of all requests together is between the two. With one process they are the same.",
        looks.MILLISECONDS,
        14,
        9,
    )
    named = [Target("A", high, f"{SERIES_ALIAS}, at most"), Target("B", low, f"{SERIES_ALIAS}, at least")]
    return lines(about, named)


def _slowest() -> table.Panel:
    query = select(
        'top("max", 20) AS "slowest", "exemplar_trace" AS "trace", "service", "method", "endpoint"',
        MEASURED,
        MEASURED_ENDPOINT,
        "\"exemplar_trace\" != '␢'",
    )
    shown = {
        "Time": "When",
        "slowest": "Took",
        "service": "Service",
        "method": "Method",
        "endpoint": "Endpoint",
        "trace": "Trace",
    }
    about = About(
        "Slowest requests with a trace",
        "The slowest requests that carried the id of a trace. Where a trace URL is given at the top, the id leads "
        "there.",
        width=10,
        height=9,
    )
    return (
        rows(about, tables(query))
        .transformations([only(list(shown)), arranged(shown)])
        .override_by_name("When", looks.look(unit=looks.MOMENT))
        .override_by_name("Took", looks.look(unit=looks.MILLISECONDS))
        .override_by_name("Trace", looks.link_property("The trace", "${traces:raw}${__value.raw}", new_tab=True))
        .sort_by([sorted_by("Took")])
    )
