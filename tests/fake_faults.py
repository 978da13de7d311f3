"""Faults: what a service, or the way to it, does to a request on a bad day."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any


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

    `is_done` says whether it does what was asked before the fault, so that a client that is told of an error, or
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
