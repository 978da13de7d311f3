"""Known issues: what is on GitHub, as soakwatch last saw it."""

from dataclasses import dataclass, replace

from pydantic import TypeAdapter, ValidationError

from soakwatch.reporter.issue_marker import Marker, Told

DECLINED = frozenset({"not_planned", "duplicate"})
"""Reasons for which people close what they do not want to hear of."""


@dataclass(frozen=True, slots=True)
class KnownIssue:
    """One issue of ours. Times are seconds since the epoch, `closed` None while it is open.

    `reason` is why it was closed, in GitHub's words. `comments` is how many it had when they were last read or written;
    a `crowded` one has more by now, perhaps of a second soakwatch. `said` are fingerprint and key of those among them
    that are ours, None where nobody has read them. `looked` is when its page was last made anew and found to be the
    same. `gone` is one that was deleted.
    """

    number: int
    marker: Marker
    closed: float | None = None
    reason: str = ""
    labels: tuple[str, ...] = ()
    comments: int = 0
    updated: float = 0.0
    crowded: bool = False
    said: frozenset[tuple[str, str]] | None = None
    looked: float = 0.0
    gone: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it is open on GitHub."""
        return self.closed is None

    @property
    def is_duplicate(self) -> bool:
        """Whether another one stands for it."""
        return self.marker.told is Told.DUPLICATE

    def has_label(self, name: str) -> bool:
        """Whether it wears the label, in any case of its letters, as GitHub takes them."""
        return name.casefold() in {label.casefold() for label in self.labels}

    def seen_again(self, seen: "KnownIssue") -> "KnownIssue":
        """What is known when GitHub has told `seen`, with what only we know."""
        more = self.crowded or seen.comments > self.comments
        comments = self.comments if more else seen.comments
        return replace(seen, comments=comments, crowded=more, said=self.said, looked=self.looked)


_RECORD = TypeAdapter(KnownIssue)


def encode_known(issue: KnownIssue) -> bytes:
    """Write it as JSON."""
    return _RECORD.dump_json(issue)


def decode_known(record: bytes) -> KnownIssue | None:
    """Read it back; None for what another version wrote: GitHub is asked again then."""
    try:
        return _RECORD.validate_json(record)
    except ValidationError:
        return None
