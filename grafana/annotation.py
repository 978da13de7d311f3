"""Annotations: what should stand in Grafana about a run, a deploy, an incident or maintenance, and what stands there.

Times are whole milliseconds since the epoch, as Grafana has them; of a point both are the same.
"""

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

OURS = "soakwatch"
"""The tag of all that is ours."""

_IDENTITY, _TEXT = "soakwatch-id:", "soakwatch-text:"
"""Not `soakwatch:...`: Grafana counts tags by their key, the part before the colon, and whoever asks for `soakwatch`
does not find an annotation that has this key twice."""


class About(StrEnum):
    """What an annotation is about; also a tag of it."""

    RUN = "run"
    DEPLOY = "deploy"
    INCIDENT = "incident"
    MAINTENANCE = "maintenance"


@dataclass(frozen=True, slots=True)
class Annotation:
    """An annotation as it should be. `identity` is the same for the same thing, whatever becomes of it.

    `is_moving` is whether its end goes on with time.
    """

    about: About
    identity: str
    start: int
    end: int
    text: str
    labels: tuple[str, ...] = ()
    is_moving: bool = False

    @property
    def tags(self) -> tuple[str, ...]:
        """All tags, with those by which it is found again, and by which a text that people changed is told."""
        return (OURS, self.about, *self.labels, identity_tag(self.identity), text_tag(self.text))


@dataclass(frozen=True, slots=True)
class FoundAnnotation:
    """An annotation that Grafana has."""

    id: int
    start: int
    end: int
    text: str
    tags: tuple[str, ...]

    @property
    def identity(self) -> str:
        """What it is about, "" where it is none of ours."""
        return next((tag.removeprefix(_IDENTITY) for tag in self.tags if tag.startswith(_IDENTITY)), "")

    @property
    def is_edited(self) -> bool:
        """Whether its text is not the one that was written."""
        return text_tag(self.text) not in self.tags

    def tags_with(self, text: str) -> tuple[str, ...]:
        """Its tags, with whatever people added, for another text."""
        return (*(tag for tag in self.tags if not tag.startswith(_TEXT)), text_tag(text))


def identity_tag(identity: str) -> str:
    """The tag by which an annotation is found again."""
    return f"{_IDENTITY}{identity}"


def text_tag(text: str) -> str:
    """The tag that says which text was written."""
    return f"{_TEXT}{sha256(text.encode(errors='surrogatepass')).hexdigest()[:8]}"
