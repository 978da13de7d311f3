"""What people are told when InfluxDB has troubles, and what they must never be told."""

import logging
import traceback
from collections.abc import Callable

import pytest
from locust_runs import free_port
from pydantic import SecretStr
from scripted_server import Answer, Script, black_hole, scripted
from stores import CART, a_load, a_run, a_window

from soakwatch.core.errors import StoreError, StoreRefused, StoreUnavailable
from soakwatch.core.roll_up import TEN_MINUTES
from soakwatch.core.span import Span
from soakwatch.core.store_settings import StoreKind, StoreSection
from soakwatch.store.contract import Column
from soakwatch.store.influxdb import InfluxStore

TOKEN = "a-token-that-nobody-may-see-0123456789"  # noqa: S105  (so that it can be looked for)


def store_at(url: str, timeout: float = 5.0) -> InfluxStore:
    return InfluxStore.connect(
        StoreSection(kind=StoreKind.INFLUXDB, url=url, bucket="load", token=SecretStr(TOKEN), timeout=timeout)
    )


def trouble_of(store: InfluxStore, act: Callable[[InfluxStore], object]) -> StoreError:
    with store, pytest.raises(StoreError) as caught:
        act(store)
    return caught.value


def write(store: InfluxStore) -> None:
    store.write([a_window()])


def read(store: InfluxStore) -> None:
    store.runs()


def said(message: str, code: str = "x") -> bytes:
    return f'{{"code": "{code}", "message": "{message}"}}'.encode()


@pytest.mark.parametrize("act", [write, read])
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(401, said("unauthorized access")), "does not know the token; set SOAKWATCH_STORE__TOKEN"),
        (Answer(403, said("insufficient permissions for write")), "`soakwatch init --tokens`"),
        (Answer(404, said("bucket not found")), "`soakwatch init --store influxdb`"),
        (Answer(429), "fewer requests"),
        (Answer(500, b"<html>it broke</html>"), "500 Internal Server Error"),
        (Answer(503), "503 Service Unavailable"),
        (Answer(301, headers={"Location": "http://elsewhere"}), "301 Moved Permanently"),
        (Answer(599), "599"),
    ],
    ids=lambda value: str(value.status) if isinstance(value, Answer) else "",
)
def test_a_trouble_that_may_pass_says_where_and_what_to_do(
    act: Callable[[InfluxStore], None], answer: Answer, words: str
) -> None:
    with scripted(answer) as server:
        trouble = trouble_of(store_at(server.url), act)
        assert isinstance(trouble, StoreUnavailable)
        assert server.url in str(trouble)
        assert "'load" in str(trouble)
        assert words in str(trouble)


@pytest.mark.parametrize("act", [write, read])
@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_the_server_refuses_is_refused_with_its_words_in_short(
    act: Callable[[InfluxStore], None], status: int
) -> None:
    with scripted(Answer(status, said("unable to parse " + "x y " * 9_000))) as server:
        trouble = trouble_of(store_at(server.url), act)
        assert isinstance(trouble, StoreRefused)
        assert "unable to parse" in str(trouble)
        assert len(str(trouble)) < 500


@pytest.mark.parametrize("status", [400, 422])
def test_what_is_no_influxdb_refuses_nothing_for_good(status: int) -> None:
    words = b"Client sent an HTTP request to an HTTPS server.\n"
    with scripted(Answer(status, words)) as server:
        trouble = trouble_of(store_at(server.url), write)
        assert isinstance(trouble, StoreUnavailable)
        assert "look at store.url" in str(trouble)


def test_an_organisation_that_is_missing_is_nothing_wrong_with_the_question() -> None:
    words = 'failed to decode request body: organization name \\"soakwatch\\" not found'
    with scripted(Answer(400, said(words))) as server:
        assert isinstance(trouble_of(store_at(server.url), read), StoreUnavailable)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "17"}, 17.0),
        ({"Retry-After": "1.5"}, 1.5),
        ({"Retry-After": "Mon, 23 Nov 2026 10:00:30 GMT", "Date": "Mon, 23 Nov 2026 10:00:00 GMT"}, 30.0),
        ({"Retry-After": "Mon, 23 Nov 2026 09:00:00 GMT", "Date": "Mon, 23 Nov 2026 10:00:00 GMT"}, 0.0),
        ({"Retry-After": "Mon, 23 Nov 2026 10:00:30 GMT"}, None),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_how_long_the_server_wants_to_be_left_alone_is_passed_on(
    status: int, headers: dict[str, str], seconds: float | None
) -> None:
    with scripted(Answer(status, headers=headers)) as server:
        trouble = trouble_of(store_at(server.url), write)
        assert isinstance(trouble, StoreUnavailable)
        assert trouble.retry_after == seconds


