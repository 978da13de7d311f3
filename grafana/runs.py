"""The comparison of runs: two of them, endpoint by endpoint, with effect and interval."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.builders.dashboard import Dashboard

from soakwatch.grafana import looks, marks, variables
from soakwatch.grafana.frame import RUNS as UID
from soakwatch.grafana.frame import Frame
from soakwatch.grafana.panels import About, arranged, joined_by, only, rows, sorted_by
from soakwatch.grafana.questions import PER_SERIES, RUN_SERIES, RUNS, TALLIES, TEST
from soakwatch.grafana.target import tables

_KEPT = "time > now() - 400d"
"""Two runs may lie anywhere: they are chosen by name, not by the time range."""

_TOLD = '"run", "label", "users", "outcome", "start" * 1000 AS "began", "end" * 1000 AS "ended"'
_QUANTILES = ("p50", "p95", "p99")
_Z = 1.96


def runs() -> Dashboard:
    """A run before and one after."""
    frame = Frame(
        UID,
        "soakwatch / Comparison of two runs",
        "Two runs, endpoint by endpoint: what changed, by how much, and how sure that is",
        since="now-30d",
        refresh="",
        variables=[
            *variables.place(),
            variables.environment(),
            variables.test(),
            variables.run("before", "Run before"),
            variables.run("after", "Run after"),
        ],
        marks=[marks.deploys(of_service=False), marks.runs()],
    )
    return frame.dashboard(
        [
            ("The two runs", [_of_run("before", "Run before"), _of_run("after", "Run after")]),
            ("What changed", [_times(), _failures()]),
            ("All runs", [_all_runs()]),
        ]
    )


def _of_run(variable: str, title: str) -> table.Panel:
    chosen = f'"run" =~ /^${{{variable}:regex}}$/'
    query = f"SELECT {_TOLD} {RUNS} WHERE {TEST} AND {chosen}"
    shown = {"began": "Start", "ended": "End", "run": "Run", "label": "Version", "users": "Users", "outcome": "Outcome"}
    about = About(title, "When it was, against which version, with how many users, and how it ended.", height=4)
    panel = rows(about, tables(f"{query} AND {_KEPT}")).transformations([only(list(shown)), arranged(shown)])
    return panel.override_by_name("Start", looks.look(unit=looks.MOMENT)).override_by_name(
        "End", looks.look(unit=looks.MOMENT)
    )


def _of(variable: str, fields: str) -> str:
    chosen = f'"run" =~ /^${{{variable}:regex}}$/'
    return f"(SELECT {fields} {RUN_SERIES} WHERE {TEST} AND {chosen} AND {_KEPT})"


def _times() -> table.Panel:
    columns = {"service": "Service", "method": "Method", "endpoint": "Endpoint"}
    for name in _QUANTILES:
        columns |= {
            f"{name}_before": f"{name} before",
            f"{name}_after": f"{name} after",
            f"{name}_change": f"{name} change",
            f"{name}_low": f"{name} at least",
            f"{name}_high": f"{name} at most",
        }
    about = About(
        "Response times",
        "Change of each percentile of the successes from the run before to the one after, with its 95 % interval: "
        "the spread of the blocks of both runs, by Student's distribution. Where the interval leaves out 0, they "
        "differ. `soakwatch compare` judges with more: warm-up and like load, several comparisons, and the smallest "
        "change that matters.",
        looks.PERCENT,
        24,
        12,
    )
    panel = rows(about, tables(_time_question())).transformations([only(list(columns)), arranged(columns)])
    for name in _QUANTILES:
        for when in ("before", "after"):
            panel.override_by_name(f"{name} {when}", looks.look(unit=looks.MILLISECONDS))
        limits = looks.steps((-0.05, looks.GREY), (0.05, looks.ORANGE), (0.5, looks.RED)).build().to_json()
        coloured = looks.look(thresholds=limits, color={"mode": "thresholds"}, decimals=1)
        panel.override_by_name(f"{name} change", [*looks.cell("color-text"), *coloured])
    return panel.sort_by([sorted_by("p95 change")])


def _time_question() -> str:
    fields = [field for name in _QUANTILES for field in (f"ok_{name}", f"ln_{name}", f"var_{name}")]
    before, after = (
        _of(run, ", ".join(f'"{field}" AS "{field}_{letter}"' for field in fields))
        for run, letter in (("before", "b"), ("after", "a"))
    )
    asked = ", ".join(column for name in _QUANTILES for column in _time_columns(name))
    return f"SELECT {asked} FROM {before}, {after} GROUP BY {PER_SERIES}"


def _time_columns(name: str) -> Iterator[str]:
    change = f'mean("ln_{name}_a") - mean("ln_{name}_b")'
    half = f'{_Z} * sqrt(mean("var_{name}_a") + mean("var_{name}_b"))'
    yield f'mean("ok_{name}_b") AS "{name}_before"'
    yield f'mean("ok_{name}_a") AS "{name}_after"'
    yield f'exp({change}) - 1 AS "{name}_change"'
    yield f'exp({change} - {half}) - 1 AS "{name}_low"'
    yield f'exp({change} + {half}) - 1 AS "{name}_high"'


def _failures() -> table.Panel:
    columns = {
        "service": "Service",
        "method": "Method",
        "endpoint": "Endpoint",
        "count_before": "Requests before",
        "count_after": "Requests after",
        "failed_before": "Failed before",
        "failed_after": "Failed after",
        "change": "Change",
        "low": "At least",
        "high": "At most",
    }
    about = About(
        "Failures",
        "Share of requests that failed, and its change in points with a 95 % interval (Agresti and Caffo, The American "
        "Statistician 54, 2000). Failures that come in bursts differ by more than it says.",
        looks.PERCENT,
        24,
        9,
    )
    limits = looks.steps((-0.001, looks.GREY), (0.005, looks.ORANGE), (0.05, looks.RED)).build().to_json()
    coloured = looks.look(thresholds=limits, color={"mode": "thresholds"})
    return (
        rows(about, tables(_failure_question()))
        .decimals(2)
        .transformations([only(list(columns)), arranged(columns)])
        .override_by_name("Requests before", looks.look(unit=looks.COUNT, decimals=0))
        .override_by_name("Requests after", looks.look(unit=looks.COUNT, decimals=0))
        .override_by_name("Change", [*looks.cell("color-text"), *coloured])
        .sort_by([sorted_by("Change")])
    )


def _failure_question() -> str:
    # each run has one value, and of several sources InfluxDB 2 adds up the first only: `sum` is null for the other
    before, after = (
        _of(run, f'"count" AS "n_{letter}", "failures" AS "f_{letter}"')
        for run, letter in (("before", "b"), ("after", "a"))
    )
    share = {letter: f'(mean("f_{letter}") + 1) / (mean("n_{letter}") + 2)' for letter in "ba"}
    variance = {letter: f'{share[letter]} * (1 - {share[letter]}) / (mean("n_{letter}") + 2)' for letter in "ba"}
    change, half = f"{share['a']} - {share['b']}", f"{_Z} * sqrt({variance['a']} + {variance['b']})"
    asked = (
        'mean("n_b") AS "count_before", mean("n_a") AS "count_after", '
        'mean("f_b") / mean("n_b") AS "failed_before", mean("f_a") / mean("n_a") AS "failed_after", '
        'mean("f_a") / mean("n_a") - mean("f_b") / mean("n_b") AS "change", '
        f'{change} - {half} AS "low", {change} + {half} AS "high"'
    )
    return f"SELECT {asked} FROM {before}, {after} GROUP BY {PER_SERIES}"


def _all_runs() -> table.Panel:
    about = About(
        "Runs in the time range",
        "Each run of this test that began in the time range, and whether what Locust counted is what is stored.",
        width=24,
        height=9,
    )
    told = f"SELECT {_TOLD} {RUNS} WHERE {TEST} AND $timeFilter"
    counted = (
        'SELECT sum("counted") AS "counted", sum("dropped") AS "dropped" FROM (SELECT last("counted") AS "counted", '
        f'last("dropped") AS "dropped" {TALLIES} WHERE {TEST} AND $timeFilter GROUP BY "run", "source") GROUP BY "run"'
    )
    shown = {
        "began": "Start",
        "ended": "End",
        "run": "Run",
        "label": "Version",
        "users": "Users",
        "outcome": "Outcome",
        "counted": "Requests counted",
        "dropped": "Lost",
    }
    panel = rows(about, tables(told, counted)).transformations([joined_by("run"), only(list(shown)), arranged(shown)])
    return (
        panel.override_by_name("Start", looks.look(unit=looks.MOMENT))
        .override_by_name("End", looks.look(unit=looks.MOMENT))
        .sort_by([sorted_by("Start")])
    )
