"""`soakwatch grafana publish`: the dashboards, over Grafana's API."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from soakwatch.cli.options import ConfigOption, JsonOption
from soakwatch.cli.terminal import notes, printable
from soakwatch.core.configuration_file import load_configuration
from soakwatch.core.errors import ExitCode

if TYPE_CHECKING:
    from soakwatch.grafana.publisher import Outlook, PublishReport
    from soakwatch.grafana.publishing import Step

DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only show what would be written.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Overwrite also what people have changed.")]


def publish(
    folder: Annotated[
        str | None,
        typer.Option("--folder", help="Title of the folder for new dashboards, made where there is none."),
    ] = None,
    from_: Annotated[
        Path | None,
        typer.Option("--from", help="Folder with dashboards (*.json) to publish instead of those of soakwatch."),
    ] = None,
    dry_run: DryRunOption = False,
    force: ForceOption = False,
    config: ConfigOption = None,
    json_: JsonOption = False,
) -> None:
    """Write the dashboards into a folder of Grafana. Again and again: what is as it should be is not written.

    What people changed in Grafana is named and left as it is, unless --force says otherwise. Each dashboard carries a
    tag that says what was published, and by which a change is told. Dashboards stay in the folder that people moved
    them to, and those that Grafana provisions from files are left alone.

    It needs grafana.url, and in SOAKWATCH_GRAFANA__TOKEN the token of a service account with the role Editor. Ends with
    3 when something could not be written (publishing again goes on with it), and with 4 when something was left
    because people had changed it.

    Examples:

        soakwatch grafana publish --dry-run

        soakwatch grafana publish --folder "Load tests"

        soakwatch grafana publish --from dashboards --force --json
    """
    from soakwatch.cli.grafana_connection import connected
    from soakwatch.cli.grafana_views import print_published, print_steps
    from soakwatch.grafana.dashboard_files import dashboards, dashboards_in
    from soakwatch.grafana.dashboard_shelf import DashboardShelf
    from soakwatch.grafana.publisher import Publisher

    configuration = load_configuration(config)
    wanted = dashboards() if from_ is None else dashboards_in(from_)
    with connected(configuration) as api:
        publisher = Publisher(DashboardShelf(api), folder or configuration.grafana.folder, force)
        outlook = publisher.look(wanted)
        report = None if dry_run else publisher.carry_out(outlook)
    if json_:
        print_published(api.where.url, outlook, report)
    else:
        print_steps(outlook.steps if report is None else report.done, is_done=report is not None)
    _tell(outlook, report)
    _end(outlook.steps if report is None else report.done, report)


def _tell(outlook: "Outlook", report: "PublishReport | None") -> None:
    for warning in outlook.warnings:
        notes.print(printable(warning, longest=sys.maxsize), style="yellow", soft_wrap=True)
    for trouble in report.trouble if report else ():
        notes.print(printable(trouble, longest=sys.maxsize), style="red", soft_wrap=True)
    if report is None:
        notes.print("a dry run, nothing was written", markup=False)
    else:
        written = sum(step.is_writing for step in report.done)
        left = f"; not written: {len(report.left)}" if report.left else ""
        notes.print(f"dashboards written: {written}{left}", markup=False)


def _end(steps: "Sequence[Step]", report: "PublishReport | None") -> None:
    if report is not None and report.trouble:
        raise typer.Exit(ExitCode.UNREACHABLE)
    if any(step.needs_decision for step in steps):
        raise typer.Exit(ExitCode.UNDECIDED)
