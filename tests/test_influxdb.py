"""What the InfluxDB store promises beyond the contract, on a real server."""

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from influxd_process import Server
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_server import new_bucket, section_of
from pydantic import SecretStr
from stores import CART, a_run, a_tally, a_window, all_kinds, an_error, contents, over_one_store
from test_influxdb_text import HOSTILE, any_text

from soakwatch.core.errors import StoreRefused, StoreUnavailable
from soakwatch.core.histogram import Histogram
from soakwatch.core.retention import FOR_EVER, Retention
from soakwatch.core.run_series import RunSeries
from soakwatch.core.series import Series
from soakwatch.core.span import Span
from soakwatch.store.influx_buckets import Bucket, BucketChange, Buckets, changes
from soakwatch.store.influx_setup import BucketRights, InfluxSetup, Role
from soakwatch.store.influxdb import InfluxStore
from soakwatch.store.line_protocol import arrival_line, line_of
from soakwatch.store.nanoseconds import to_nanoseconds

pytestmark = pytest.mark.influxdb

HOUR = 3_600
DAY = 86_400.0
NOVEMBER = 1_795_392_000.0
BYTES = re.compile(r"bytes=\d+i,")


@pytest.fixture
def bucket(influxdb: Server) -> Iterator[str]:
    with new_bucket(influxdb) as name:
        yield name


@pytest.fixture
def store(influxdb: Server, bucket: str) -> Iterator[InfluxStore]:
    with InfluxStore.connect(section_of(influxdb, bucket)) as opened:
        yield opened


# What is written and read


def test_more_points_than_go_into_one_request_are_all_stored(store: InfluxStore) -> None:
    errors = [an_error(start=10.0 * number) for number in range(12_001)]
    store.write(errors)
    assert list(store.errors("run")) == errors


def test_one_bad_point_behind_many_good_ones_is_refused_and_the_others_can_be_written(store: InfluxStore) -> None:
    errors = [an_error(start=10.0 * number) for number in range(2_500)]
    with pytest.raises(StoreRefused):
        store.write([*errors, an_error(kind="\ud800")])
    store.write(errors)
    assert list(store.errors("run")) == errors


def test_a_run_with_long_pauses_comes_in_order(store: InfluxStore) -> None:
    starts = [0.0, 10.0, 599.999, 600.0, 86_400.0, 1e6 + 0.5, 1e9, 1e9 + 600.0, 4e9]
    windows = [a_window(start=start) for start in starts]
    store.write(windows[::-1])
    assert list(store.windows("run")) == windows


def test_a_window_that_is_just_being_written_is_read_once_all_of_it_is_there(
    influxdb: Server, bucket: str, store: InfluxStore
) -> None:
    untimed = replace(a_window(start=20.0), min=None, max=None, exemplar=None)
    untimed = replace(untimed, hist=Histogram.of([]), fail_hist=Histogram.of([]))
    whole = [a_window(start=10.0), untimed]
    half = [BYTES.sub("", line_of(window)) for window in whole]
    with InfluxDBClient(influxdb.url, influxdb.token, org=influxdb.org) as client:
        client.write_api(SYNCHRONOUS).write(f"{bucket}_raw", record=half)
    assert list(store.windows("run")) == []
    store.write(whole)
    assert list(store.windows("run")) == whole


def test_a_run_that_an_earlier_version_wrote_goes_on_from_none(
    influxdb: Server, bucket: str, store: InfluxStore
) -> None:
    run = replace(a_run(), continues="another")
    written = line_of(run).replace(',continues="another"', "")
    assert "another" not in written
    with InfluxDBClient(influxdb.url, influxdb.token, org=influxdb.org) as client:
        client.write_api(SYNCHRONOUS).write(bucket, record=written)
    assert store.runs() == [replace(run, continues="")]


@settings(over_one_store, max_examples=40)
@given(st.lists(any_text | st.sampled_from(HOSTILE), min_size=2, max_size=4, unique=True))
def test_whoever_asks_for_a_run_gets_that_run_and_nothing_else(store: InfluxStore, names: list[str]) -> None:
    test = uuid4().hex
    runs = [f"{name}{test}{name}" for name in names]
    for run in runs:
        store.write([a_window(run), a_tally(run), an_error(run)])
    for run in runs:
        assert contents(store, run) == [a_window(run), an_error(run), a_tally(run)]
        assert store.requests_stored(run) == {"a": 3}


def test_a_window_that_lost_its_times_when_it_was_written_again_has_none(store: InfluxStore) -> None:
    untimed = replace(a_window(), failures=0, sum=0.0, fail_sum=0.0, min=None, max=None, exemplar=None)
    untimed = replace(untimed, hist=type(untimed.hist)(), fail_hist=type(untimed.hist)())
    store.write([a_window()])
    store.write([untimed])
    assert list(store.windows("run")) == [untimed]


