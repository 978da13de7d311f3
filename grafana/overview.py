"""The overview: one row for each service, and what is wrong now."""

from grafana_foundation_sdk.builders import stat, table, timeseries
from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Panel

from soakwatch.core.verdict import Metric
from soakwatch.grafana import looks, marks, questions, variables
from soakwatch.grafana.frame import OVERVIEW, Frame, to_service
from soakwatch.grafana.happenings import verdicts_over_time
from soakwatch.grafana.incident_table import open_incidents
from soakwatch.grafana.panels import About, arranged, joined_by, lines, number, only, rows, sorted_by
from soakwatch.grafana.questions import (
    COUNTED,
    COUNTED_WHOLE,
    ENVIRONMENT,
    EVERY,
    EXACT,
    INCIDENTS,
    PARTS,
    SERVICES,
    TEST,
    VERDICTS,
    WHOLE,
    lately,
    latest,
    newest_rate,
    of_metric,
    select,
    select_of,
)
from soakwatch.grafana.target import Target, tables

_LATEST_OPEN = latest("open", INCIDENTS, ENVIRONMENT, by='"service", "fingerprint"')


def _latest(field: str) -> str:
    return latest(field, SERVICES, TEST, by='"service"')


def overview() -> Dashboard:
    """All services of one test in one environment."""
    frame = Frame(
        OVERVIEW,
        "soakwatch / Overview",
        "How every service is now: its verdict, its worst endpoint, its load, its errors and its incidents",
        since="now-6h",
        refresh="1m",
        variables=[
            *variables.place(),
            variables.environment(),
            variables.test(),
            *variables.resolution("every", "slowly", "seconds", "data", "exact", "width"),
        ],
        marks=[marks.incidents(of_service=False), marks.deploys(of_service=False), marks.runs()],
    )
    return frame.dashboard(
        [
            ("Now", [*_numbers(), _services()]),
            ("What is wrong", [open_incidents(width=24), verdicts_over_time(TEST, 7)]),
            ("How it went", [_load(), _errors(), _slowness()]),
        ]
    )


def _numbers() -> list[Builder[Panel]]:
    incidents = select_of('sum("open") AS "open"', _LATEST_OPEN)
    regressed = select_of('sum("regressed") AS "regressed"', _latest("regressed"))
    unknown = select_of('sum("unknown") AS "unknown"', _latest("unknown"))
    errors = select('sum("failures") / sum("count") AS "errors"', EXACT, TEST, WHOLE)
    return [
        _count(
            "Open incidents",
            "Incidents that are confirmed and not resolved yet, in this environment.",
            incidents,
            looks.RED,
        ),
        _count(
            "Regressed",
            "Metrics of endpoints whose verdict is `regressed` now, of all services of this test.",
            regressed,
            looks.RED,
        ),
        _count(
            "Unknown",
            "Metrics of endpoints of which nothing can be told now: still learning, or too few requests. Silence is "
            "not health.",
            unknown,
            looks.GREY,
        ),
        number(
            About(
                "Requests",
                "Requests a second of all services, in the newest window of one minute, or of ten where the time "
                "range is more than twelve hours.",
                looks.RATE,
                6,
                4,
            ),
            tables(newest_rate(TEST, WHOLE)),
        ).color_scheme(looks.fixed(looks.BLUE)),
        number(
            About("Failed", "Share of all requests in the time range that failed.", looks.PERCENT, 6, 4), tables(errors)
        ).thresholds(looks.steps((0.01, looks.ORANGE), (0.05, looks.RED))),
    ]


def _count(title: str, description: str, query: str, colour: str) -> stat.Panel:
    """How many there are, in `colour` where there is one."""
    panel = number(About(title, description, width=4, height=4), tables(query))
    return panel.thresholds(looks.steps((1, colour))).no_value("0")


