"""Values: an issue and what belongs to it as they are at one moment, and how somebody wants them to be."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Literal

State = Literal["open", "closed"]
StateReason = Literal["completed", "not_planned", "duplicate", "reopened"]


class Refused(Exception):
    """GitHub says no, with this status and message; `errors` are those of a 422 (troubleshooting)."""

    def __init__(self, status: int, message: str, *errors: Mapping[str, object]) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors

    @classmethod
    def invalid(cls, resource: str, field: str, code: str = "invalid", **more: object) -> "Refused":
        return cls(422, "Validation Failed", {"resource": resource, "field": field, "code": code, **more})


class Kept(Enum):
    """What a wish says of a field that it does not name, where None is a value."""

    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class Label:
    id: int
    name: str
    color: str = "ededed"
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Milestone:
    number: int
    title: str
    state: State
    created_at: int


@dataclass(frozen=True, slots=True)
class Comment:
    id: int
    issue: int
    author: str
    body: str
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue or a pull request as it is at one moment; times are whole seconds since 1970.

    `listed_from` is when it begins to show in lists.
    """

    number: int
    author: str
    created_at: int
    updated_at: int
    listed_from: float
    title: str = ""
    body: str | None = None
    state: State = "open"
    state_reason: StateReason | None = None
    labels: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    milestone: int | None = None
    closed_at: int | None = None
    closed_by: str | None = None
    comments: tuple[Comment, ...] = ()
    is_pull_request: bool = False

    @property
    def texts(self) -> list[str]:
        """What its comments say, oldest first."""
        return [comment.body for comment in self.comments]


@dataclass(frozen=True, slots=True)
class Wish:
    """How somebody wants an issue to be; what is not named stays."""

    title: str | None = None
    body: str | Kept | None = Kept.KEPT
    state: State | None = None
    state_reason: StateReason | None = None
    labels: tuple[str, ...] | None = None
    assignees: tuple[str, ...] | None = None
    milestone: int | str | Kept | None = Kept.KEPT
