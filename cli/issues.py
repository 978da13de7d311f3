"""`soakwatch issues`: what regressed, as issues on GitHub."""

import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from soakwatch.cli.incidents import FingerprintArgument, find_incident
from soakwatch.cli.issue_sync import ApplyOption, opened_keeping, sync
from soakwatch.cli.options import ConfigOption, JsonOption, StoreOption, with_store
from soakwatch.cli.terminal import print_json, printable, results
from soakwatch.core.configuration_file import load_configuration
from soakwatch.core.errors import UsageError

if TYPE_CHECKING:
    from soakwatch.reporter.issue import IssueDraft
    from soakwatch.reporter.verdicts_json import VerdictsDocument

issues_app = typer.Typer(no_args_is_help=True, help="Keep one issue on GitHub for each incident.")


issues_app.command()(sync)


@issues_app.command()
def create(
    report: Annotated[
        Path,
        typer.Argument(
            help="What `soakwatch compare` wrote with --report (Markdown) or --verdicts (JSON).", show_default=False
        ),
    ],
    apply: ApplyOption = False,
    config: ConfigOption = None,
    json_: JsonOption = False,
) -> None:
    """File what a comparison found as an issue. A dry run unless told otherwise.

    There is one issue for each test: the next comparison that finds something writes it anew, and one in which nothing
    regressed closes it. Without --apply it shows title, labels and body; with --json that is the payload of GitHub's
    `POST /repos/{owner}/{repo}/issues`, or `null` where nothing regressed. Ends with 0 also where something regressed,
    and with 3 when GitHub could not be used.

    Examples:

        soakwatch issues create regression-analysis.md

        soakwatch issues create verdicts.json --json > issue.json

        soakwatch issues create verdicts.json --apply
    """
    document, markdown = _read_report(report)
    if apply:
        from soakwatch.cli.issue_filing import file_report

        file_report(document, markdown, load_configuration(config), json_=json_)
        return
    draft = _draft(document, markdown)
    if json_:
        print_json(None if draft is None else draft.model_dump(mode="json"))
    elif draft is None:
        results.print(f"nothing regressed in {report}, so there is no issue to file", markup=False, soft_wrap=True)
    else:
        _show(draft)


@issues_app.command()
def show(fingerprint: FingerprintArgument, config: ConfigOption = None, store: StoreOption = None) -> None:
    """Show the issue of an incident as it would be written now: title, labels and body. GitHub is not asked.

    Example:

        soakwatch issues show 3f9a
    """
    from soakwatch.reporter.incident_case import case_of
    from soakwatch.store.ledger_opening import open_ledger

    configuration = with_store(load_configuration(config), store)
    now = time.time()
    with opened_keeping(configuration, writes=False) as (keeping, _), open_ledger(configuration) as ledger:
        case = case_of(find_incident(ledger, fingerprint), now, configuration.assignee)
        _show_page(case.title, case.labels, keeping.pages(now).text(case, 0))


def _read_report(report: Path) -> "tuple[VerdictsDocument, str]":
    """The verdicts of a report, and the report. Raises UsageError for any other Markdown."""
    from soakwatch.reporter.embedding import read_verdicts
    from soakwatch.reporter.markdown import render_markdown
    from soakwatch.reporter.read_back import comparison_of
    from soakwatch.reporter.verdicts_json import parse_verdicts

    text = _read(report)
    if text.lstrip().startswith("{"):
        document = parse_verdicts(text, str(report))
        return document, render_markdown(comparison_of(document))
    return read_verdicts(text, str(report)), text


def _draft(document: "VerdictsDocument", markdown: str) -> "IssueDraft | None":
    from soakwatch.reporter.issue import draft_issue

    return draft_issue(document, markdown)


def _read(report: Path) -> str:
    try:
        return report.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UsageError(f"{report}: no such file; `soakwatch compare ... --report FILE` writes one") from None
    except OSError as error:
        raise UsageError(f"{report}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{report}: not UTF-8 (byte {error.start}), so it is no report of soakwatch") from None


def _show(draft: "IssueDraft") -> None:
    _show_page(draft.title, draft.labels, draft.body)


def _show_page(title: str, labels: Iterable[str], body: str) -> None:
    for line in [f"title:  {title}", f"labels: {', '.join(labels)}", "", *body.splitlines()]:
        results.print(printable(line, longest=sys.maxsize), soft_wrap=True)