def _services() -> table.Panel:
    """Everything of one service in one row."""
    by_service = '"service"'
    worst = latest("effect", VERDICTS, TEST, of_metric(Metric.P95), PARTS, by=questions.PER_SERIES)
    questions_of = tables(
        lately('last("rank") AS "verdict"', SERVICES, TEST, by=by_service),
        select_of('top("effect", "endpoint", 1) AS "slower"', worst, by=by_service),
        select('last("ok_p95") AS "p95"', EXACT, TEST, WHOLE, by=by_service),
        select('sum("count") / count("count") / $width AS "load"', EXACT, TEST, WHOLE, by=by_service),
        select('sum("failures") / sum("count") AS "errors"', EXACT, TEST, WHOLE, by=by_service),
        select_of('sum("open") AS "incidents"', _LATEST_OPEN, by=by_service),
        lately('last("unknown") AS "unknown"', SERVICES, TEST, by=by_service),
    )
    shown = {
        "service": "Service",
        "verdict": "Verdict",
        "endpoint": "Slowest against its baseline",
        "slower": "p95 there",
        "p95": "p95",
        "load": "Requests",
        "errors": "Failed",
        "incidents": "Open incidents",
        "unknown": "Unknown",
    }
    about = About(
        "Services",
        "A row for each service. The verdict is that of its worst endpoint and metric, the last one of each within a "
        "day; p95 is that of the whole service, merged exactly, in the last window; requests and failures are those of "
        "the time range. Click on a name for more.",
        width=24,
        height=9,
    )
    return (
        rows(about, questions_of)
        .transformations([joined_by("service"), only(list(shown)), arranged(shown)])
        .sort_by([sorted_by("Verdict")])
        .override_by_name("Service", looks.link_property("This service", to_service("${__value.raw:percentencode}")))
        .override_by_name(
            "Slowest against its baseline",
            looks.link_property(
                "This endpoint", to_service("${__data.fields.Service:percentencode}", "${__value.raw:percentencode}")
            ),
        )
        .override_by_name(
            "Verdict",
            [*looks.cell("color-background"), *looks.look(mappings=[one.to_json() for one in looks.rank_mappings()])],
        )
        .override_by_name("p95 there", looks.look(unit=looks.PERCENT, decimals=0))
        .override_by_name("p95", looks.look(unit=looks.MILLISECONDS))
        .override_by_name("Requests", looks.look(unit=looks.RATE))
        .override_by_name("Failed", looks.look(unit=looks.PERCENT, decimals=2))
        .override_by_name(
            "Open incidents",
            [
                *looks.cell("color-text"),
                *looks.look(color={"mode": "thresholds"}, thresholds=looks.steps((1, looks.RED)).build().to_json()),
            ],
        )
    )


def _load() -> timeseries.Panel:
    by = f"{EVERY}, {questions.PER_SERVICE}"
    query = select('sum("count") / $seconds AS "requests"', COUNTED, TEST, COUNTED_WHOLE, by=by, fill="null")
    about = About("Load", "Requests a second of each service.", looks.RATE, 8)
    return lines(about, [Target("A", query, "$tag_service")])


def _errors() -> timeseries.Panel:
    by = f"{EVERY}, {questions.PER_SERVICE}"
    query = select('sum("failures") / sum("count") AS "failed"', COUNTED, TEST, COUNTED_WHOLE, by=by, fill="null")
    about = About("Failures", "Share of the requests of each service that failed.", looks.PERCENT, 8)
    return lines(about, [Target("A", query, "$tag_service")])


def _slowness() -> timeseries.Panel:
    query = select('median("ok_p95") AS "p95"', EXACT, TEST, WHOLE, by=f"{EVERY}, {questions.PER_SERVICE}", fill="null")
    about = About(
        "p95",
        "95th percentile of the successes of each whole service, merged exactly over its endpoints and all processes. "
        "Beyond eight days each point is the median of the windows in it.",
        looks.MILLISECONDS,
        8,
    )
    return lines(about, [Target("A", query, "$tag_service")])
