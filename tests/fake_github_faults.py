"""Faults: what GitHub, or the way to it, does to a request on a bad day."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from fake_github_json import refusal


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came in, and the status it was answered with: None when none was sent.

    `path` is without the query and as it was sent, quoted; `body` is the JSON, None where there was none.
    """

    method: str
    path: str
    query: Mapping[str, str]
    body: Any = None
    status: int | None = None
    fault: str = ""

    @property
    def is_write(self) -> bool:
        return self.method != "GET"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back."""

    status: int
    content: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Ending(Enum):
    """How the client sees it end."""

    ANSWERED = auto()
    CLOSED = auto()
    """The connection is closed without a byte."""
    SILENT = auto()
    """Nothing comes, and the connection stays open until the client has enough or the fake closes."""
    BROKEN = auto()
    """An answer that is whole to HTTP, and whose JSON ends in the middle."""
    CUT = auto()
    """The connection is closed in the middle of the answer."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One request's fault.

    `is_done` says whether GitHub does what was asked before the fault, so that a client that is told of an error, or
    of nothing, cannot know. `answer` is sent in place of the real one.
    """

    name: str
    is_done: bool
    ending: Ending = Ending.ANSWERED
    answer: Answer | None = None


Faults = Callable[[Asked], Fault | None]
"""Is asked once for every request, before anything is done with it; None is a good day.

It may let a person act first: that is how one tests what happens between two requests of a client.
"""


def healthy(_: Asked) -> Fault | None:
    """A good day."""
    return None


def unavailable(status: int = 503, *, is_done: bool = False) -> Fault:
    """500, 502 or 503 from the servers in front, which is a page and no JSON."""
    page = b"<html><body>Unicorn! We had issues producing the response to your request.</body></html>"
    done = "after" if is_done else "before"
    return Fault(f"{status} {done}", is_done, answer=Answer(status, page, {"content-type": "text/html"}))


def rate_limited(reset: float) -> Fault:
    """The primary limit until `reset`, in seconds since 1970 (docs.github.com/en/rest/using-the-rest-api/rate-limits-
    for-the-rest-api, "Exceeding the rate limit"): 403 or 429, x-ratelimit-remaining 0.
    """
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-used": "5000", "x-ratelimit-reset": str(int(reset))}
    message = "API rate limit exceeded for user ID 7. If you reach out to GitHub Support for help, please tell them."
    return Fault("rate limited", is_done=False, answer=_refusal(403, message, headers))


def slowed_down(retry_after: int | None = 60, status: int = 403) -> Fault:
    """A secondary limit: 403 or 429, with retry-after or, None, without (the same page); too much at once."""
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    message = (
        "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. "
        "If you reach out to GitHub Support for help, please include the request ID."
    )
    return Fault("slowed down", is_done=False, answer=_refusal(status, message, headers))


def closed(*, is_done: bool = False) -> Fault:
    """The connection is closed without an answer."""
    return Fault("closed after" if is_done else "closed before", is_done, Ending.CLOSED)


def silent(*, is_done: bool = False) -> Fault:
    """An answer that never comes; the client's timeout ends it."""
    return Fault("silent after" if is_done else "silent before", is_done, Ending.SILENT)


def broken() -> Fault:
    """It is done, and half of the JSON is sent as if that were all."""
    return Fault("broken", is_done=True, ending=Ending.BROKEN)


def cut() -> Fault:
    """It is done, and the connection is closed when half of the answer was sent."""
    return Fault("cut", is_done=True, ending=Ending.CUT)


def _refusal(status: int, message: str, headers: Mapping[str, str]) -> Answer:
    return Answer(status, refusal(status, message), headers)
