"""`soakwatch issues sync`: GitHub's issues, brought in step with the incidents."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from soakwatch.cli.options import ConfigOption, JsonOption, StoreOption, open_store, with_store
from soakwatch.cli.terminal import notes, printable
from soakwatch.core.configuration import Configuration
from soakwatch.core.configuration_file import load_configuration
from soakwatch.core.errors import ExitCode
from soakwatch.scheduler.fence import Fence, FencedLedger, unfenced

if TYPE_CHECKING:
    # PyGithub and SQLAlchemy take half a second to load, and most commands do without
    from soakwatch.reporter.github import GitHubIssues
    from soakwatch.reporter.issue_changes import Change
    from soakwatch.scheduler.issue_keeping import IssueKeeping

ApplyOption = Annotated[
    bool, typer.Option("--apply/--dry-run", help="Write to GitHub, or only show what would be written.")
]


def sync(
    apply: ApplyOption = False, config: ConfigOption = None, store: StoreOption = None, json_: JsonOption = False
) -> None:
    """Bring the issues of a repository in step with the incidents that are confirmed. A dry run unless told otherwise.

    An issue is opened for each confirmed incident, kept up to date, commented on when a person should look again, and
    closed after recovery. What people do to it counts: `docs/github.md` says what.

    The repository and the token are those of the configuration, else GITHUB_REPOSITORY, GITHUB_TOKEN and GITHUB_API_URL
    as in GitHub Actions. Ends with 3 when GitHub, the store or the ledger could not be used.

    Examples:

        soakwatch issues sync

        soakwatch issues sync --apply --json
    """
    from soakwatch.cli.issue_views import print_changes, print_documents, print_report
    from soakwatch.scheduler.accounting import Accounting
    from soakwatch.store.opening import open_projection

    configuration = with_store(load_configuration(config), store)
    now = time.time()
    with opened_keeping(configuration, writes=apply) as (keeping, github), open_projection(configuration) as projection:
        if not apply:
            outlook = keeping.look(now)
            if json_:
                print_documents(github.where.repository, outlook)
            else:
                print_changes(outlook.changes, github, keeping.pages(now))
                _tell_dry_run(len(outlook.changes))
            return
        report = keeping.keep(now, Accounting(projection, configuration.environment), tell_change)
    if json_:
        print_documents(github.where.repository, report)
    print_report(report)
    if report.trouble:
        raise typer.Exit(ExitCode.UNREACHABLE)


@contextmanager
def opened_keeping(
    configuration: Configuration, fence: Fence = unfenced, *, writes: bool
) -> "Iterator[tuple[IssueKeeping, GitHubIssues]]":
    """Open the store, the ledger and the way to GitHub."""
    from soakwatch.cli.github_connection import places_of, where_of, where_to_write
    from soakwatch.reporter.github import GitHubIssues
    from soakwatch.scheduler.issue_keeping import IssueKeeping
    from soakwatch.store.ledger_opening import open_ledger

    where = where_to_write(configuration) if writes else where_of(configuration)
    github = GitHubIssues(where)
    try:
        with open_store(configuration, None) as store, open_ledger(configuration) as ledger:
            places = places_of(configuration, where)
            yield IssueKeeping(store, FencedLedger(ledger, fence), github, configuration, places), github
    finally:
        github.close()


def tell_change(change: "Change") -> None:
    """Say what has been done."""
    from soakwatch.reporter.change_words import describe

    notes.print(printable(f"done: {describe(change)}", longest=sys.maxsize), soft_wrap=True)


def _tell_dry_run(changes: int) -> None:
    if changes:
        notes.print(f"a dry run, nothing was written; --apply makes these changes: {changes}", markup=False)
    else:
        notes.print("nothing is to be done: the issues say what is true", markup=False)
