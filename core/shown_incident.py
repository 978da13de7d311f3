"""Shown incidents: what a dashboard tells of an incident, at a moment and over its whole time."""

from dataclasses import dataclass

from soakwatch.core.incident import Incident
from soakwatch.core.judgement import SEVERITY_RANKS


@dataclass(frozen=True, slots=True)
class ShownIncident:
    """`incident` as it stood at `at`, in seconds since the epoch, with its `title` and the address of its issue."""

    at: float
    incident: Incident
    title: str
    issue: str = ""

    @property
    def rank(self) -> int:
        """2 for a warning, 3 while it is critical, 0 once it is over."""
        return SEVERITY_RANKS[self.incident.severity] if self.incident.is_open else 0

    @property
    def alarm(self) -> int:
        """The rank by which people are alerted: 0 also while somebody ignores it."""
        return 0 if self.incident.is_silent(self.at) else self.rank


@dataclass(frozen=True, slots=True)
class Region:
    """The time of an incident, from `start` to `end` in seconds since the epoch.

    One that is not valid is what was believed before its onset was revised.
    """

    shown: ShownIncident
    start: float
    end: float
    text: str = ""
    is_valid: bool = True
