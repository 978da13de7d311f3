"""Cases: what an issue is about, whoever found it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from soakwatch.core.alert import Alert
from soakwatch.core.incident import Incident
from soakwatch.reporter.verdicts_json import VerdictsDocument

MOST_PARTS = 500
"""Parts that a case tells apart; a marker with so many still leaves most of the page."""


class Stage(StrEnum):
    """Where a case is: a page of its own is open for those that are `OPEN` only."""

    OPEN = "open"
    SILENT = "silent"
    """Somebody asked not to hear of it."""

    OVER = "over"


@dataclass(frozen=True, slots=True)
class Regressions:
    """What a comparison found, and its report in Markdown."""

    document: VerdictsDocument
    markdown: str


@dataclass(frozen=True, slots=True)
class Case:
    """What one issue is about. `since` is in seconds since the epoch.

    `fingerprint` names it once for ever. `about` is the same for what comes back, and `parts` are what it consists of
    (of an incident its series), all as digests. `gist` changes when people should read the page anew. A case that is
    not `alarming` looks normal at the moment; nothing is concluded about one that is `muted`. `labels` are those that
    say what it is; people's own are beside them.
    """

    fingerprint: str
    about: str
    parts: frozenset[str]
    stage: Stage
    critical: bool
    alarming: bool
    accepted: bool
    since: float
    gist: str
    environment: str
    title: str
    labels: tuple[str, ...]
    assignees: tuple[str, ...]
    subject: "Incident | Alert | Regressions | tuple[Case, ...]"
    muted: bool = False

    @property
    def is_open(self) -> bool:
        """Whether an issue should be open about it."""
        return self.stage is Stage.OPEN


def digest(*words: object, length: int = 8) -> str:
    """Hexadecimal digits that stand for `words`, whatever these hold."""
    text = "\0".join(map(str, words))
    return sha256(text.encode(errors="surrogatepass")).hexdigest()[:length]


def parts_of(names: Iterable[Iterable[object]]) -> frozenset[str]:
    """Digests of what a case consists of; always the same ones where there are too many."""
    return frozenset(sorted({digest(*name) for name in names})[:MOST_PARTS])
