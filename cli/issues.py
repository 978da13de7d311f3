"""`soakwatch issues`: what GitHub would be asked to file."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from soakwatch.cli.options import JsonOption
from soakwatch.cli.terminal import print_json, printable, results
from soakwatch.core.errors import UsageError

if TYPE_CHECKING:
    from soakwatch.reporter.issue import IssueDraft

issues_app = typer.Typer(no_args_is_help=True, help="Draft an issue about what regressed.")


@issues_app.callback()
def _issues() -> None:
    pass


@issues_app.command()
def create(
    report: Annotated[
        Path,
        typer.Argument(
            help="What `soakwatch compare` wrote with --report (Markdown) or --verdicts (JSON).", show_default=False
        ),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be filed.")] = False,
    json_: JsonOption = False,
) -> None:
    """Show the issue that a report would become: its title, labels and body.

    With --json it is the payload of GitHub's `POST /repos/{owner}/{repo}/issues`, or `null` where nothing regressed.
    Filing is not part of this version, so --dry-run must be given. Ends with 0 also where something regressed.

    Examples:

        soakwatch issues create regression-analysis.md --dry-run

        soakwatch issues create verdicts.json --dry-run --json > issue.json
    """
    if not dry_run:
        raise UsageError("filing issues is not part of this version; add --dry-run to see what would be filed")
    draft = _draft(report)
    if json_:
        print_json(None if draft is None else draft.model_dump(mode="json"))
    elif draft is None:
        results.print(f"nothing regressed in {report}, so there is no issue to file", markup=False, soft_wrap=True)
    else:
        _show(draft)


def _draft(report: Path) -> "IssueDraft | None":
    from soakwatch.reporter.embedding import read_verdicts
    from soakwatch.reporter.issue import draft_issue
    from soakwatch.reporter.markdown import render_markdown
    from soakwatch.reporter.read_back import comparison_of
    from soakwatch.reporter.verdicts_json import parse_verdicts

    text = _read(report)
    if text.lstrip().startswith("{"):
        document = parse_verdicts(text, str(report))
        return draft_issue(document, render_markdown(comparison_of(document)))
    return draft_issue(read_verdicts(text, str(report)), text)


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
    lines = [f"title:  {draft.title}", f"labels: {', '.join(draft.labels)}", "", *draft.body.splitlines()]
    for line in lines:
        results.print(printable(line, longest=sys.maxsize), soft_wrap=True)
