"""Variables of a dashboard: which values there are, and which is chosen.

The cases of regular expressions are of packages/scenes/src/variables/variants/query/utils.test.ts.
"""

from collections.abc import Sequence

import pytest

from soakwatch.core.errors import UsageError
from soakwatch.grafana.dashboard_model import Variable
from soakwatch.grafana.influxql import AnsweredSeries
from soakwatch.grafana.interpolation import Asked
from soakwatch.grafana.time_range import TimeRange
from soakwatch.grafana.value_formats import Choice
from soakwatch.grafana.variable_options import Option, listed_options, options_of
from soakwatch.grafana.variable_values import choose, given_choices, resolve

ASKED = Asked(TimeRange(1_700_000_000_000, 1_700_003_600_000))
NOW = 1_800_000_000_000
ENDPOINT = Variable("endpoint", "query", multi=True, include_all=True, all_value=r"\*")
OPTIONS = [Option("/a", "/a"), Option("/b", "/b")]


@pytest.mark.parametrize(
    ("regex", "values"),
    [
        ("", ["soak_10m", "soak", "other_10m"]),
        ("/^(.+)_10m$/", ["soak", "other"]),
        ("/_10m$/", ["soak_10m", "other_10m"]),
        ("soak.*", ["soak_10m", "soak"]),
        ("/^SOAK/i", ["soak_10m", "soak"]),
        ("/^(?<value>[^_]+)_(?<text>.+)$/", ["soak", "other"]),
        ("/nothing/", []),
    ],
)
def test_a_regular_expression_chooses_and_cuts_values(regex: str, values: list[str]) -> None:
    assert [option.value for option in options_of(["soak_10m", "soak", "other_10m"], regex, 0)] == values


def test_named_groups_make_a_text_for_people() -> None:
    assert options_of(["1 one", "2 two"], r"/(?<value>\d+) (?<text>\w+)/", 0) == [
        Option("1", "one"),
        Option("2", "two"),
    ]
    assert options_of(["a1b2"], r"/(\d)/g", 0) == [Option("1", "1"), Option("2", "2")]


@pytest.mark.parametrize(
    ("sort", "values"),
    [
        (0, ["b10", "B2", "a1", "b1"]),
        (1, ["B2", "a1", "b1", "b10"]),
        (2, ["b10", "b1", "a1", "B2"]),
        (3, ["a1", "b1", "B2", "b10"]),
        (4, ["b10", "B2", "b1", "a1"]),
        (5, ["a1", "b1", "b10", "B2"]),
        (7, ["a1", "b1", "B2", "b10"]),
    ],
)
def test_values_are_sorted_in_each_of_grafanas_ways(sort: int, values: list[str]) -> None:
    assert [option.value for option in options_of(["b10", "B2", "a1", "b1", "b10"], "", sort)] == values


def test_a_list_of_ones_own_may_have_texts() -> None:
    assert listed_options(r"p50, slow : p95,a\,b") == [
        Option("p50", "p50"),
        Option("p95", "slow"),
        Option("a,b", "a,b"),
    ]


@pytest.mark.parametrize(
    ("variable", "given", "choice"),
    [
        (Variable("x", "query"), (), Choice("/a", text="/a")),
        (Variable("x", "query", current=("/b",)), (), Choice("/b", text="/b")),
        (Variable("x", "query", current=("gone",)), (), Choice("/a", text="/a")),
        (Variable("x", "query"), ("unheard of",), Choice("unheard of", text="unheard of")),
        (ENDPOINT, (), Choice(r"\*", multi=True, verbatim=True, text="All")),
        (ENDPOINT, ("All",), Choice(r"\*", multi=True, verbatim=True, text="All")),
        (ENDPOINT, ("/b", "/a"), Choice(("/b", "/a"), multi=True, text="/b + /a")),
        (Variable("x", "query", multi=True), (), Choice(("/a",), multi=True, text="/a")),
        (Variable("x", "query", multi=True, include_all=True), (), Choice(("/a", "/b"), multi=True, text="All")),
        (Variable("x", "query", include_all=True, current=("$__all",)), (), Choice(("/a", "/b"), text="All")),
    ],
)
def test_what_was_given_counts_more_than_what_was_saved_and_that_more_than_the_first(
    variable: Variable, given: tuple[str, ...], choice: Choice
) -> None:
    assert choose(variable, OPTIONS, given) == choice


def test_without_any_value_a_variable_is_empty() -> None:
    assert choose(Variable("x", "query"), []).value == ""
    assert choose(Variable("x", "query", multi=True), []).value == ()


def asked_queries(*variables: Variable) -> list[str]:
    queries: list[str] = []

    def ask(query: str) -> Sequence[AnsweredSeries]:
        queries.append(query)
        return [AnsweredSeries("m", ("time", "v"), ((0, 600), (0, 10.5), (0, True), (0, None)))]

    resolve(variables, ask, ASKED, NOW)
    return queries


def test_a_variable_is_asked_with_those_that_it_refers_to_wherever_they_stand() -> None:
    inner, outer = Variable("inner", "query", "SELECT $outer"), Variable("outer", "constant", "1")
    assert asked_queries(inner, outer) == ["SELECT 1"]
    first, second = Variable("a", "query", "$b"), Variable("b", "query", "$a")
    assert len(asked_queries(first, second)) == 2


def test_a_variable_that_does_not_follow_the_time_is_asked_for_the_last_six_hours() -> None:
    still, moving = (Variable("x", "query", "$timeFilter $__to", follows_time=follows) for follows in (False, True))
    assert asked_queries(still) == [f"time >= {NOW - 21_600_000}ms and time <= {NOW}ms 1700003600000"]
    assert asked_queries(moving) == ["time >= 1700000000000ms and time <= 1700003600000ms 1700003600000"]


def test_numbers_and_truths_are_values_as_grafana_writes_them() -> None:
    values = resolve(
        [Variable("x", "query", "q", multi=True, include_all=True)],
        lambda _: [AnsweredSeries("m", ("time", "v"), ((0, 600), (0, 10.5)))],
        ASKED,
        NOW,
    )
    assert values["x"].value == ("600", "10.5")


def test_values_are_given_by_name_as_often_as_one_likes() -> None:
    assert given_choices(["env=a", "endpoint=/x=1", "endpoint=/y"]) == {"env": ["a"], "endpoint": ["/x=1", "/y"]}
    with pytest.raises(UsageError, match="NAME=VALUE"):
        given_choices(["env"])
