"""Changes of issues as a document for machines."""

from collections.abc import Iterable
from typing import Final, Literal, Self

from pydantic import Field

from soakwatch.core.record import Record
from soakwatch.reporter.issue_changes import Change, Decide, Edit, Merge, Open, Thin

SCHEMA: Final = 1
"""Grows when a reader of the old form would misunderstand the new one; new keys alone do not count."""

Kind = Literal["open", "edit", "merge", "thin", "decide"]


class ChangeRecord(Record):
    """One change. `issue` is null for a new one and for a decision, `fingerprint` where it is about no case.

    `title` and `labels` are those of the case; `move` is what becomes of the issue's state; `comments` says which
    comments are written.
    """

    kind: Kind
    issue: int | None
    fingerprint: str | None
    title: str
    labels: tuple[str, ...]
    move: str
    comments: tuple[str, ...]
    why: str

    @classmethod
    def of(cls, change: Change) -> Self:
        """Make the record of `change`."""
        case = change.case if isinstance(change, Open | Edit) else None
        fingerprint = change.fingerprint if isinstance(change, Decide) else case and case.fingerprint
        edit = change if isinstance(change, Edit) else None
        return cls(
            kind=_kind_of(change),
            issue=change.number if isinstance(change, Edit | Merge | Thin) else None,
            fingerprint=fingerprint,
            title=case.title if case else "",
            labels=case.labels if case else (),
            move=str(edit.move) if edit else "stay",
            comments=tuple(str(note.news) for note in edit.notes) if edit else (),
            why=change.why,
        )


class IssueChangesDocument(Record):
    """What a pass over the issues of a repository did, or would do where `applied` is false.

    `trouble` are sentences on what did not succeed, and is tried again by the next pass; `left` counts changes that are
    left to it because they were many.
    """

    schema_version: Literal[1] = Field(SCHEMA, alias="schema")
    repository: str
    applied: bool
    changes: tuple[ChangeRecord, ...]
    trouble: tuple[str, ...] = ()
    left: int = 0


def change_records(changes: Iterable[Change]) -> tuple[ChangeRecord, ...]:
    """Make the records of `changes`."""
    return tuple(map(ChangeRecord.of, changes))


def _kind_of(change: Change) -> Kind:
    match change:
        case Open():
            return "open"
        case Edit():
            return "edit"
        case Merge():
            return "merge"
        case Thin():
            return "thin"
        case Decide():
            return "decide"
