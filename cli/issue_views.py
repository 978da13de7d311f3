"""How changes of issues look on a terminal."""

import sys
from collections.abc import Iterable

from soakwatch.cli.terminal import notes, print_json, printable, results
from soakwatch.reporter.change_words import describe, difference
from soakwatch.reporter.changes_json import IssueChangesDocument, change_records
from soakwatch.reporter.github import GitHubIssues
from soakwatch.reporter.github_errors import IssueGone
from soakwatch.reporter.issue_changes import Change, Edit, Open
from soakwatch.reporter.pages import Pages
from soakwatch.scheduler.issue_pass import Outlook, PassReport

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def print_changes(changes: Iterable[Change], github: GitHubIssues, pages: Pages) -> None:
    """Each change in a line, and the difference that it makes to a page, which is asked of GitHub for that."""
    for change in changes:
        print_line(describe(change), "bold")
        if isinstance(change, Open | Edit):
            before = _page(change, github)
            for line in difference(change, before, pages.text(change.case, change.marker.after)):
                print_line(f"    {line}", _COLOURS.get(line[:1], "default"))


def _page(change: Open | Edit, github: GitHubIssues) -> str:
    try:
        return github.page(change.number).body if isinstance(change, Edit) else ""
    except IssueGone:
        return ""


def print_line(line: str, style: str = "default") -> None:
    """One line of what anybody may have named."""
    results.print(printable(line, longest=sys.maxsize), soft_wrap=True, style=style)


def print_report(report: PassReport) -> None:
    """What came of a pass, in a line; what went wrong before that."""
    for trouble in report.trouble:
        notes.print(printable(trouble, longest=sys.maxsize), soft_wrap=True, style="red")
    left = f"; left to the next pass: {report.left}" if report.left else ""
    notes.print(f"changes made: {len(report.done)}{left}", markup=False)


def print_documents(repository: str, done: Outlook | PassReport) -> None:
    """What would be done, or was, for machines."""
    if isinstance(done, Outlook):
        document = IssueChangesDocument(repository=repository, applied=False, changes=change_records(done.changes))
    else:
        document = IssueChangesDocument(
            repository=repository,
            applied=True,
            changes=change_records(done.done),
            trouble=tuple(done.trouble),
            left=done.left,
        )
    print_json(document.model_dump(mode="json", by_alias=True))
