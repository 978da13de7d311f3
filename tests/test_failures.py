"""A failure is kept as its kind and one message that is fit to be kept, at a bounded cost."""

import time
from typing import Never

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soakwatch.collector.failures import MAX_SAMPLE, kind_of, sample_of


class Answer:
    """Something with a status code, as a response has."""

    def __init__(self, status_code: object) -> None:
        self.status_code = status_code


class HttpError(Exception):
    def __init__(self, response: object) -> None:
        super().__init__("http error")
        self.response = response


class Spiteful(Exception):
    """Nothing of it can be read."""

    @property
    def response(self) -> Never:
        raise RuntimeError("no response")

    def __str__(self) -> str:
        raise RuntimeError("no message")


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
def test_the_kind_of_an_http_error_is_its_status(status: int) -> None:
    assert kind_of(ValueError("bad"), Answer(status)) == f"HTTP {status}"
    assert kind_of(HttpError(Answer(status)), None) == f"HTTP {status}"


@pytest.mark.parametrize("response", [None, Answer(0), Answer(None), Answer(200), Answer("503"), object()])
def test_the_kind_of_any_other_error_is_its_class(response: object) -> None:
    assert kind_of(ConnectionResetError(104, "reset"), response) == "ConnectionResetError"


def test_a_failure_that_is_a_text_has_a_kind_and_a_message_too() -> None:
    assert kind_of("too slow", None) == "str"
    assert sample_of("too slow") == "too slow"


def test_an_exception_that_cannot_be_read_is_a_failure_like_any_other() -> None:
    assert kind_of(Spiteful(), None) == "Spiteful"
    assert sample_of(Spiteful()) == "(no message: RuntimeError)"


@pytest.mark.parametrize(
    "message",
    [
        "GET https://user:hunter2@host/path failed",
        "GET https://user:pa@hunter2@host/path failed",
        "GET https://host/path?session=hunter2&x=hunter2 failed",
        "for url: /login?password=hunter2",
        "401 for Authorization: Bearer hunter2.hunter2-hunter2",
        "sent Basic hunter2==",
        "{'api_key': 'hunter2', 'user': 'me'}",
        '{"password": "hunter2 hunter2", "user": "me"}',
        "login failed: password=hunter2",
        "X-Api-Key: hunter2",
        "access_token = hunter2; scope=all",
        "CLIENT_SECRET:hunter2",
        "my-secret-thing=hunter2",
    ],
)
def test_secrets_are_not_kept(message: str) -> None:
    assert "hunter2" not in sample_of(Exception(message))


def test_what_is_no_secret_is_kept() -> None:
    message = "503 Server Error: Service Unavailable for url: https://shop.example:8443/cart"
    assert sample_of(Exception(message)) == message


def test_addresses_in_memory_do_not_make_two_messages_of_one() -> None:
    assert sample_of(f"<Connection at {0x7F3A:#x}> broke") == sample_of(f"<Connection at {0x7F3B:#x}> broke")


@given(st.text() | st.text(alphabet=st.characters(), min_size=150, max_size=600))
def test_any_message_becomes_one_short_line_that_can_be_stored(message: str) -> None:
    sample = sample_of(message)
    assert len(sample) <= MAX_SAMPLE
    assert sample.splitlines() in ([], [sample])
    sample.encode("utf-8")


@pytest.mark.parametrize(
    "message", ["a-", "token-", "token", "://", "?", "basic ", "password=\"'", "api_key", "0x", "secret: ", "://a@"]
)
def test_no_message_can_hold_up_the_event_loop(message: str) -> None:
    begin = time.perf_counter()
    sample_of(message * 50_000)
    assert time.perf_counter() - begin < 0.5


@given(st.text(min_size=300, max_size=400))
def test_the_name_of_a_kind_is_bounded_too(name: str) -> None:
    kind = type(name.replace("\0", "") or "X", (Exception,), {}) if _is_encodable(name) else ValueError
    assert len(kind_of(kind(), None)) <= 200


def _is_encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
