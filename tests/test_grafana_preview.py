"""Dashboards without Grafana: a real InfluxDB with a simulated history, and a page in a real Chromium."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import Any

import pytest
from browser import looking_at
from command_line import soakwatch
from hostile_names import HOSTILE
from influxd_process import Server
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write.point import Point
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_server import new_bucket, section_of

from soakwatch.core.retention import Retention
from soakwatch.demo.event_text import parse_event
from soakwatch.demo.history_plan import HistoryPlan
from soakwatch.demo.history_writing import Horizon, write_history
from soakwatch.demo.simulated_history import SimulatedHistory
from soakwatch.grafana.dashboard_model import Dashboard, parse_dashboard, read_dashboard
from soakwatch.grafana.drawing import Drawing
from soakwatch.grafana.influxql import Influxql
from soakwatch.grafana.preview import DrawnDashboard, Glance, preview
from soakwatch.grafana.preview_page import page_of
from soakwatch.grafana.time_range import TimeRange
from soakwatch.store.influxdb import InfluxStore

EVERY_PANEL = Path(__file__).parent / "data" / "grafana" / "every-panel.json"
HARM = "</script><script>window.harmed = 1</script><img src=x onerror='window.harmed = 1'>"
DAY, HOUR = 86_400, 3_600

PLAN = HistoryPlan(seed=3, series=4, days=1, services=2)
START = int(PLAN.start)
ONSET = START + 10 * HOUR
NOW = START + DAY


@dataclass(frozen=True)
class Filled:
    """A store with a simulated day, an incident, and verdicts of endpoints that are called anything."""

    server: Server
    bucket: str

    @property
    def environment(self) -> dict[str, str]:
        return {
            "SOAKWATCH_STORE__KIND": "influxdb",
            "SOAKWATCH_STORE__URL": self.server.url,
            "SOAKWATCH_STORE__ORG": self.server.org,
            "SOAKWATCH_STORE__BUCKET": self.bucket,
            "SOAKWATCH_STORE__TOKEN": self.server.token,
        }

    def drawn(self, dashboard: Dashboard, **given: list[str]) -> DrawnDashboard:
        asked = TimeRange(START * 1000, NOW * 1000)
        influxql = Influxql(section_of(self.server, self.bucket))
        try:
            return preview(dashboard, Glance(influxql.ask, asked, NOW, {"bucket": [self.bucket], **given}))
        finally:
            influxql.close()

    def arguments(self, out: str) -> tuple[str, ...]:
        return ("--from", str(START * 1000), "--to", str(NOW * 1000), "--out", out)


@pytest.fixture(scope="module")
def filled(influxdb: Server) -> Iterator[Filled]:
    events = tuple(parse_event(text, PLAN) for text in ("step:+60%@day=0,hour=10,series=1,deploy=yes",))
    with new_bucket(influxdb) as bucket:
        with InfluxStore.connect(section_of(influxdb, bucket), Retention(inf, inf, inf)) as store:
            write_history(SimulatedHistory(replace(PLAN, events=events)), store, Horizon())
        with InfluxDBClient(influxdb.url, influxdb.token, org=influxdb.org) as client:
            writer = client.write_api(write_options=SYNCHRONOUS)
            writer.write(bucket, record=incident(), write_precision=WritePrecision.S)
            writer.write(f"{bucket}_10m", record=verdicts(), write_precision=WritePrecision.S)
        yield Filled(influxdb, bucket)


def incident() -> Point:
    point: Point = Point("regions").tag("service", "api_gateway").field("title", f"slower {HARM}").field("text", HARM)
    point.field("tags", "soakwatch,critical").field("end", (ONSET + 6 * HOUR) * 1000).time(ONSET, WritePrecision.S)
    return point


def verdicts() -> list[Point]:
    names = [HARM, *(name.replace("\n", " ").replace("\r", " ").replace("\x00", "")[:500] for name in HOSTILE if name)]
    return [
        Point("verdicts").tag("endpoint", name).field("rank", 1 if moment < ONSET else 3).time(moment, WritePrecision.S)
        for name in names
        for moment in range(START, NOW, 600)
    ]


def panel_of(drawn: DrawnDashboard, title: str) -> Drawing:
    return next(one.drawing for one in drawn.panels if one.title == title)


def figure_of(drawn: DrawnDashboard, title: str) -> Any:
    figure = panel_of(drawn, title).figure
    assert figure is not None
    return figure


@pytest.mark.influxdb
def test_variables_are_found_one_by_the_other_and_hidden_ones_too(filled: Filled) -> None:
    choices = filled.drawn(read_dashboard(EVERY_PANEL)).choices
    assert {name: choice.value for name, choice in choices.items()} == {
        "datasource": "soakwatch-influxdb",
        "bucket": filled.bucket,
        "env": "simulated",
        "service": "api_gateway",
        "endpoint": r"\*",
        "secret": "hidden away",
    }
    assert choices["endpoint"].text == "All"


@pytest.mark.influxdb
def test_a_band_lies_between_its_two_lines_and_counts_have_an_axis_of_their_own(filled: Filled) -> None:
    figure = figure_of(filled.drawn(read_dashboard(EVERY_PANEL)), "Response time of api_gateway")
    lower, p95, p50, requests, events = figure["data"]
    assert (lower["y"], lower["line"], p95["fill"]) == (p50["y"], {"width": 0}, "tonexty")
    assert (p95["name"], p50["line"]["dash"], p50["line"]["color"]) == ("* p95", "6px,4px", "#3274D9")
    assert (requests["yaxis"], figure["layout"]["yaxis2"]["side"]) == ("y2", "right")
    assert all(text.endswith(" ms") for text in p95["text"])
    assert len(p95["x"]) == 144
    assert events["yaxis"] == "y9"


@pytest.mark.influxdb
def test_what_is_chosen_is_what_is_drawn(filled: Filled) -> None:
    endpoints = ["/api_gateway/0", "/api_gateway/1"]
    drawn = filled.drawn(read_dashboard(EVERY_PANEL), endpoint=endpoints)
    names = [trace["name"] for trace in figure_of(drawn, "Response time of api_gateway")["data"] if "name" in trace]
    assert [name for name in names if name.endswith("p95")] == [f"{endpoint} p95" for endpoint in endpoints]
    other = filled.drawn(read_dashboard(EVERY_PANEL), service=["rag_service"])
    assert panel_of(other, "Response time of rag_service").figure is not None


@pytest.mark.influxdb
def test_an_incident_is_a_region_and_a_deploy_a_line(filled: Filled) -> None:
    shapes = figure_of(filled.drawn(read_dashboard(EVERY_PANEL)), "Failures")["layout"]["shapes"]
    (region,) = [shape for shape in shapes if shape["type"] == "rect"]
    assert (region["x0"], region["x1"]) == (ONSET * 1000, (ONSET + 6 * HOUR) * 1000)
    purple = {shape["x0"] for shape in shapes if shape["line"].get("color") == "#B877D9"}
    assert any(START * 1000 <= moment <= ONSET * 1000 for moment in purple)


@pytest.mark.influxdb
def test_a_table_is_merged_arranged_sorted_and_links_within_the_page(filled: Filled) -> None:
    table = panel_of(filled.drawn(read_dashboard(EVERY_PANEL)), "Endpoints").table
    assert table is not None
    assert [heading.text for heading in table.headings] == ["endpoint", "service", "p95", "errors", "rank"]
    assert len(table.rows) == PLAN.series
    endpoint, service, p95, errors, rank = table.rows[0]
    assert (endpoint.link, endpoint.text.startswith(f"/{service.text}/")) == ("#soakwatch-service", True)
    assert (p95.text.endswith("ms"), p95.share, errors.text[-1], rank.text) == (True, 1.0, "%", "unknown")


@pytest.mark.influxdb
def test_an_empty_panel_a_wrong_query_and_what_only_grafana_does_say_so(filled: Filled) -> None:
    drawn = filled.drawn(read_dashboard(EVERY_PANEL))
    errors = {one.title: one.errors for one in drawn.panels if one.errors}
    assert list(errors) == ["Wrong"]
    assert "refused" in errors["Wrong"][0]
    assert panel_of(drawn, "Nothing").is_empty
    assert panel_of(drawn, "Grafana's own").notes == ("panels of the kind 'annolist' are drawn by Grafana only",)
    assert "calculateField" in panel_of(drawn, "Runs").notes[0]


@pytest.mark.influxdb
def test_every_figure_is_one_by_plotlys_own_description(filled: Filled) -> None:
    from plotly.graph_objects import Figure

    drawn = filled.drawn(read_dashboard(EVERY_PANEL))
    figures = [one.drawing.figure for one in drawn.panels if one.drawing.figure is not None]
    assert len(figures) >= 6
    for figure in figures:
        Figure(figure)


@pytest.mark.influxdb
@pytest.mark.browser
def test_each_panel_is_drawn_in_a_browser_without_a_network_and_names_do_no_harm(
    filled: Filled, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    page.write_text(page_of([filled.drawn(read_dashboard(EVERY_PANEL))], NOW), encoding="utf-8")
    with looking_at(page, until="body[data-drawn=all]") as looked:
        assert looked.console == []
        assert looked.requests == [page.as_uri()]
        assert looked.page.evaluate("window.harmed") is None
        assert looked.page.evaluate("document.images.length") == 0
        marks = looked.page.evaluate(MARKS)
        assert set(marks) == {"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "21", "31"}, marks
        assert all(count > 0 for count in marks.values()), marks
        text = looked.page.inner_text("body")
        for promised in ("no data", "the query is refused", "drawn by Grafana only", HARM.partition("<img")[0]):
            assert promised in text
        looked.page.hover("[data-panel='9'] .plot")
        looked.page.wait_for_selector("[data-panel='9'] .hoverlayer .hovertext")
        assert " to 2026-" in (looked.page.text_content("[data-panel='9'] .hoverlayer") or "")
        looked.page.click("[data-panel='1'] .legend .name >> nth=0")
        assert (
            looked.page.evaluate("document.querySelector(\"[data-panel='1'] .plot\").data[1].visible") == "legendonly"
        )


MARKS = """() => Object.fromEntries([...document.querySelectorAll("article")].map((panel) => {
  const marks = ".scatterlayer path.js-line, .scatterlayer path.point, .barlayer path, .heatmaplayer image, " +
    ".tile strong, .cells td, .bars .track i, .text";
  const seen = [...panel.querySelectorAll(marks)].filter((mark) => mark.getBoundingClientRect().width > 0);
  return [panel.dataset.panel, seen.length];
}).filter(([, count]) => count))"""
"""How many lines, points, bars, cells and numbers each panel has."""


@pytest.mark.influxdb
def test_the_command_writes_one_page_and_says_what_failed(filled: Filled, tmp_path: Path) -> None:
    done = soakwatch(
        "grafana", "preview", str(EVERY_PANEL), *filled.arguments("page.html"), folder=tmp_path,
        environment=filled.environment,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "page.html\n")
    assert "15 panels of 1 dashboards, 1 without data" in done.stderr
    assert "Wrong: " in done.stderr
    written = (tmp_path / "page.html").read_text()
    assert filled.server.token not in written
    assert "Every kind of panel" in written
    assert f"<b>bucket</b><span>{filled.bucket}</span>" in written  # of several stores the configured one


@pytest.mark.influxdb
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--var", "envv=x"), "--var envv: no such variable; there are bucket, datasource, endpoint, env"),
        (("--var", "env"), "should be NAME=VALUE"),
        (("--from", "yesterday"), "--from: 'yesterday' is no time"),
        (("nowhere",), "there is no dashboard 'nowhere'"),
        (("missing.json",), "missing.json cannot be read"),
        (("broken.json",), "broken.json is no dashboard"),
        (("--out", "no/such/folder.html"), "--out no/such/folder.html cannot be written"),
    ],
)
def test_what_was_given_wrong_is_said_and_ends_with_2(
    filled: Filled, tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    (tmp_path / "broken.json").write_text(json.dumps({"title": "no panels"}))
    done = soakwatch(
        "grafana", "preview", str(EVERY_PANEL), *arguments, folder=tmp_path, environment=filled.environment
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_without_influxdb_it_says_what_to_set_and_ends_with_2(tmp_path: Path) -> None:
    done = soakwatch("grafana", "preview", str(EVERY_PANEL), folder=tmp_path)
    assert done.returncode == 2
    assert 'set store.kind to "influxdb"' in done.stderr


def test_a_server_that_is_away_ends_with_3(tmp_path: Path) -> None:
    away = {"SOAKWATCH_STORE__URL": "http://127.0.0.1:1", "SOAKWATCH_STORE__TOKEN": "some-token"}
    arguments = ("grafana", "preview", str(EVERY_PANEL), "--store", "influxdb")
    done = soakwatch(*arguments, folder=tmp_path, environment=away)
    assert done.returncode == 3
    assert "nothing answers there" in done.stderr
    assert "some-token" not in done.stderr


def test_panels_of_a_collapsed_row_are_shown_and_others_make_room() -> None:
    places = {panel.title: panel.place.y for panel in parse_dashboard(json.loads(EVERY_PANEL.read_text())).panels}
    assert (places["More of $service"], places["Failures"], places["Rest"], places["Runs"]) == (30, 31, 38, 39)
