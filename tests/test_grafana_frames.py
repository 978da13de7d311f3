"""Frames: how Grafana shows what InfluxDB answers (pkg/tsdb/influxdb/influxql/buffered/response_parser_test.go)."""

import pytest

from soakwatch.grafana.frames import FieldType, table, time_series
from soakwatch.grafana.influxql import AnsweredSeries

ROWS = ((1_000, 1.5, "a"), (2_000, None, "b"))


def answered(name: str = "cpu.load", **tags: str) -> AnsweredSeries:
    return AnsweredSeries(name, ("time", "mean", "host"), ROWS, tags)


def test_each_column_of_each_series_becomes_a_time_series_of_its_own() -> None:
    frames = time_series([answered(), answered(env="b")], ref="A")
    assert [frame.name for frame in frames] == [
        "cpu.load.mean", "cpu.load.host", "cpu.load.mean { env: b }", "cpu.load.host { env: b }",
    ]  # fmt: skip
    moments, values = frames[0].fields
    assert (moments.name, moments.type, moments.values) == ("Time", FieldType.TIME, (1_000, 2_000))
    assert (values.type, values.values, frames[1].fields[1].type) == (FieldType.NUMBER, (1.5, None), FieldType.STRING)
    assert (frames[2].fields[1].labels, frames[0].ref) == ({"env": "b"}, "A")


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("$tag_env", "prod"),
        ("$tag_env $col of $m", "prod mean of cpu.load"),
        ("$measurement", "cpu.load"),
        ("[[tag_env]] [[col]]", "prod mean"),
        ("$0/$1/$2", "cpu/load/$2"),
        ("$tag_missing", "$tag_missing"),
        ("p95 $", "p95 $"),
        ("$tag_env-p95", "$tag_env-p95"),  # a hyphen belongs to the name
        ("[[tag_env]]-p95", "prod-p95"),
        ("$other", "$other"),
        ("p95", "p95"),
    ],
)
def test_an_alias_names_a_series_by_its_tags_and_column(alias: str, name: str) -> None:
    assert time_series([answered(env="prod")], alias)[0].name == name


def test_what_a_tag_holds_is_not_taken_for_an_alias_again() -> None:
    assert time_series([answered(env=r"$col \1 [[m]]")], "$tag_env")[0].name == r"$col \1 [[m]]"


def test_a_table_has_the_tags_between_the_time_and_the_columns() -> None:
    (frame,) = table([answered(service="x", env="a"), answered(service="y", env="b")])
    assert [field.name for field in frame.fields] == ["Time", "env", "service", "mean", "host"]
    assert [field.values for field in frame.fields] == [
        (1_000, 2_000, 1_000, 2_000), ("a", "a", "b", "b"), ("x", "x", "y", "y"),
        (1.5, None, 1.5, None), ("a", "b", "a", "b"),
    ]  # fmt: skip
    assert frame.length == 4


def test_nothing_found_is_no_frame() -> None:
    assert table([]) == time_series([]) == []
    (frame,) = time_series([AnsweredSeries("m", ("time", "n"), ((1, None),))])
    assert frame.fields[1].type is FieldType.NUMBER


def test_what_is_listed_has_no_time() -> None:
    tags = AnsweredSeries("requests", ("key", "value"), (("env", "prod"), ("env", "staging")))
    databases = AnsweredSeries("databases", ("name",), (("a_10m",), ("a",)))
    assert [frame.fields[0].values for frame in time_series([tags, databases])] == [("prod", "staging"), ("a_10m", "a")]
