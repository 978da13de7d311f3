"""Filing: what one comparison found, as the issue of its test."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import typer
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_fixed

from soakwatch.cli.github_connection import places_of, where_to_write
from soakwatch.cli.issue_sync import tell_change
from soakwatch.cli.issue_views import print_documents, print_report
from soakwatch.cli.terminal import notes
from soakwatch.core.configuration import Configuration
from soakwatch.core.errors import ExitCode, SurfaceUnavailable
from soakwatch.reporter.case import Case
from soakwatch.reporter.evidence import Evidence
from soakwatch.reporter.github import GitHubIssues
from soakwatch.reporter.issue_life import Rules
from soakwatch.reporter.issue_writing import Writing
from soakwatch.reporter.pages import Pages
from soakwatch.reporter.report_case import case_of_report
from soakwatch.reporter.verdicts_json import VerdictsDocument
from soakwatch.scheduler.fence import FencedLedger
from soakwatch.scheduler.issue_pass import DOUBT, IssuePass, PassReport
from soakwatch.store.ledger_sqlite import make_ledger_file, sqlite_database
from soakwatch.store.sql_ledger import SqlLedger

_TRIES = 3
_BETWEEN_TRIES = DOUBT + 5.0
"""Seconds; a job in CI has no next pass, and what may have been done must show in a list first."""


def file_report(document: VerdictsDocument, markdown: str, configuration: Configuration, *, json_: bool) -> None:
    """Open, edit or close the issue of a test. Raises SurfaceError, ConfigurationError."""
    case = case_of_report(document, markdown)
    where = where_to_write(configuration)
    if case is None:
        notes.print("nothing regressed for certain, and not all of it is fine, so no issue changes", markup=False)
        report = PassReport()
    else:
        github = GitHubIssues(where)
        try:
            report = _passed(case, github, configuration)
        finally:
            github.close()
    if json_:
        print_documents(where.repository, report)
    print_report(report)
    if report.trouble:
        raise typer.Exit(ExitCode.UNREACHABLE)


def _passed(case: Case, github: GitHubIssues, configuration: Configuration) -> PassReport:
    pages = Pages(lambda _: Evidence(time.time()), places_of(configuration, github.where), {})
    rules = Rules(configuration.github.max_new).scaled(configuration.detector.time_scale)
    # what is known of GitHub is needed for these tries only
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        make_ledger_file(path)
        with SqlLedger.create(sqlite_database(path)) as ledger:
            one = IssuePass(FencedLedger(ledger), github, lambda _: [case], [], rules)

            def pass_once() -> PassReport:
                now = time.time()
                writing = Writing(github, pages, set(), configuration.github.milestone)
                report = one.carry_out(one.look(now), writing, now, tell_change)
                if report.is_worth_a_try:
                    raise SurfaceUnavailable("; ".join(report.trouble) or "GitHub does not list yet what was asked for")
                return report

            tries = Retrying(
                retry=retry_if_exception(_may_succeed),
                stop=stop_after_attempt(_TRIES),
                wait=wait_fixed(_BETWEEN_TRIES),
                reraise=True,
            )
            return tries(pass_once)


def _may_succeed(error: BaseException) -> bool:
    """Whether to try again soon: not while GitHub wants to be left alone."""
    return isinstance(error, SurfaceUnavailable) and error.retry_after is None