def test_of_a_run_that_was_condensed_twice_the_one_that_saw_its_beginning_counts(store: InfluxStore) -> None:
    late, whole = (RunSeries(CART, "run", (a_window(source="", start=start),)) for start in (100.0, 90.0))
    store.write([whole])
    store.write([late])
    assert store.run_series("run") == [whole]


def test_nothing_is_lost_where_a_name_looks_like_the_servers_own_files(store: InfluxStore) -> None:
    windows = [a_window(series=replace(CART, endpoint=name)) for name in ("#!~#", "#!~#!~#", "a#!~#count")]
    store.write(windows)
    assert list(store.windows("run")) == windows


# Arrivals are told by the server's clock


def test_what_arrives_after_the_servers_clock_was_ahead_for_a_while_is_told(store: InfluxStore, bucket: str) -> None:
    now = time.time()
    ahead = arrival_line("a", Span(0.0, 10.0)) + f" {to_nanoseconds(now + DAY)}"
    store._connection.write(Buckets.of(bucket, FOR_EVER).raw.name, ahead.encode())
    position = store.arrivals("", now).position
    store.write([a_window(start=NOVEMBER)])
    assert Span(NOVEMBER, NOVEMBER + 10.0) in store.arrivals(position, now + 300.0).spans


# Retention is the server's


@pytest.fixture
def one_hour(influxdb: Server) -> Iterator[InfluxStore]:
    name = f"hour-{uuid4().hex}"
    buckets, retention = Buckets.of(name, Retention(raw=HOUR)), Retention(raw=HOUR)
    with InfluxSetup.connect(section_of(influxdb, name)) as server:
        for change in changes(buckets, []):
            server.apply(change)
        with InfluxStore.connect(section_of(influxdb, name), retention) as store:
            yield store
    delete(influxdb, name)


def test_windows_that_have_expired_are_refused_and_no_roll_up_is_told_of_them(one_hour: InfluxStore) -> None:
    with pytest.raises(StoreRefused, match="outside retention policy"):
        one_hour.write([a_window(start=NOVEMBER - 400 * 86_400)])
    assert one_hour.arrivals("").spans == []


def test_forgetting_is_left_to_the_server(one_hour: InfluxStore) -> None:
    assert one_hour.expire(NOVEMBER) == 0


# Setting up


@pytest.fixture
def name(influxdb: Server) -> Iterator[str]:
    name = f"setup-{uuid4().hex}"
    yield name
    delete(influxdb, name)


def delete(server: Server, name: str) -> None:
    with InfluxDBClient(server.url, server.token, org=server.org) as client:
        for bucket in Buckets.of(name, FOR_EVER):
            found = client.buckets_api().find_bucket_by_name(bucket.name)
            if found is not None:
                client.buckets_api().delete_bucket(found)
        for token in client.authorizations_api().find_authorizations():
            if name in (token.description or ""):
                client.authorizations_api().delete_authorization(token)


def made(server: InfluxSetup, buckets: Buckets) -> None:
    for change in changes(buckets, server.existing(buckets)):
        server.apply(change)


def test_buckets_are_made_with_their_retention_once(influxdb: Server, name: str) -> None:
    buckets = Buckets.of(name, Retention())
    with InfluxSetup.connect(section_of(influxdb, name)) as server:
        made(server, buckets)
        assert server.existing(buckets) == list(buckets)
        assert changes(buckets, server.existing(buckets)) == []
    assert [bucket.keep for bucket in buckets] == [7 * 86_400, 30 * 86_400, 400 * 86_400, None]


@pytest.mark.parametrize("retention", [Retention(HOUR, HOUR, HOUR), FOR_EVER, Retention(raw=60 * 86_400)])
def test_retention_that_was_changed_is_changed_on_the_server(influxdb: Server, name: str, retention: Retention) -> None:
    with InfluxSetup.connect(section_of(influxdb, name)) as server:
        made(server, Buckets.of(name, Retention()))
        made(server, Buckets.of(name, retention))
        assert server.existing(Buckets.of(name, retention)) == list(Buckets.of(name, retention))


def test_what_is_missing_or_different_is_told_apart() -> None:
    wanted, other = Bucket("a", HOUR), Bucket("b", None)
    assert changes([wanted, other], [Bucket("a", 2 * HOUR), Bucket("c", 1)]) == [
        BucketChange(wanted, Bucket("a", 2 * HOUR)),
        BucketChange(other, None),
    ]


