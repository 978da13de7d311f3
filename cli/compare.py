"""`soakwatch compare` and `soakwatch report`: what changed between runs."""

from pathlib import Path
from typing import Annotated

import typer

from soakwatch.cli.comparing import compare_in, exit_code_of, write_reports
from soakwatch.cli.options import BaseArgument, ConfigOption, CurrentArgument, JsonOption, StoreOption, open_store
from soakwatch.cli.terminal import notes, print_json, print_verdicts
from soakwatch.core.configuration import load_configuration


def compare(
    base: BaseArgument,
    current: CurrentArgument,
    report: Annotated[Path | None, typer.Option(help="Also write a Markdown report to this file.")] = None,
    verdicts: Annotated[Path | None, typer.Option(help="Also write the verdicts as JSON to this file.")] = None,
    config: ConfigOption = None,
    store: StoreOption = None,
    json_: JsonOption = False,
) -> None:
    """Compare a run with earlier ones, endpoint by endpoint.

    Ends with 0 when nothing regressed, 1 when something did, 4 when a series under [[require]] could not be decided.

    Examples:

        soakwatch compare previous latest

        soakwatch compare previous:5 latest --report regression-analysis.md

        soakwatch compare 20261101-220000-3f9a 20261102-220000-77c1 --json
    """
    configuration = load_configuration(config)
    with open_store(configuration, store) as opened:
        comparison = compare_in(opened, base, current, configuration)
    write_reports(comparison, report, verdicts)
    if json_:
        from soakwatch.reporter.verdicts_json import verdicts_document

        print_json(verdicts_document(comparison).model_dump(mode="json", by_alias=True))
    else:
        print_verdicts(comparison)
        for written in filter(None, (report, verdicts)):
            notes.print(f"wrote {written}", markup=False)
    raise typer.Exit(exit_code_of(comparison, configuration))


def report(
    base: BaseArgument,
    current: CurrentArgument,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File to write [default: standard output].", show_default=False)
    ] = None,
    config: ConfigOption = None,
    store: StoreOption = None,
) -> None:
    """Write what changed between runs as Markdown, ready for an issue or a pull request.

    Ends with 0 also where something regressed; `compare` is what tells a shell.

    Examples:

        soakwatch report previous latest --out regression-analysis.md

        soakwatch report previous latest >> "$GITHUB_STEP_SUMMARY"
    """
    from soakwatch.reporter.markdown import render_markdown

    configuration = load_configuration(config)
    with open_store(configuration, store) as opened:
        comparison = compare_in(opened, base, current, configuration)
    if out is None:
        typer.echo(render_markdown(comparison))
    else:
        write_reports(comparison, out, None)
        notes.print(f"wrote {out}", markup=False)
