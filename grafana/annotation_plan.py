"""The plan of a pass: which annotations should be written, changed and taken away, and why. Nothing is asked here."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from soakwatch.core.incident import Incident
from soakwatch.grafana.annotation import Annotation, FoundAnnotation

BETWEEN_EXTENSIONS = 600_000
"""Milliseconds that the end of a region which goes on may be behind, so that an incident is a request each ten minutes
and not each minute."""


@dataclass(frozen=True, slots=True)
class Create:
    """Write an annotation."""

    annotation: Annotation
    why: str


@dataclass(frozen=True, slots=True)
class Update:
    """Change times, and the text unless people did, of the annotation that was found."""

    annotation: Annotation
    found: FoundAnnotation
    why: str


@dataclass(frozen=True, slots=True)
class Remove:
    """Take an annotation away."""

    found: FoundAnnotation
    why: str


Change = Create | Update | Remove


def plan(wanted: Iterable[Annotation], found: Iterable[FoundAnnotation], dropped: Collection[str] = ()) -> list[Change]:
    """What should change, where Grafana has `found`; `dropped` are identities of what turned out to be nothing.

    What is about nothing that is wanted stays: it may be another soakwatch's, or older than what is looked at.
    """
    by_identity: dict[str, list[FoundAnnotation]] = {}
    for one in found:
        by_identity.setdefault(one.identity, []).append(one)
    changes: list[Change] = []
    for annotation in wanted:
        changes += changes_of(annotation, by_identity.get(annotation.identity, ()))
    gone = {annotation for annotation in dropped if annotation in by_identity}
    return changes + [Remove(one, "it was nothing") for identity in sorted(gone) for one in by_identity[identity]]


def changes_of(wanted: Annotation, found: Sequence[FoundAnnotation]) -> list[Change]:
    """What should change for one annotation, of which Grafana has `found`."""
    if not found:
        return [Create(wanted, f"there is none about this {wanted.about}")]
    first, *others = sorted(found, key=lambda one: one.id)
    why = _difference(wanted, first)
    twice: list[Change] = [Remove(one, "it is there twice") for one in others]
    return [Update(wanted, first, why), *twice] if why else twice


def dropped_of(incidents: Iterable[Incident]) -> frozenset[str]:
    """Identities of incidents that were suspected, and were none."""
    return frozenset(one.fingerprint for one in incidents if one.was_dropped)


def _difference(wanted: Annotation, found: FoundAnnotation) -> str:
    """Why an annotation should be changed, "" where it should not be yet."""
    if found.start != wanted.start:
        return "its beginning was revised"
    behind = wanted.end - found.end
    if wanted.is_moving and 0 <= behind < BETWEEN_EXTENSIONS:
        return ""
    if behind:
        return "it goes on" if wanted.is_moving and behind > 0 else "its end is known"
    return "there is more to say" if found.text != wanted.text and not found.is_edited else ""


def fields_of(change: Update) -> Mapping[str, object]:
    """What is sent for a change: no more than has to change, and no text where people have written one."""
    wanted, found = change.annotation, change.found
    times = {"time": wanted.start, "timeEnd": wanted.end}
    if found.is_edited or found.text == wanted.text:
        return times
    return {**times, "text": wanted.text, "tags": list(found.tags_with(wanted.text))}
