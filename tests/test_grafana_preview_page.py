"""The page of a preview, drawn of answers that nobody gave: any name, and a server with little time."""

import threading
import time
from collections.abc import Sequence
from html.parser import HTMLParser

import pytest
from hostile_names import HOSTILE
from hypothesis import given, settings
from hypothesis import strategies as st

from soakwatch.core.errors import StoreUnavailable
from soakwatch.grafana.dashboard_model import AnnotationQuery, Dashboard, Panel, Place, Target, Variable
from soakwatch.grafana.influxql import AnsweredSeries
from soakwatch.grafana.preview import AT_ONCE, DrawnDashboard, Glance, preview
from soakwatch.grafana.preview_page import page_of
from soakwatch.grafana.time_range import TimeRange

HOUR = TimeRange(0, 3_600_000)
KINDS = ("timeseries", "stat", "bargauge", "barchart", "table", "heatmap", "state-timeline", "text")


class Elements(HTMLParser):
    """All elements with the names of their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []
        self.feed(page.partition("<script nonce")[0])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(name for name, _ in attrs)))


def dashboard_of(name: str, kinds: Sequence[str] = KINDS) -> Dashboard:
    panels = tuple(
        Panel(
            number,
            f"t{name}",
            kind,
            Place(),
            f"d{name}",
            (Target("A", f"q{name}", "$tag_x", is_table=kind in {"table", "barchart"}),),
            options={"content": f"c{name}", "legend": {"calcs": ["max"]}},
        )
        for number, kind in enumerate(kinds)
    )
    variable = Variable("v", "constant", f"v{name}", label=f"l{name}")
    annotation = AnnotationQuery(f"a{name}", "EVENTS", "red", "v", "m.v")
    return Dashboard("uid", f"n{name}", f"d{name}", panels, (variable,), (annotation,))


def drawn_of(name: str) -> DrawnDashboard:
    def ask(query: str) -> list[AnsweredSeries]:
        if query == "EVENTS":
            return [AnsweredSeries("m", ("time", "v"), ((60_000, f"e{name}"),))]
        return [AnsweredSeries("m", ("time", "v"), ((0, 1.0), (60_000, 2.0)), {"x": f"s{name}"})]

    return preview(dashboard_of(name), Glance(ask, HOUR, 0.0))


def elements(name: str) -> list[tuple[str, tuple[str, ...]]]:
    return Elements(page_of([drawn_of(name)], 0.0)).found


@pytest.fixture(scope="module")
def plain() -> list[tuple[str, tuple[str, ...]]]:
    return elements("plain")


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_name_is_nothing_but_text(name: str, plain: list[tuple[str, tuple[str, ...]]]) -> None:
    assert elements(name) == plain


@settings(max_examples=25, deadline=None)
@given(name=st.text(st.sampled_from("<>&\"'`/=!-{}%$ \n\tscriptimgb\\"), max_size=40))
def test_no_name_makes_an_element(plain: list[tuple[str, tuple[str, ...]]], name: str) -> None:
    assert elements(name) == plain


def test_a_query_that_the_server_does_not_answer_is_told_on_its_panel_and_the_others_are_drawn() -> None:
    def ask(query: str) -> list[AnsweredSeries]:
        if query != "qslow":
            return [AnsweredSeries("m", ("time", "v"), ((0, 1.0),))]
        raise StoreUnavailable("no answer in time")

    one, other = dashboard_of("slow", ["stat"]).panels[0], dashboard_of("fast", ["stat"]).panels[0]
    drawn = preview(Dashboard("u", "t", panels=(one, other)), Glance(ask, HOUR, 0.0))
    assert [panel.errors for panel in drawn.panels] == [("no answer in time",), ()]
    assert [panel.drawing.is_empty for panel in drawn.panels] == [True, False]


def test_no_more_queries_than_a_server_has_time_for_are_asked_at_once() -> None:
    now, most = 0, 0
    lock = threading.Lock()

    def ask(_: str) -> list[AnsweredSeries]:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.01)
        with lock:
            now -= 1
        return []

    preview(dashboard_of("x"), Glance(ask, HOUR, 0.0))
    assert most == AT_ONCE
