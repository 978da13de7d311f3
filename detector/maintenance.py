"""Maintenance: when what happens to a service is no incident."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Self

from soakwatch.core.detector_settings import MaintenanceSection
from soakwatch.core.span import Span
from soakwatch.detector.cron import moments

_MINUTE = 60.0
_UNTITLED = "maintenance"


@dataclass(frozen=True, slots=True)
class MaintenanceCalendar:
    """The settings' `[[maintenance]]`, with times of the day in `time_zone`."""

    sections: tuple[MaintenanceSection, ...]
    time_zone: str

    @classmethod
    def of(cls, sections: Sequence[MaintenanceSection], time_zone: str) -> Self:
        """As people wrote it."""
        return cls(tuple(sections), time_zone)

    def covers(self, service: str, span: Span) -> str:
        """What is done to `service` in any part of `span`: its title; empty when nothing is."""
        for section in self.sections:
            if fnmatchcase(service, section.service) and self._is_on(section, span):
                return section.title or _UNTITLED
        return ""

    def _is_on(self, section: MaintenanceSection, span: Span) -> bool:
        begun = Span(span.start - section.duration * _MINUTE, span.end)
        return any(
            moment < span.end and moment + section.duration * _MINUTE > span.start
            for moment in moments(section.cron, begun, self.time_zone)
        )
