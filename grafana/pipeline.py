"""The pipeline dashboard: how soakwatch itself is doing."""

from grafana_foundation_sdk.builders import stat, table, timeseries
from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Panel

from soakwatch.core.pass_account import PassName
from soakwatch.grafana import looks, marks, variables
from soakwatch.grafana.frame import PIPELINE, Frame
from soakwatch.grafana.panels import About, arranged, bars, joined_by, lines, number, only, rows, sorted_by
from soakwatch.grafana.questions import (
    DELIVERY,
    EVERY,
    LOAD,
    PASSES,
    RUNS,
    TALLIES,
    TEST,
    select,
    select_of,
)
from soakwatch.grafana.target import Target, tables

_PER_PASS = f'{EVERY}, "pass"'
_DETECTION = f"\"pass\" = '{PassName.DETECTION}'"


def pipeline() -> Dashboard:
    """From Locust to the store, and from the store to the surfaces."""
    frame = Frame(
        PIPELINE,
        "soakwatch / Pipeline",
        "How soakwatch itself is doing: what waits, what was lost, what is late, and what it costs",
        since="now-6h",
        refresh="1m",
        variables=[*variables.place(), variables.environment(), variables.test(), *variables.resolution("every")],
        marks=[marks.runs()],
    )
    return frame.dashboard(
        [
            ("Now", _now()),
            ("From Locust to the store", [_waits(), _lag(), _written(), _lost(), _reconciled()]),
            ("The daemon", [_durations(), _behind(), _series(), _calls(), _trouble()]),
            ("The load generator", [_cpu(), _saturated()]),
        ]
    )


def _now() -> list[Builder[Panel]]:
    by = '"source"'
    waits = select_of('sum("spooled") AS "waits"', select('last("spooled") AS "spooled"', DELIVERY, TEST, by=by))
    lost = select_of('sum("dropped") AS "lost"', select('max("dropped") AS "dropped"', DELIVERY, TEST, by=by))
    late = select('${__to} / 1000 - last("seen") AS "behind"', PASSES, _DETECTION)
    took = select('max("duration") AS "longest"', PASSES, _DETECTION)
    trouble = select('sum("trouble") AS "trouble"', PASSES)
    none_is_good = looks.steps((1, looks.RED))
    return [
        _number("Waiting", "Requests that wait in the spools of all processes, not yet in the store.", waits)
        .thresholds(looks.steps((10_000, looks.ORANGE), (1_000_000, looks.RED)))
        .no_value("0"),
        _number(
            "Lost", "Requests that were dropped or refused for good, by processes that ran in the time range.", lost
        )
        .thresholds(none_is_good)
        .no_value("0"),
        _number("Detector is behind", "How old what the detector saw last is now.", late)
        .unit(looks.SECONDS)
        .thresholds(looks.steps((180, looks.ORANGE), (600, looks.RED))),
        _number(
            "Longest detection", "The longest pass of detection in the time range: there is a minute for each.", took
        )
        .unit(looks.SECONDS)
        .thresholds(looks.steps((30, looks.ORANGE), (60, looks.RED))),
        _number("Passes in trouble", "Passes of the daemon that could not do all that they should.", trouble)
        .thresholds(none_is_good)
        .no_value("0"),
    ]


def _number(title: str, description: str, query: str) -> stat.Panel:
    width = 4 if title in {"Waiting", "Lost", "Passes in trouble"} else 6
    return number(About(title, description, width=width, height=4), tables(query))


def _waits() -> timeseries.Panel:
    query = select('max("spooled") AS "waits"', DELIVERY, TEST, by=f'{EVERY}, "source"', fill="null")
    about = About(
        "Spool", "Requests that wait on the disk of each process: they grow while the store cannot be reached.", width=8
    )
    return lines(about, [Target("A", query, "$tag_source")])


def _lag() -> timeseries.Panel:
    query = select('max("lag") AS "lag"', DELIVERY, TEST, by=f'{EVERY}, "source"', fill="null")
    about = About("Lag", "Age of the oldest window of each process that is not in the store yet.", looks.SECONDS, 8)
    return lines(about, [Target("A", query, "$tag_source")])


def _written() -> timeseries.Panel:
    query = select('last("written") AS "written"', DELIVERY, TEST, by=f'{EVERY}, "source"', fill="null")
    about = About("Written", "Requests of each process that have reached the store since it started.", width=8)
    return lines(about, [Target("A", query, "$tag_source")])


