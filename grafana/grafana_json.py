"""What is done in Grafana, as documents for machines."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, Literal, Self

from pydantic import Field

from soakwatch.core.record import Record
from soakwatch.grafana.annotation import About, Annotation, FoundAnnotation
from soakwatch.grafana.annotation_plan import Change, Create, Remove, Update
from soakwatch.grafana.publishing import Action, Step

SCHEMA: Final = 1
"""Grows when a reader of the old form would misunderstand the new one; new keys alone do not count."""


class DashboardRecord(Record):
    """One dashboard, and what is done with it. `decision` is whether somebody has to say what should be done."""

    uid: str
    title: str
    action: Action
    why: str
    decision: bool

    @classmethod
    def of(cls, step: Step) -> Self:
        """Make the record of `step`."""
        one = step.dashboard
        return cls(uid=one.uid, title=one.title, action=step.action, why=step.why, decision=step.needs_decision)


class PublishedDocument(Record):
    """What was done with the dashboards of a Grafana, or would be where `applied` is false.

    `folder` is the uid of the folder that new ones go to, null where none is new. `left` are uids of those that could
    not be written, `trouble` sentences on why; publishing again goes on with them.
    """

    schema_version: Literal[1] = Field(SCHEMA, alias="schema")
    grafana: str
    applied: bool
    folder: str | None
    dashboards: tuple[DashboardRecord, ...]
    warnings: tuple[str, ...] = ()
    trouble: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


class AnnotationRecord(Record):
    """One annotation, and what is done with it. `id` is Grafana's, null for a new one; `about` where it is known."""

    action: Literal["create", "update", "remove"]
    id: int | None
    about: About | None
    identity: str
    start: datetime
    end: datetime
    text: str
    why: str

    @classmethod
    def of(cls, change: Change) -> Self:
        """Make the record of `change`."""
        match change:
            case Create(annotation, why):
                return cls._of("create", None, annotation, why)
            case Update(annotation, found, why):
                return cls._of("update", found.id, annotation, why)
            case Remove(found, why):
                return cls._of("remove", found.id, found, why)

    @classmethod
    def _of(
        cls,
        action: Literal["create", "update", "remove"],
        number: int | None,
        one: Annotation | FoundAnnotation,
        why: str,
    ) -> Self:
        return cls(
            action=action,
            id=number,
            about=next((about for about in About if about in one.tags), None),
            identity=one.identity,
            start=datetime.fromtimestamp(one.start / 1000, UTC),
            end=datetime.fromtimestamp(one.end / 1000, UTC),
            text=one.text,
            why=why,
        )


class AnnotatedDocument(Record):
    """What a pass over the annotations of a Grafana did, or would do where `applied` is false.

    `trouble` are sentences on what did not succeed; `left` counts changes that are left to the next pass.
    """

    schema_version: Literal[1] = Field(SCHEMA, alias="schema")
    grafana: str
    applied: bool
    annotations: tuple[AnnotationRecord, ...]
    trouble: tuple[str, ...] = ()
    left: int = 0


def dashboard_records(steps: Iterable[Step]) -> tuple[DashboardRecord, ...]:
    """Make the records of `steps`."""
    return tuple(map(DashboardRecord.of, steps))


def annotation_records(changes: Iterable[Change]) -> tuple[AnnotationRecord, ...]:
    """Make the records of `changes`."""
    return tuple(map(AnnotationRecord.of, changes))
