"""Stories of incidents: how each went from step to step, for a look back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Self

from soakwatch.core.incident import Incident, Shape, State


@dataclass(frozen=True, slots=True)
class StateChange:
    """An incident came into `state` at `at`, in seconds since the epoch."""

    at: float
    state: State


@dataclass(frozen=True, slots=True)
class Story:
    """One incident as it went. `last` is what became of it, with its evidence; `changes` are in the order of time.

    `confirmed` is the incident as it was when it was confirmed first, None where it never was. `crept` is when it was
    first called a creep, in seconds since the epoch, None where it never was.
    """

    last: Incident
    changes: tuple[StateChange, ...] = ()
    confirmed: Incident | None = None
    crept: float | None = None

    @classmethod
    def begin(cls, incident: Incident, at: float) -> Self:
        """Tell of an incident that began in the step that ended at `at`."""
        return cls(
            incident,
            changes=(StateChange(at, incident.state),),
            confirmed=incident if incident.state is State.CONFIRMED else None,
            crept=at if _creeps(incident) else None,
        )

    def go_on(self, incident: Incident, at: float) -> Self:
        """Tell what it was after the step that ended at `at`."""
        news = () if incident.state is self.last.state else (StateChange(at, incident.state),)
        is_first = self.confirmed is None and incident.state is State.CONFIRMED
        return replace(
            self,
            last=incident,
            changes=(*self.changes, *news),
            confirmed=incident if is_first else self.confirmed,
            crept=at if self.crept is None and _creeps(incident) else self.crept,
        )


def retell(stories: Mapping[str, Story], incidents: Iterable[Incident], at: float) -> dict[str, Story]:
    """`stories` by fingerprint, with what became of `incidents` in the step that ended at `at`."""
    told = dict(stories)
    for one in incidents:
        known = told.get(one.fingerprint)
        told[one.fingerprint] = Story.begin(one, at) if known is None else known.go_on(one, at)
    return told


def _creeps(incident: Incident) -> bool:
    return any(finding.shape is Shape.CREEP for finding in incident.findings)