def _lost() -> timeseries.Panel:
    by = f'{EVERY}, "source"'
    dropped = select('last("dropped") AS "lost"', DELIVERY, TEST, by=by, fill="null")
    retried = select('last("retried") AS "retried"', DELIVERY, TEST, by=by, fill="null")
    about = About(
        "Lost, and tried again",
        "Requests of each process that were dropped because the spool was full, or refused for good, and how often the "
        "store had to be tried again, since it started. Every loss is counted.",
    )
    return lines(about, [Target("A", dropped, "$tag_source: lost"), Target("B", retried, "$tag_source: tried again")])


def _reconciled() -> table.Panel:
    latest = ", ".join(f'last("{name}") AS "{name}"' for name in _TALLIED)
    counted = select_of(
        ", ".join(f'sum("{name}") AS "{name}"' for name in _TALLIED),
        select(latest, TALLIES, TEST, by='"run", "source"'),
        by='"run"',
    )
    told = select('last("label") AS "label", last("outcome") AS "outcome"', RUNS, TEST, by='"run"')
    shown = {"run": "Run", "label": "Version", "outcome": "Outcome", **_TALLIED}
    about = About(
        "Reconciled",
        "What reached Locust's own statistics in each run, what was counted here, and what lies between: requests "
        "without a valid time, those that a reset of Locust's statistics threw away, and those that were lost.",
    )
    panel = rows(about, tables(counted, told)).transformations([joined_by("run"), only(list(shown)), arranged(shown)])
    return panel.sort_by([sorted_by("Run")])


_TALLIED = {
    "reached": "Reached Locust",
    "counted": "Counted",
    "invalid": "Without a time",
    "reset": "Reset",
    "dropped": "Lost",
}


def _durations() -> timeseries.Panel:
    query = select('max("duration") AS "took"', PASSES, by=_PER_PASS, fill="null")
    about = About("How long passes take", "The longest pass of each kind in each step.", looks.SECONDS, 8)
    return lines(about, [Target("A", query, "$tag_pass")])


def _behind() -> timeseries.Panel:
    query = select('max("lag") AS "behind"', PASSES, _DETECTION, by=EVERY, fill="null")
    about = About(
        "How far detection is behind",
        "Age of what the detector saw last, at each of its passes: a step and its grace are normal.",
        looks.SECONDS,
        8,
    )
    return lines(about, [Target("A", query, "behind")])


def _series() -> timeseries.Panel:
    counted = {"A": ("series", "known"), "B": ("learning", "still learning"), "C": ("unknown", "unknown")}
    about = About(
        "Series",
        "How many series the detector knows, of how many it still learns what is normal, and of how many something "
        "cannot be told.",
        width=8,
    )
    targets = [
        Target(ref, select(f'max("{field}")', PASSES, _DETECTION, by=EVERY, fill="null"), name)
        for ref, (field, name) in counted.items()
    ]
    return lines(about, targets)


def _calls() -> timeseries.Panel:
    passes = f'"pass" =~ /^({PassName.ISSUES}|{PassName.ANNOTATIONS})$/'
    query = select('sum("requests") AS "requests"', PASSES, passes, by=_PER_PASS, fill="none")
    about = About(
        "Calls to GitHub and Grafana",
        "Requests that each kind of pass made: GitHub allows 5,000 an hour for a token, and 80 changes a minute.",
    )
    return bars(about, [Target("A", query, "$tag_pass")])


def _trouble() -> timeseries.Panel:
    query = select('sum("trouble") AS "trouble"', PASSES, by=_PER_PASS, fill="none")
    about = About("Trouble", "Passes that could not do all that they should; the daemon's log says why.")
    return bars(about, [Target("A", query, "$tag_pass")])


def _cpu() -> timeseries.Panel:
    query = select('max("cpu") AS "cpu"', LOAD, TEST, by=f'{EVERY}, "source"', fill="null")
    about = About(
        "CPU of the load generator",
        "CPU of each Locust process, in percent of a core. From about 90 % on it measures itself, and its windows are "
        "marked as saturated: nothing is judged by them.",
        "percent",
    )
    return lines(about, [Target("A", query, "$tag_source")])


def _saturated() -> timeseries.Panel:
    saturated = select('count("users") AS "saturated"', LOAD, TEST, '"saturated" = true', by=EVERY, fill="null")
    every = select('count("users") AS "all"', LOAD, TEST, by=EVERY, fill="null")
    about = About("Saturated windows", "How many windows of ten seconds were measured by a saturated process, of all.")
    return lines(about, [Target("A", every, "all"), Target("B", saturated, "saturated")])
