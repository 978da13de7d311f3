"""Queries as Grafana sends them: cases from its documentation, its code and its own tests.

[formats] https://grafana.com/docs/grafana/latest/dashboards/variables/variable-syntax/, and scenes'
formatRegistry.test.ts
[influxdb] public/app/plugins/datasource/influxdb/datasource.ts: interpolateQueryExpr
[server] pkg/tsdb/influxdb/models/query.go
[interval] packages/grafana-data/src/datetime/rangeutil.ts
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from influxd_process import Server
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write.point import Point
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_server import new_bucket, section_of

from soakwatch.core.errors import StoreRefused, StoreUnavailable, UsageError
from soakwatch.grafana.influxql import Influxql
from soakwatch.grafana.interpolation import Asked, interpolate, interpolate_query, references
from soakwatch.grafana.interval import interval_of, milliseconds_of, written
from soakwatch.grafana.time_range import TimeRange
from soakwatch.grafana.value_formats import Choice

HOUR = 3_600_000
ASKED = Asked(TimeRange(1_700_000_000_000, 1_700_003_600_000), 10_000)
NOW = datetime(2026, 11, 18, 13, 45, 30, tzinfo=UTC).timestamp()
"""A Wednesday."""

SELECTED = 'SELECT n FROM "$m" WHERE $timeFilter AND called CONDITION GROUP BY called'

ONE = Choice("a.b")
MANY = Choice(("a.b", "c|d"), multi=True)
ALONE = Choice(("a.b",), multi=True)
ALL = Choice(r"\*", multi=True, verbatim=True)


@pytest.mark.parametrize(
    ("form", "one", "many"),
    [  # [formats]
        ("regex", r"a\.b", r"(a\.b|c\|d)"),
        ("raw", "a.b", "a.b,c|d"),
        ("pipe", "a.b", "a.b|c|d"),
        ("csv", "a.b", "a.b,c|d"),
        ("glob", "a.b", "{a.b,c|d}"),
        ("singlequote", "'a.b'", "'a.b','c|d'"),
        ("doublequote", '"a.b"', '"a.b","c|d"'),
        ("percentencode", "a.b", "%7Ba.b%2Cc%7Cd%7D"),
        ("text", "a.b", "a.b + c|d"),
        ("unheard-of", "a.b", "{a.b,c|d}"),
    ],
)
def test_a_value_is_written_in_the_format_that_its_reference_names(form: str, one: str, many: str) -> None:
    assert interpolate(f"<${{x:{form}}}>", {"x": ONE}) == f"<{one}>"
    assert interpolate(f"<${{x:{form}}}>", {"x": MANY}) == f"<{many}>"
    alone = "%7Ba.b%7D" if form == "percentencode" else one
    assert interpolate(f"<${{x:{form}}}>", {"x": ALONE}) == f"<{alone}>"


@pytest.mark.parametrize(
    ("form", "value", "text"),
    [
        ("regex", "/a[0]{1}^$\\?+*()", r"\/a\[0\]\{1\}\^\$\\\?\+\*\(\)"),
        ("singlequote", "it's", r"'it\'s'"),
        ("doublequote", 'a"b', r'"a\"b"'),
        ("percentencode", "foo()bar BAZ'!*", "foo%28%29bar%20BAZ%27%21%2A"),
    ],
)
def test_what_a_format_must_escape_is_escaped(form: str, value: str, text: str) -> None:
    assert interpolate(f"${{x:{form}}}", {"x": Choice(value)}) == text


@pytest.mark.parametrize("reference", ["$x", "${x}", "[[x]]", "${x:raw}", "[[x:raw]]"])
def test_a_variable_is_referred_to_in_each_of_grafanas_ways(reference: str) -> None:
    assert interpolate(f"a {reference} b", {"x": Choice("1")}) == "a 1 b"
    assert references(f"a {reference} b") == {"x"}


def test_what_nobody_knows_is_left_as_it_is() -> None:
    text = "$unknown ${unknown:regex} [[unknown]] $ ${} $__range"
    assert interpolate_query(text, {"known": ONE}, ASKED) == text


def test_a_name_goes_as_far_as_letters_digits_and_underscores_do() -> None:
    assert interpolate('"$bucket_10m".."$bucket-x"', {"bucket": Choice("b")}) == '"$bucket_10m".."b-x"'
    assert interpolate('"${bucket}_10m"', {"bucket": Choice("b")}) == '"b_10m"'


@pytest.mark.parametrize(
    ("query", "choice", "text"),
    [  # [influxdb]
        ("x =~ /^$x$/", MANY, r"x =~ /^(a\.b|c\|d)$/"),
        ("x =~ /^$x$/", ALONE, r"x =~ /^(a\.b)$/"),
        ("x = '$x'", MANY, r"x = '(a\.b|c\|d)'"),
        ("x = '$x'", ONE, "x = 'a.b'"),
        ("x = '${x}' and y =~ /z/", ONE, "x = 'a.b' and y =~ /z/"),
        ("x =~ /^$x$/", ONE, r"x =~ /^a\.b$/"),
        ("x =~ /^${x}$/", ONE, "x =~ /^a.b$/"),
        ("x =~ /^${x:regex}$/", ONE, r"x =~ /^a\.b$/"),
        ("a / $x / b", ONE, r"a / a\.b / b"),
        ("x =~ /^$x$/", Choice("10.5"), "x =~ /^10.5$/"),
        ("x =~ /^$x$/", Choice("5xx.html"), "x =~ /^5xx.html$/"),
        ("x =~ /^$x$/", ALL, r"x =~ /^\*$/"),
        ("x =~ /^${x:regex}$/", ALL, r"x =~ /^\*$/"),
    ],
)
def test_without_a_format_a_query_gets_what_the_influxdb_data_source_makes_of_it(
    query: str, choice: Choice, text: str
) -> None:
    assert interpolate_query(query, {"x": choice}, ASKED) == text


@pytest.mark.parametrize(
    ("query", "text"),
    [  # [server]
        ("WHERE $timeFilter", "WHERE time >= 1700000000000ms and time <= 1700003600000ms"),
        ("time($__interval) $__interval_ms", "time(10s) 10000"),
        ("time(${__interval}) ${__interval_ms}", "time(10s) 10000"),
        ("time($interval)", "time(10s)"),
        ("${__to} - ${__from}", "1700003600000 - 1700000000000"),
        ("$__to-$__from", "1700003600000-1700000000000"),
    ],
)
def test_macros_become_the_range_and_the_interval(query: str, text: str) -> None:
    assert interpolate_query(query, {}, ASKED) == text


@pytest.mark.parametrize(
    ("length", "points", "at_least", "text"),
    [  # [interval]
        (HOUR, 1_000, "", "5s"),
        (HOUR, 1_000, "10s", "10s"),
        (HOUR, 1_000, ">1m", "1m"),
        (6 * HOUR, 1_000, "10s", "20s"),
        (24 * HOUR, 800, "", "2m"),
        (28 * 24 * HOUR, 800, "", "1h"),
        (400 * 24 * HOUR, 400, "", "1d"),
        (1_000, 1_000, "", "1ms"),
        (14 * 1_000, 1_000, "", "10ms"),
    ],
)
def test_a_panel_has_about_as_many_points_as_it_has_room_for(
    length: int, points: int, at_least: str, text: str
) -> None:
    assert written(interval_of(TimeRange(0, length), points, at_least)) == text


@pytest.mark.parametrize(("text", "length"), [("90", 90_000), ("1.5h", HOUR), ("200ms", 200), ("2M", 5_184_000_000)])
def test_an_interval_is_read_as_grafana_reads_it(text: str, length: int) -> None:
    assert milliseconds_of(text) == length


@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [
        ("now-6h", "now", "2026-11-18T07:45:30", "2026-11-18T13:45:30"),
        ("now/d", "now/d", "2026-11-18T00:00:00", "2026-11-18T23:59:59.999"),
        ("now-1d/d", "now-1d/d", "2026-11-17T00:00:00", "2026-11-17T23:59:59.999"),
        ("now/w", "now", "2026-11-15T00:00:00", "2026-11-18T13:45:30"),
        ("now-1M/M", "now/Q", "2026-10-01T00:00:00", "2026-12-31T23:59:59.999"),
        ("now-1y", "now+5m", "2025-11-18T13:45:30", "2026-11-18T13:50:30"),
        ("2026-11-01", "2026-11-02T03:04:05+01:00", "2026-11-01T00:00:00", "2026-11-02T02:04:05"),
        ("1700000000000", "now/h", "2023-11-14T22:13:20", "2026-11-18T13:59:59.999"),
    ],
)
def test_a_time_range_is_read_as_the_time_picker_reads_it(start: str, end: str, first: str, last: str) -> None:
    read = TimeRange.between(start, end, NOW)
    assert [read.start, read.end] == [
        round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000) for text in (first, last)
    ]


@pytest.mark.parametrize(
    ("start", "end"), [("yesterday", "now"), ("now", "now-1h"), ("now-1x", "now"), ("now-9e9y", "now")]
)
def test_a_time_range_that_is_none_says_what_would_be_one(start: str, end: str) -> None:
    with pytest.raises(UsageError, match="--from"):
        TimeRange.between(start, end, NOW)


@pytest.fixture(scope="module")
def tagged(influxdb: Server) -> Iterator[tuple[Server, str]]:
    with new_bucket(influxdb) as bucket:
        yield influxdb, bucket


@pytest.mark.influxdb
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.lists(
        st.text(st.characters(exclude_categories=["C", "Zl", "Zp"], exclude_characters="\\"), min_size=1, max_size=8),
        min_size=2,
        max_size=4,
        unique=True,
    )
)
def test_a_regex_of_values_selects_just_these(tagged: tuple[Server, str], values: list[str]) -> None:
    server, bucket = tagged
    measurement = f"m{uuid4().hex}"
    start = ASKED.range.start
    points = [Point(measurement).tag("called", each).field("n", 1).time(start, WritePrecision.MS) for each in values]
    with InfluxDBClient(server.url, server.token, org=server.org) as client:
        client.write_api(write_options=SYNCHRONOUS).write(bucket, record=points)
    influxql = Influxql(section_of(server, bucket))
    one, many = Choice(values[0]), Choice(tuple(values[1:]), multi=True)
    for condition, choice in (("=~ /^${x:regex}$/", one), ("=~ /^${x:regex}$/", many), ("= ${x:singlequote}", one)):
        query = SELECTED.replace("CONDITION", condition)
        found = influxql.ask(interpolate_query(query, {"x": choice, "m": Choice(measurement)}, ASKED))
        assert {series.tags["called"] for series in found} == set(choice.values)
    influxql.close()


@pytest.mark.influxdb
def test_a_query_that_is_wrong_says_in_one_sentence_what_influxdb_has_against_it(tagged: tuple[Server, str]) -> None:
    influxql = Influxql(section_of(*tagged))
    for query in ("SELECT FROM x", "SELECT n FROM nowhere..x", "DROP DATABASE x"):
        with pytest.raises(StoreRefused, match="the query is refused") as refused:
            influxql.ask(query)
        assert "\n" not in str(refused.value)
    influxql.close()


@pytest.mark.influxdb
def test_a_token_that_is_unknown_and_a_server_that_is_away_are_told_apart(tagged: tuple[Server, str]) -> None:
    section = section_of(*tagged)
    stranger = section_of(Server(section.url, section.org, "unknown-token"), section.bucket)
    with pytest.raises(StoreUnavailable, match="token") as unknown:
        Influxql(stranger).ask("SHOW DATABASES")
    assert "unknown-token" not in str(unknown.value)
    with pytest.raises(StoreUnavailable, match="nothing answers"):
        Influxql(section_of(Server("http://127.0.0.1:1", "org", "token"), "b")).ask("SHOW DATABASES")