@pytest.mark.parametrize("act", [write, read])
def test_nothing_there_is_said_so(act: Callable[[InfluxStore], None]) -> None:
    trouble = trouble_of(store_at(f"http://127.0.0.1:{free_port()}"), act)
    assert isinstance(trouble, StoreUnavailable)
    assert "nothing answers there" in str(trouble)


@pytest.mark.parametrize("act", [write, read])
def test_a_server_that_never_answers_is_waited_for_no_longer_than_the_timeout(
    act: Callable[[InfluxStore], None],
) -> None:
    with black_hole() as url:
        trouble = trouble_of(store_at(url, timeout=0.3), act)
        assert isinstance(trouble, StoreUnavailable)
        assert "store.timeout" in str(trouble)


def test_an_answer_that_breaks_off_is_not_taken_for_the_whole() -> None:
    rows = b",result,table,_time,_value,_field,env\r\n,_result,0,2026-11-23T00:00:00Z,1,count,x\r\n"
    with scripted(Answer(200, rows, cut=True)) as server:
        assert isinstance(trouble_of(store_at(server.url), read), StoreUnavailable)


def test_an_answer_that_ends_with_an_error_is_not_taken_for_the_whole() -> None:
    rows = b",result,table,_time,_value,_field,env,run,test\r\n,_result,0,2026-11-23T00:00:00Z,1,users,x,y,z\r\n\r\n"
    error = b",error,reference\r\n,memory allocation limit reached,897\r\n"
    with scripted(Answer(200, rows + error)) as server:
        assert isinstance(trouble_of(store_at(server.url), read), StoreUnavailable)


def test_something_else_that_takes_what_is_written_is_not_taken_for_a_store() -> None:
    with scripted(Answer(200, b"welcome")) as server:
        trouble = trouble_of(store_at(server.url), write)
        assert isinstance(trouble, StoreUnavailable)
        assert "no InfluxDB" in str(trouble)


def test_a_trouble_reads_the_same_from_try_to_try() -> None:
    first = Answer(503, said("request 1 at 10:00"), {"X-Request-Id": "1", "Retry-After": "3"})
    second = Answer(503, said("request 2 at 10:01"), {"X-Request-Id": "2", "Retry-After": "4"})
    with scripted(first, second) as server:
        assert len({str(trouble_of(store_at(server.url), write)) for _ in range(2)}) == 1


@pytest.mark.parametrize(
    "refused",
    [
        a_window(series=type(CART)("perf", "soak", "cart", "GET", "\ud800")),
        a_run(start=float("nan")),
        a_run(start=1e300),
        a_load(users=2**70),
    ],
    ids=["half a pair", "no number", "a time far away", "a large number"],
)
def test_nothing_at_all_is_sent_when_one_point_cannot_be(refused: object) -> None:
    with scripted(Answer()) as server, store_at(server.url) as store:
        with pytest.raises(StoreRefused):
            store.write([a_window(), refused])  # type: ignore[list-item]
        assert server.received == []


def every_trouble(server: Script) -> list[Callable[[InfluxStore], object]]:
    del server.received[:]
    return [
        write,
        read,
        lambda store: list(store.windows("run")),
        lambda store: store.history(TEN_MINUTES, Span(0, 1), [Column.P95]),
        lambda store: store.set_position("pass", "here"),
        lambda store: store.arrivals(""),
    ]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 429, 500, 503])
def test_the_token_is_in_no_error_log_or_traceback(status: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shown = []
    echo = {"X-Your-Authorization": f"Token {TOKEN}"}
    with scripted(Answer(status, said("no"), echo)) as server:
        for act in every_trouble(server):
            store = store_at(server.url)
            trouble = trouble_of(store, act)
            shown += [str(trouble), repr(trouble), repr(store), "".join(traceback.format_exception(trouble))]
    assert TOKEN not in "".join(shown)
    assert "X-Your-Authorization" not in "".join(shown)
    assert TOKEN not in caplog.text
