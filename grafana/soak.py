"""The soak dashboard: days and weeks, for what only time shows."""

from grafana_foundation_sdk.builders import timeseries
from grafana_foundation_sdk.builders.dashboard import Dashboard

from soakwatch.core.verdict import Metric
from soakwatch.grafana import looks, marks, variables
from soakwatch.grafana.frame import SOAK as UID
from soakwatch.grafana.frame import Frame
from soakwatch.grafana.happenings import deploys, verdicts_over_time
from soakwatch.grafana.incident_table import past_incidents
from soakwatch.grafana.panels import About, bars, lines
from soakwatch.grafana.questions import (
    ENDPOINT,
    EVERY,
    EXACT,
    OF_SERVICE,
    PER_SERVICE,
    SERIES_ALIAS,
    SERVICE,
    SERVICES,
    SLOWLY,
    TEN_MINUTES,
    VERDICTS,
    of_metric,
    select,
)
from soakwatch.grafana.target import Target

_DAILY = 'time(1d), "service", "method", "endpoint"'
_FAN = {"p99": looks.RED, "p95": looks.ORANGE, "p50": looks.BLUE}


def soak() -> Dashboard:
    """A test that goes on for weeks."""
    frame = Frame(
        UID,
        "soakwatch / Soak",
        "Days and weeks: slow creep, the rhythm of the week, failures, and what happened when",
        since="now-28d",
        refresh="10m",
        variables=[
            *variables.place(),
            variables.environment(),
            variables.test(),
            variables.service(),
            variables.endpoint(),
            *variables.resolution("every", "slowly", "exact"),
        ],
        marks=[marks.incidents(of_service=True), marks.deploys(of_service=True)],
    )
    return frame.dashboard(
        [
            (
                "What happened",
                [past_incidents(OF_SERVICE, width=16), deploys(OF_SERVICE), verdicts_over_time(SERVICE, 6)],
            ),
            ("Creep", [_fan(), _daily(), _against_baseline()]),
            ("The rhythm of the week", [_week("This week", "0d"), _week("The week before", "7d")]),
            ("Failures, and what nobody knows", [_failures(), _requests(), _unknown()]),
        ]
    )


def _fan() -> timeseries.Panel:
    by = f"{EVERY}, {PER_SERVICE}"
    about = About(
        "How times are spread",
        "p50, p95 and p99 of the successes of what is chosen. That they part means that the slow ones get slower; "
        "that all rise together means that everything does. Beyond eight days each point is the median of the "
        "windows in it; with several endpoints, over these too.",
        looks.MILLISECONDS,
        24,
        9,
    )
    panel = lines(
        about,
        [
            Target(
                letter,
                select(f'median("ok_{name}") AS "{name}"', EXACT, ENDPOINT, by=by, fill="null"),
                f"$tag_service {name}",
            )
            for letter, name in zip("ABC", _FAN, strict=True)
        ],
    )
    for name, colour in _FAN.items():
        panel.override_by_regexp(f"/ {name}$/", looks.line(colour))
    return panel


def _daily() -> timeseries.Panel:
    query = select('median("ok_p95") AS "p95"', TEN_MINUTES, ENDPOINT, by=_DAILY, fill="none")
    about = About(
        "p95 day by day",
        "The median p95 of each day: the rhythm of the day is gone, and what is left is creep. An incident whose "
        "title says `creeps by` is one that the detector is sure of.",
        looks.MILLISECONDS,
    )
    return lines(about, [Target("A", query, SERIES_ALIAS)]).span_nulls(span_nulls=True)


def _against_baseline() -> timeseries.Panel:
    by = f'{SLOWLY}, "service", "method", "endpoint"'
    query = select('mean("effect") AS "change"', VERDICTS, ENDPOINT, of_metric(Metric.P95), by=by, fill="null")
    about = About(
        "p95 against its baseline",
        "How much p95 differs from what is normal at that time of the day and week, and at that load: the season is "
        "gone, also where the baseline itself moved on.",
        looks.PERCENT,
    )
    return lines(about, [Target("A", query, SERIES_ALIAS)]).axis_centered_zero(axis_centered_zero=True)


def _week(title: str, shift: str) -> timeseries.Panel:
    by = 'time(1h), "service", "method", "endpoint"'
    query = select('median("ok_p50") AS "p50"', TEN_MINUTES, ENDPOINT, by=by, fill="null")
    about = About(
        title,
        "Median of the successes, hour by hour, over seven days, whatever the time range is: beside the other week, "
        "the rhythm of days and of the weekend shows, and what departs from it.",
        looks.MILLISECONDS,
    )
    panel = lines(about, [Target("A", query, SERIES_ALIAS)]).time_from("7d")
    return panel if shift == "0d" else panel.time_shift(shift)


def _failures() -> timeseries.Panel:
    by = f"{EVERY}, {PER_SERVICE}"
    query = select('sum("failures") / sum("count") AS "failed"', EXACT, ENDPOINT, by=by, fill="null")
    about = About("Share that failed", "Share of the requests of what is chosen that failed.", looks.PERCENT, 8)
    return lines(about, [Target("A", query, "$tag_service")])


def _requests() -> timeseries.Panel:
    by = f"{EVERY}, {PER_SERVICE}"
    query = select('sum("count") AS "requests"', EXACT, ENDPOINT, by=by, fill="none")
    about = About("Requests", "How many requests each step had: a gap is a time when nothing ran.", looks.COUNT, 8)
    return bars(about, [Target("A", query, "$tag_service")])


def _unknown() -> timeseries.Panel:
    share = 'sum("{0}") / sum("judged") AS "{0}"'
    unknown = select(share.format("unknown"), SERVICES, SERVICE, by=SLOWLY, fill="null")
    regressed = select(share.format("regressed"), SERVICES, SERVICE, by=SLOWLY, fill="null")
    about = About(
        "How much is unknown",
        "Share of the verdicts on all metrics that are unknown, and share that are regressed: silence must not be "
        "bought with unknown.",
        looks.PERCENT,
        8,
    )
    panel = lines(about, [Target("A", unknown, "unknown"), Target("B", regressed, "regressed")]).max(1)
    panel.override_by_name("unknown", looks.line(looks.GREY))
    return panel.override_by_name("regressed", looks.line(looks.RED))
