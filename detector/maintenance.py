"""Maintenance: when what happens to a service is no incident, because it was planned or somebody asked for it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

from soakwatch.core.configuration import Configuration
from soakwatch.core.detector_settings import MaintenanceSection
from soakwatch.core.incident import Incident
from soakwatch.core.maintenance import Maintenance
from soakwatch.core.mute import Mute
from soakwatch.core.series import WHOLE_SERVICE
from soakwatch.core.span import Span
from soakwatch.detector.cron import moments

_MINUTE = 60.0
_UNTITLED = "maintenance"
_ANYWHERE = "*"


@dataclass(frozen=True, slots=True)
class MaintenanceCalendar:
    """The settings' `[[maintenance]]`, with times of the day in `time_zone`, and the mutes of people."""

    sections: tuple[MaintenanceSection, ...]
    time_zone: str
    mutes: tuple[Mute, ...] = ()

    @classmethod
    def of(cls, sections: Sequence[MaintenanceSection], time_zone: str) -> Self:
        """As people wrote it; nobody has muted anything."""
        return cls(tuple(sections), time_zone)

    def with_mutes(self, mutes: Iterable[Mute]) -> Self:
        """The same with these mutes."""
        return replace(self, mutes=tuple(mutes))

    def during(self, span: Span) -> list[Maintenance]:
        """All maintenance that any part of `span` is in, oldest first."""
        muted = (mute.maintenance for mute in self.mutes)
        found = [*self._planned(span), *(one for one in muted if one.touches(span))]
        return sorted(found, key=lambda one: (one.span, one.title))

    def covers(self, service: str, span: Span, environment: str = "") -> str:
        """What is done to `service` in any part of `span`: its title; empty when nothing is."""
        return next((one.title for one in self.during(span) if one.concerns(environment, service)), "")

    def in_force(self, environment: str, service: str, at: float) -> Maintenance | None:
        """The maintenance that `service` is in at `at`, the one that ends last; None where it is in none."""
        found = [one for one in self.during(Span(at, at + 1)) if one.span.start <= at and one.span.end > at]
        ours = [one for one in found if one.concerns(environment, service)]
        return max(ours, key=lambda one: one.span.end, default=None)

    def _planned(self, span: Span) -> Iterator[Maintenance]:
        for section in self.sections:
            length = section.duration * _MINUTE
            for moment in moments(section.cron, Span(span.start - length, span.end), self.time_zone):
                one = Maintenance(_ANYWHERE, section.service, Span(moment, moment + length), section.title or _UNTITLED)
                if one.touches(span):
                    yield one


NOTHING_PLANNED = MaintenanceCalendar((), "UTC")


def planned_by(configuration: Configuration) -> MaintenanceCalendar:
    """What the settings plan."""
    return MaintenanceCalendar.of(configuration.maintenance, configuration.detector.time_zone)


def maintenance_of(incident: Incident, calendar: MaintenanceCalendar, now: float) -> Maintenance | None:
    """The maintenance that the service of an open incident is in, while nothing is concluded about it.

    A test that did not begin is no service's.
    """
    if not incident.is_open or incident.service == WHOLE_SERVICE:
        return None
    return calendar.in_force(incident.environment, incident.service, now)


def maintained(incidents: Iterable[Incident], calendar: MaintenanceCalendar, now: float) -> dict[str, Maintenance]:
    """The maintenance that the services of some of `incidents` are in, by the fingerprints of these."""
    found = ((one.fingerprint, maintenance_of(one, calendar, now)) for one in incidents)
    return {fingerprint: maintenance for fingerprint, maintenance in found if maintenance is not None}


def rethought(before: Iterable[Mute], after: Iterable[Mute]) -> list[Span]:
    """The spans in which it matters that people changed the mutes `before` to those `after`."""
    return [mute.span for mute in set(before) ^ set(after)]
