"""What panels make of their data: units, looks, transformations, links and events."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soakwatch.grafana.annotation_events import events_of
from soakwatch.grafana.axes import nice_marks
from soakwatch.grafana.colours import css_colour
from soakwatch.grafana.dashboard_model import AnnotationQuery, Panel, Place, Transformation
from soakwatch.grafana.data_links import link_of
from soakwatch.grafana.drawing import Data, Drawing, for_plotly
from soakwatch.grafana.field_look import look_of
from soakwatch.grafana.frames import Field, FieldType, Frame, table, time_series
from soakwatch.grafana.influxql import AnsweredSeries, Cell
from soakwatch.grafana.preview_figures import draw
from soakwatch.grafana.reductions import reduced
from soakwatch.grafana.time_range import TimeRange
from soakwatch.grafana.transformations import transformed
from soakwatch.grafana.units import with_unit

HOUR = TimeRange(0, 3_600_000)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "ms", "0 s"), (0.25, "ms", "250 µs"), (87.3, "ms", "87.3 ms"), (1_230, "ms", "1.23 s"),
        (90_000, "ms", "1.5 min"), (7_200, "s", "2 hours"), (0.0123, "percentunit", "1.23%"), (0.5, "percent", "0.5%"),
        (12.345, "reqps", "12.3 req/s"),
        (3_830_000, "short", "3.83 Mil"), (999, "short", "999"), (1536, "bytes", "1.5 KiB"),
        (2_500, "decbytes", "2.5 kB"),
        (1234.5678, "none", "1235"), (3.0, "", "3"), (1_700_000_000_000, "dateTimeAsIso", "2023-11-14 22:13:20"),
        (5, "suffix:users", "5 users"), (5, "something", "5 something"), (-1500, "ms", "-1.5 s"),
        (1, "bool_yes_no", "Yes"),
    ],
)  # fmt: skip
def test_a_number_is_written_with_its_unit(value: float, unit: str, text: str) -> None:
    assert with_unit(value, unit) == text


def test_decimals_are_as_many_as_were_asked_for() -> None:
    assert (with_unit(1234.5, "ms", 2), with_unit(0.01234, "percentunit", 3)) == ("1.23 s", "1.234%")


@given(low=st.floats(-1e6, 1e6), length=st.floats(1e-3, 1e9))
def test_marks_of_an_axis_are_a_few_and_lie_on_it(low: float, length: float) -> None:
    marks = nice_marks(low, low + length)
    assert 2 <= len(marks) <= 9
    assert all(low - length * 1e-6 <= mark <= low + length * (1 + 1e-6) for mark in marks)


@pytest.mark.parametrize(
    ("colour", "css"),
    [
        ("semi-dark-blue", "#3274D9"), ("#ff0000", "#ff0000"), ("rgba(1, 2, 3, 0.5)", "rgba(1, 2, 3, 0.5)"),
        ("#6e9fff30", "rgba(110,159,255,0.19)"), ("red;background:url(x)", "#d8d9da"),
        ("expression(alert(1))", "#d8d9da"),
    ],
)  # fmt: skip
def test_a_colour_is_one_and_nothing_else(colour: str, css: str) -> None:
    assert css_colour(colour) == css


@pytest.mark.parametrize(
    ("calculation", "value"),
    [
        ("lastNotNull", 4), ("last", None), ("first", None), ("firstNotNull", 2), ("min", 2), ("max", 4), ("mean", 3),
        ("sum", 9), ("count", 5), ("range", 2), ("delta", 2), ("median", 3),
    ],
)  # fmt: skip
def test_many_values_become_one(calculation: str, value: float | None) -> None:
    assert reduced([None, 2, 3, 4, None], calculation) == value


def test_nothing_reduces_to_nothing() -> None:
    assert [reduced([], each) for each in ("last", "mean", "max", "lastNotNull")] == [None] * 4


def frame(**columns: tuple[Cell, ...]) -> Frame:
    kinds = {str: FieldType.STRING, bool: FieldType.BOOLEAN}
    fields = (
        Field(name, FieldType.TIME if name == "Time" else kinds.get(type(values[0]), FieldType.NUMBER), values)
        for name, values in columns.items()
    )
    return Frame("", tuple(fields))


def after(frames: list[Frame], *steps: tuple[str, dict[str, Any]]) -> list[dict[str, tuple[Cell, ...]]]:
    made, unknown = transformed(frames, [Transformation(*step) for step in steps])
    assert not unknown
    return [{field.name: field.values for field in one.fields} for one in made]


ONE = frame(Time=(1, 1), service=("a", "b"), p95=(10, 20))
OTHER = frame(Time=(1, 1), service=("b", "c"), errors=(5, 6))


def test_merging_joins_rows_that_agree() -> None:
    assert after([ONE, OTHER], ("merge", {})) == [
        {"Time": (1, 1, 1), "service": ("a", "b", "c"), "p95": (10, 20, None), "errors": (None, 5, 6)}
    ]


def test_joining_keeps_a_row_for_each_key_and_columns_that_are_called_alike_apart() -> None:
    made, _ = transformed([ONE, OTHER], [Transformation("joinByField", {"byField": "service", "mode": "outer"})])
    assert [field.name for field in made[0].fields] == ["service", "Time", "p95", "Time", "errors"]
    assert made[0].fields[0].values == ("a", "b", "c")
    assert (made[0].fields[2].values, made[0].fields[4].values) == ((10, 20, None), (None, 5, 6))
    assert after([ONE, OTHER], ("joinByField", {"byField": "service", "mode": "inner"}))[0]["service"] == ("b",)


def test_a_table_whose_keys_recur_is_completed_by_another_without_losing_a_row() -> None:
    measured = frame(run=("r1", "r1", "r2"), endpoint=("/a", "/b", "/a"), p95=(1, 2, 3))
    told = frame(run=("r1", "r3"), label=("1.4", "1.5"))
    assert after([measured, told], ("joinByField", {"byField": "run", "mode": "outerTabular"})) == [
        {
            "run": ("r1", "r1", "r2", "r3"),
            "endpoint": ("/a", "/b", "/a", None),
            "p95": (1, 2, 3, None),
            "label": ("1.4", "1.4", None, "1.5"),
        }
    ]


def test_columns_are_renamed_left_out_and_ordered() -> None:
    options = {
        "excludeByName": {"Time": True},
        "indexByName": {"p95": 0, "service": 1},
        "renameByName": {"p95": "slow"},
    }
    assert list(after([ONE], ("organize", options))[0].items()) == [("slow", (10, 20)), ("service", ("a", "b"))]
    names = {"include": {"names": ["service"]}}
    assert after([ONE], ("filterFieldsByName", names)) == [{"service": ("a", "b")}]
    assert list(after([ONE], ("renameByRegex", {"regex": "/p(.*)/", "renamePattern": "q$1"}))[0]) == [
        "Time",
        "service",
        "q95",
    ]


def test_rows_are_grouped_sorted_and_cut() -> None:
    many = frame(service=("a", "b", "a"), n=(1, 5, 3))
    fields = {"service": {"operation": "groupby"}, "n": {"operation": "aggregate", "aggregations": ["sum", "count"]}}
    assert after([many], ("groupBy", {"fields": fields})) == [
        {"service": ("a", "b"), "n (sum)": (4, 5), "n (count)": (2, 1)}
    ]
    steps = (("sortBy", {"sort": [{"field": "n", "desc": True}]}), ("limit", {"limitField": 2}))
    assert after([many], *steps) == [{"service": ("b", "a"), "n": (5, 3)}]
    assert after([ONE], ("reduce", {"reducers": ["max"]})) == [{"Field": ("service", "p95"), "Max": (None, 20)}]


def test_a_transformation_that_is_not_known_is_named() -> None:
    made, unknown = transformed(
        [ONE], [Transformation("calculateField", {}), Transformation("limit", {"limitField": 1})]
    )
    assert (made[0].length, unknown) == (1, ["calculateField"])


def panel(kind: str = "timeseries", **more: Any) -> Panel:
    return Panel(1, "t", kind, Place(), **more)


def test_an_override_counts_more_than_the_default_and_is_for_those_that_it_names() -> None:
    overrides = (
        {"matcher": {"id": "byName", "options": "p95"}, "properties": [{"id": "unit", "value": "ms"}]},
        {"matcher": {"id": "byRegexp", "options": "/^p/"}, "properties": [{"id": "custom.lineWidth", "value": 3}]},
        {"matcher": {"id": "byType", "options": "string"}, "properties": [{"id": "displayName", "value": "name"}]},
    )
    made = panel(defaults={"unit": "short", "custom": {"lineWidth": 1}}, overrides=overrides)
    p95, service = (look_of(made, Field(*each, ())) for each in (("p95", FieldType.NUMBER), ("x", FieldType.STRING)))
    assert (p95.unit, p95.custom("lineWidth"), p95.name) == ("ms", 3, "p95")
    assert (service.unit, service.custom("lineWidth"), service.name) == ("short", 1, "name")


def test_mappings_give_values_words_and_colours() -> None:
    mappings = [
        {"type": "value", "options": {"3": {"text": "critical", "color": "red"}, "true": {"text": "yes"}}},
        {"type": "range", "options": {"from": 10, "to": None, "result": {"text": "many"}}},
        {"type": "regex", "options": {"pattern": "/^a/", "result": {"text": "begins with a"}}},
        {"type": "special", "options": {"match": "null", "result": {"text": "nothing"}}},
    ]
    look = look_of(panel(defaults={"mappings": mappings}), Field("x", FieldType.NUMBER, ()))
    told = [look.shown(value).text for value in (3, 3.0, 11, "abc", None, True, 4, "b")]
    assert told == ["critical", "critical", "many", "begins with a", "nothing", "yes", "4", "b"]
    assert (look.shown(3).colour, look.colour(3)) == ("#F2495C", "#F2495C")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://x.example/?e=${__data.fields.endpoint}", "https://x.example/?e=%2Fa%20b%26c"),
        ('https://x.example/?e=${__data.fields["endpoint"]:percentencode}', "https://x.example/?e=%2Fa%20b%26c"),
        ("https://x.example/?${__url_time_range}", "https://x.example/?from=0&to=3600000"),
        ("/d/soakwatch-service?var-endpoint=${__value.raw}", "#soakwatch-service"),
        ("${__value.raw}", ""),
        ("javascript:alert(1)", ""),
        ("data:text/html,x", ""),
        ("//x.example/", ""),
    ],
)  # fmt: skip
def test_a_link_has_the_rows_values_and_leads_to_the_web_or_to_a_dashboard_of_the_page(url: str, address: str) -> None:
    assert link_of(url, {"endpoint": "/a b&c"}, "/a b&c", {}, HOUR) == address


def test_a_cell_that_is_an_address_is_one_only_if_it_is_of_the_web() -> None:
    values = ("https://github.com/o/r/issues/1", "javascript:alert(1)", "")
    assert [link_of("${__value.raw}", {}, value, {}, HOUR) for value in values] == [values[0], "", ""]


REGIONS = AnsweredSeries(
    "regions",
    ("time", "title", "text", "tags", "end"),
    ((1_000, "slow", "p95", "a,b", 2_000), (3_000, "x", "y", "z", None)),
)


def test_an_events_columns_are_found_as_grafana_finds_them() -> None:
    exact = AnnotationQuery("i", "q", "red", "text", "regions.title", "tags", "regions.end")
    (event,) = events_of(exact, [REGIONS])
    assert (event.time, event.end, event.title, event.text, event.tags) == (1_000, 2_000, "slow", "p95", ("a", "b"))
    # the end must be called as the answer's column is, with the measurement before it
    (loose,) = events_of(AnnotationQuery("i", "q", "red", "text", "title", "tags", "end"), [REGIONS])
    assert (loose.end, loose.title) == (None, "slow")


def drawn(kind: str, answer: list[AnsweredSeries], *, as_table: bool = False, **more: Any) -> Drawing:
    frames = table(answer) if as_table else time_series(answer, "$tag_x")
    return draw(panel(kind, **more), Data(frames, HOUR))


def answered(*values: Cell, x: str = "one") -> AnsweredSeries:
    return AnsweredSeries(
        "m", ("time", "v"), tuple((place * 60_000, value) for place, value in enumerate(values)), {"x": x}
    )


@pytest.mark.parametrize("kind", ["timeseries", "stat", "bargauge", "barchart", "table", "heatmap", "state-timeline"])
def test_no_data_is_nothing_to_see(kind: str) -> None:
    assert drawn(kind, []).is_empty


def test_a_line_goes_on_over_short_gaps_only_where_it_may() -> None:
    custom = {"custom": {"spanNulls": 120_001}}
    figure = drawn("timeseries", [answered(1, None, 2, None, None, 3)], defaults=custom).figure
    assert figure is not None
    assert figure["data"][0]["y"] == [1, 2, None, None, 3]
    # as nullToUndefThreshold.ts of Grafana has it, one that is exactly as long is a gap
    figure = drawn("timeseries", [answered(1, None, 2)], defaults={"custom": {"spanNulls": 120_000}}).figure
    assert figure is not None
    assert figure["data"][0]["y"] == [1, None, 2]


def test_a_state_lasts_until_the_next_one() -> None:
    figure = drawn("state-timeline", [answered(1, 1, 3)]).figure
    assert figure is not None
    (bars,) = figure["data"]
    assert (bars["base"], bars["x"], bars["text"]) == ([0, 120_000], [120_000, 3_480_000], ["1", "3"])


def test_a_number_has_the_colour_of_its_threshold() -> None:
    steps = {"steps": [{"value": None, "color": "green"}, {"value": 10, "color": "red"}]}
    tiles = drawn("stat", [answered(5), answered(15, x="two")], defaults={"thresholds": steps, "unit": "ms"}).tiles
    assert [(tile.name, tile.text, tile.colour) for tile in tiles] == [
        ("one", "5 ms", "#73BF69"), ("two", "15 ms", "#F2495C"),
    ]  # fmt: skip
    assert drawn("stat", [], defaults={"noValue": "-"}).tiles[0].text == "-"


def test_rows_of_a_heat_map_that_are_called_alike_stay_apart() -> None:
    figure = drawn("heatmap", [answered(1, 2), answered(3, 4)]).figure
    assert figure is not None
    assert figure["data"][0]["y"] == ["one", "one'"]


def test_a_table_is_sorted_as_its_panel_is_and_hides_columns() -> None:
    hidden = {"matcher": {"id": "byName", "options": "Time"}, "properties": [{"id": "custom.hidden", "value": True}]}
    options = {"sortBy": [{"displayName": "v", "desc": True}]}
    made = drawn("table", [answered(1, 3, None, 2)], as_table=True, options=options, overrides=(hidden,)).table
    assert made is not None
    assert [cell.text for cell in made.headings] == ["x", "v"]
    assert [row[1].text for row in made.rows] == ["3", "2", "1", ""]


@given(st.text())
def test_nothing_of_a_name_is_markup_or_a_template_to_plotly(name: str) -> None:
    written = for_plotly(name)
    assert not set(written) & set("<>\n")
    assert "%{" not in written
