"""Maintenance: a stretch of time in which what happens to some services is no incident."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from soakwatch.core.span import Span


@dataclass(frozen=True, slots=True)
class Maintenance:
    """What is done in `span` to the services and environments that two patterns name.

    `title` says what, or why, `by` who asked for it; `mute` is the id of the mute that it is, "" where it was planned.
    """

    environment: str
    service: str
    span: Span
    title: str
    by: str = ""
    mute: str = ""

    def concerns(self, environment: str, service: str) -> bool:
        """Whether it is about that service there."""
        return fnmatchcase(environment, self.environment) and fnmatchcase(service, self.service)

    def touches(self, span: Span) -> bool:
        """Whether any part of `span` is in it."""
        return self.span.start < span.end and self.span.end > span.start
