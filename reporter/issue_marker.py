"""Markers: what a page on GitHub is about, in a comment of its source that people do not see.

A marker holds digests and numbers only, so nothing in it can end the comment, mention anybody or grow. It begins a
line, which no name does: one within a command for a shell, where nothing can be escaped, is none.
"""

import re
from dataclasses import dataclass, fields
from enum import StrEnum

from soakwatch.core.errors import SurfaceRefused

_ISSUE = re.compile(r"^<!-- soakwatch:issue:(?P<version>\d{1,4}) (?P<words>[a-z0-9=,. -]*)-->", re.MULTILINE)
_NOTE = re.compile(r"^<!-- soakwatch:note:\d+ (?P<words>[a-z0-9=,. -]*)-->", re.MULTILINE)
_VERSION = 1
_FINGERPRINT = re.compile(r"[a-z0-9]{8,24}")
_NUMBER = re.compile(r"[0-9]{1,15}")


class Told(StrEnum):
    """What an issue says of its case."""

    OPEN = "open"
    SILENT = "silent"
    """We closed it, because somebody asked soakwatch to be silent."""

    DECLINED = "declined"
    """Somebody closed it as not planned."""

    OVER = "over"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Marker:
    """What an issue said when it was last written, so that whoever finds it knows what is news.

    `fingerprint`, `about`, `parts` and `gist` are those of its case; of a summary, `members` are the fingerprints of
    the cases in it, of others those of further cases that were found anew and go on in it. `text` is a digest of the
    page. `joined` is when parts were last told of, `written` when the page was, in seconds since the epoch. `after` is
    the number of the issue that was about the same before, or 0.
    """

    fingerprint: str
    about: str
    told: Told
    critical: bool
    gist: str
    text: str
    joined: int
    written: int
    parts: frozenset[str]
    members: frozenset[str] = frozenset()
    after: int = 0

    def __str__(self) -> str:
        """As it stands in a page."""
        words = " ".join(f"{field.name}={_word(getattr(self, field.name))}" for field in fields(self))
        return f"<!-- soakwatch:issue:{_VERSION} {words} -->"


def read_marker(body: str) -> Marker | None:
    """The marker of a page; None where there is none, or none that can be read. The last one counts.

    Raises SurfaceRefused for that of a newer soakwatch, which this one must not write over.
    """
    found = list(_ISSUE.finditer(body))
    if not found:
        return None
    if int(found[-1]["version"]) > _VERSION:
        raise SurfaceRefused("an issue of this repository was written by a newer soakwatch; upgrade this one")
    words = _words(found[-1]["words"])
    try:
        return Marker(
            fingerprint=_named(words["fingerprint"]),
            about=words["about"],
            told=Told(words["told"]),
            critical=words["critical"] == "1",
            gist=words["gist"],
            text=words["text"],
            joined=_number(words["joined"]),
            written=_number(words["written"]),
            parts=_several(words["parts"]),
            members=_several(words["members"]),
            after=_number(words["after"]),
        )
    except (KeyError, ValueError):
        return None


def without_marker(body: str) -> str:
    """The page as people read it."""
    return _ISSUE.sub("", body).rstrip()


def note_marker(fingerprint: str, key: str) -> str:
    """What tells a comment of ours about `key` from all others."""
    return f"<!-- soakwatch:note:{_VERSION} fingerprint={fingerprint} key={key} -->"


def noted_in(comment: str) -> tuple[str, str] | None:
    """Fingerprint and key of a comment of ours; None for anybody else's."""
    found = list(_NOTE.finditer(comment))
    words = _words(found[-1]["words"]) if found else {}
    return (words["fingerprint"], words["key"]) if {"fingerprint", "key"} <= words.keys() else None


def _word(value: object) -> str:
    if isinstance(value, frozenset):
        return ",".join(sorted(value))
    return str(int(value)) if isinstance(value, bool) else str(value)


def _words(text: str) -> dict[str, str]:
    return dict(word.split("=", 1) for word in text.split() if "=" in word)


def _named(word: str) -> str:
    if not _FINGERPRINT.fullmatch(word):
        raise ValueError(word)
    return word


def _number(word: str) -> int:
    if not _NUMBER.fullmatch(word):
        raise ValueError(word)
    return int(word)


def _several(word: str) -> frozenset[str]:
    return frozenset(part for part in word.split(",") if part)
