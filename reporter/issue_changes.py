"""Changes: what should be done on GitHub, and why, as values."""

from dataclasses import dataclass
from enum import StrEnum

from soakwatch.core.incident import Ruling
from soakwatch.reporter.case import Case
from soakwatch.reporter.issue_marker import Marker


class Move(StrEnum):
    """What becomes of an issue's state."""

    STAY = "stay"
    COMPLETE = "complete"
    """Close it as completed."""

    SILENCE = "silence"
    """Close it as not planned."""

    REOPEN = "reopen"


class News(StrEnum):
    """What a comment says: only what a person should look at again for."""

    CRITICAL = "critical"
    SPREAD = "spread"
    RECOVERED = "recovered"
    ACCEPTED = "accepted"
    NO_HELP = "no-help"
    """It was closed as completed, and goes on."""

    SILENCE_OVER = "silence-over"
    UNACCEPTABLE = "unacceptable"
    """Somebody accepted what has no level."""


@dataclass(frozen=True, slots=True)
class Note:
    """A comment to write, once: `key` is what it is known by. `parts` are those that it is about, as digests."""

    news: News
    key: str
    parts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Open:
    """Open an issue about `case`; `marker` is without the digest of its text."""

    case: Case
    marker: Marker
    why: str


@dataclass(frozen=True, slots=True)
class Edit:
    """Write the page of issue `number` anew, after its comments; it gains and loses labels, whoever put them on.

    Where nothing but time makes it `due`, it is written only when the page reads differently.
    """

    case: Case
    number: int
    marker: Marker
    why: str
    notes: tuple[Note, ...] = ()
    move: Move = Move.STAY
    gains: tuple[str, ...] = ()
    loses: tuple[str, ...] = ()
    due: bool = False


@dataclass(frozen=True, slots=True)
class Merge:
    """Close issue `number` as a duplicate of `into`."""

    number: int
    into: int
    marker: Marker
    why: str


@dataclass(frozen=True, slots=True)
class Thin:
    """Look whether two have made the same comment on issue `number`, and delete the later one."""

    number: int
    why: str


@dataclass(frozen=True, slots=True)
class Decide:
    """Log in the ledger what somebody decided on GitHub."""

    fingerprint: str
    ruling: Ruling
    why: str


Change = Open | Edit | Merge | Thin | Decide