def test_a_bucket_keeps_for_an_hour_at_least_because_the_server_cannot_do_less() -> None:
    assert Buckets.of("x", Retention(raw=1.5)).raw == Bucket("x_raw", HOUR)


def test_the_token_of_a_load_generator_can_do_what_a_run_needs_and_no_more(influxdb: Server, name: str) -> None:
    rights, token = token_for(influxdb, name, Role.WRITER)
    assert rights == [
        BucketRights(f"{name}_raw", exists=True, reads=True, writes=True),
        BucketRights(f"{name}_1m", exists=True, reads=False, writes=False),
        BucketRights(f"{name}_10m", exists=True, reads=False, writes=True),
        BucketRights(name, exists=True, reads=False, writes=True),
    ]
    section = section_of(influxdb, name).model_copy(update={"token": token})
    now = InfluxSetup.connect(section).server_time()
    with InfluxStore.connect(section) as store:
        store.write([a_window(start=now), *all_kinds()[3:4], replace(a_tally(), at=now)])
        assert store.requests_stored("run") == {"a": 3}
        assert [tally.source for tally in store.tallies("run")] == ["a"]
        with pytest.raises(StoreUnavailable, match="does not see it"):
            store.runs()


def test_the_token_of_a_daemon_reads_and_writes_all_buckets_and_makes_none(influxdb: Server, name: str) -> None:
    rights, token = token_for(influxdb, name, Role.DAEMON)
    assert [(right.reads, right.writes) for right in rights] == [(True, True)] * 4
    section = section_of(influxdb, name).model_copy(update={"token": token})
    with InfluxSetup.connect(section) as server, pytest.raises(StoreUnavailable, match="all-access token"):
        server.apply(BucketChange(Bucket(f"{name}_other", HOUR), None))


def test_the_token_of_dashboards_reads_all_buckets_in_either_language_and_writes_none(
    influxdb: Server, name: str
) -> None:
    rights, token = token_for(influxdb, name, Role.READER)
    assert [(right.reads, right.writes) for right in rights] == [(True, False)] * 4
    with InfluxStore.connect(section_of(influxdb, name)) as store:
        store.write([replace(a_run(), start=time.time())])
    queries = f'SELECT count("users") FROM "{name}".."runs"; SHOW DATABASES'  # noqa: S608  (InfluxQL)
    answer = requests.post(
        f"{influxdb.url}/query",
        params={"db": f"{name}_raw", "q": queries},
        headers={"Authorization": f"Token {token.get_secret_value()}"},
        timeout=30,
    ).json()
    counted, databases = (result["series"] for result in answer["results"])
    assert [series["values"][0][1] for series in counted] == [1]
    assert sorted(value for series in databases for (value,) in series["values"]) == sorted(
        bucket.name for bucket in Buckets.of(name, Retention())
    )


def token_for(influxdb: Server, name: str, role: Role) -> tuple[list[BucketRights], SecretStr]:
    """A new token, and what it may do."""
    buckets = Buckets.of(name, Retention())
    with InfluxSetup.connect(section_of(influxdb, name)) as server:
        made(server, buckets)
        token = server.create_token(role, buckets)
    with InfluxSetup.connect(section_of(influxdb, name).model_copy(update={"token": token})) as server:
        return server.rights(buckets), token


def test_looking_for_rights_writes_nothing(influxdb: Server, name: str) -> None:
    buckets = Buckets.of(name, Retention())
    with InfluxSetup.connect(section_of(influxdb, name)) as server:
        assert [(right.exists, right.writes) for right in server.rights(buckets)] == [(False, False)] * 4
        made(server, buckets)
        server.rights(buckets)
    with InfluxDBClient(influxdb.url, influxdb.token, org=influxdb.org) as client:
        query = f'from(bucket: "{name}_raw") |> range(start: 0)'
        assert client.query_api().query(query) == []


def test_the_server_says_its_version_and_its_time_to_anybody(influxdb: Server) -> None:
    section = section_of(influxdb, "any").model_copy(update={"token": SecretStr("unknown")})
    with InfluxSetup.connect(section) as server:
        assert server.version().startswith("v2.")
        assert server.server_time() > NOVEMBER - 86_400 * 365 * 20


def test_names_that_have_to_be_quoted_are_told_apart(store: InfluxStore) -> None:
    names = ["a,b", '"q"', " lead", "trail ", "", "ü", "a=b", "#x", "_result", "\n"]
    errors = [replace(an_error(), series=Series("perf", "soak", name, "GET", name)) for name in names]
    store.write(errors)
    assert sorted(error.series for error in store.errors("run")) == sorted(error.series for error in errors)
