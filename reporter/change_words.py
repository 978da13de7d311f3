"""What a change is, in words and as a difference, for people who look before anything is written."""

from collections.abc import Iterator
from difflib import unified_diff

from soakwatch.reporter.case import Case
from soakwatch.reporter.issue_changes import Change, Decide, Edit, Merge, Move, Open, Thin
from soakwatch.reporter.issue_marker import without_marker
from soakwatch.reporter.issue_notes import note_text

_MOVES = {
    Move.STAY: "",
    Move.COMPLETE: ", close it as completed",
    Move.SILENCE: ", close it as not planned",
    Move.REOPEN: ", open it again",
}


def describe(change: Change) -> str:
    """What is to be done, to what and why, in a line."""
    match change:
        case Open():
            return f"open an issue: {change.case.title} ({change.why})"
        case Edit():
            comment = ", comment" if change.notes else ""
            return f"edit issue #{change.number}{comment}{_MOVES[change.move]}: {change.case.title} ({change.why})"
        case Merge():
            return f"close issue #{change.number} as a duplicate of #{change.into} ({change.why})"
        case Thin():
            return f"look through the comments of issue #{change.number} ({change.why})"
        case Decide():
            return f"{change.ruling.kind} incident {change.fingerprint} ({change.why})"


def difference(change: Change, before: str, after: str) -> Iterator[str]:
    """The lines of a page that go and come, then comments that come; `before` is empty for a new one."""
    if isinstance(change, Open):
        yield f"+ title: {change.case.title}"
        yield f"+ labels: {', '.join(change.case.labels)}"
    if isinstance(change, Edit):
        yield from (f"+ label: {label}" for label in change.gains)
        yield from (f"- label: {label}" for label in change.loses)
    lines = unified_diff(without_marker(before).splitlines(), after.splitlines(), lineterm="", n=1)
    yield from (line for line in lines if not line.startswith(("---", "+++")))
    if isinstance(change, Edit):
        yield from _comments(change.case, change)


def _comments(case: Case, change: Edit) -> Iterator[str]:
    for note in change.notes:
        yield "+ comment:"
        yield from (f"+ {line}" for line in note_text(case, note).splitlines())
