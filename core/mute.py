"""Mutes: maintenance that somebody asked for, which begins and ends at given moments."""

from dataclasses import dataclass, replace

from soakwatch.core.maintenance import Maintenance
from soakwatch.core.span import Span


@dataclass(frozen=True, slots=True)
class Mute:
    """`by` asked at `asked` for the services and environments that two patterns name to be muted in `span`, and `why`.

    Moments are in seconds since the epoch: no time zone changes them.
    """

    id: str
    environment: str
    service: str
    span: Span
    why: str
    by: str
    asked: float

    @property
    def maintenance(self) -> Maintenance:
        """What it is for everybody else."""
        return Maintenance(self.environment, self.service, self.span, self.why, self.by, self.id)

    def is_over(self, now: float) -> bool:
        """Whether it has ended."""
        return self.span.end <= now

    def ended(self, now: float) -> "Mute":
        """As it is when somebody ends it at `now`."""
        return replace(self, span=Span(self.span.start, max(self.span.start, min(now, self.span.end))))
