"""`soakwatch compare` and `soakwatch report`: what changed between runs, of the store or in files."""

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from soakwatch.cli.comparing import compare_named, exit_code_of, write_reports
from soakwatch.cli.file_roles import check_roles
from soakwatch.cli.github_actions import print_annotations, tell_github, without_commands
from soakwatch.cli.options import ConfigOption, JsonOption, StoreOption
from soakwatch.cli.terminal import notes, print_json, print_verdicts
from soakwatch.core.configuration_file import load_configuration
from soakwatch.core.errors import UsageError
from soakwatch.core.verdict import Comparison, Metric

BaseArgument = Annotated[
    str,
    typer.Argument(
        help="What to compare it with: a run, 'previous', 'previous:5' for the five runs before, or a file.",
        show_default=False,
    ),
]
CurrentArgument = Annotated[
    str,
    typer.Argument(help="The run in question: an id, its beginning, 'latest', or a file.", show_default=False),
]
MetricOption = Annotated[
    list[Metric] | None,
    typer.Option("--metric", "-m", help="Compare only this metric; may be given several times [default: all]."),
]


def compare(
    base: BaseArgument,
    current: CurrentArgument,
    metric: MetricOption = None,
    report: Annotated[Path | None, typer.Option(help="Also write a Markdown report to this file.")] = None,
    verdicts: Annotated[Path | None, typer.Option(help="Also write the verdicts as JSON to this file.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Also write JUnit XML, as CI systems read it.")] = None,
    github: Annotated[
        bool,
        typer.Option(
            "--github", help="In GitHub Actions: write the job summary, annotations, and outputs verdict and report."
        ),
    ] = False,
    annotations: Annotated[
        bool, typer.Option(help="With --github: print annotations; GitHub shows ten of a step.")
    ] = True,
    config: ConfigOption = None,
    store: StoreOption = None,
    json_: JsonOption = False,
) -> None:
    """Compare a run with earlier ones, endpoint by endpoint.

    Both may also be files: Locust's own (`nightly_stats.csv`, what `--json-file` wrote), baselines or metrics.

    Ends with 0 when nothing regressed, 1 when something did, 4 when a series under [[require]] could not be decided.

    Examples:

        soakwatch compare previous latest

        soakwatch compare previous:5 latest --report regression-analysis.md

        soakwatch compare 20261101-220000-3f9a 20261102-220000-77c1 --json

        soakwatch compare performance-baselines-v2.json metrics.json --metric p95 --metric error_rate

        soakwatch compare performance-baselines-v2.json latest --junit junit.xml --github
    """
    if json_ and github:
        raise UsageError(
            "--json leaves standard output to the machine, and --github writes annotations there; take one"
        )
    with without_commands() if github else nullcontext():
        configuration = load_configuration(config)
        check_roles(base, current, (report, verdicts, junit))
        comparison = compare_named(base, current, configuration, store, metric or tuple(Metric))
        write_reports(comparison, report, verdicts, junit)
        (_print_document if json_ else print_verdicts)(comparison)
        for written in filter(None, (report, verdicts, junit)):
            notes.print(f"wrote {written}", markup=False)
        if github:
            tell_github(comparison, report)
    if github and annotations:
        print_annotations(comparison)
    raise typer.Exit(exit_code_of(comparison, configuration))


def _print_document(comparison: Comparison) -> None:
    from soakwatch.reporter.verdicts_json import verdicts_document

    print_json(verdicts_document(comparison).model_dump(mode="json", by_alias=True))


def report(
    base: BaseArgument,
    current: CurrentArgument,
    metric: MetricOption = None,
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
    check_roles(base, current, (out,))
    comparison = compare_named(base, current, configuration, store, metric or tuple(Metric))
    if out is None:
        typer.echo(render_markdown(comparison))
    else:
        write_reports(comparison, out)
        notes.print(f"wrote {out}", markup=False)
