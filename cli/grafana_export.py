"""`soakwatch grafana export`: the files, for those who provision Grafana themselves."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from soakwatch.cli.grafana_publish import ForceOption
from soakwatch.cli.terminal import notes, printable, results
from soakwatch.core.errors import ExitCode


def export(
    folder: Annotated[Path, typer.Argument(help="Where the files go; made where it is missing.", show_default=False)],
    force: ForceOption = False,
) -> None:
    """Write the files that Grafana can provision: dashboards, and what names data source, folders and alert rules.

    Files that are there and differ are named and left as they are, unless --force says otherwise; then it ends with 4.

    Examples:

        soakwatch grafana export grafana

        soakwatch grafana export /etc/grafana --force
    """
    from soakwatch.grafana.dashboard_files import files_to_provision
    from soakwatch.grafana.exporting import export as export_files

    exported = export_files(files_to_provision(), folder, force=force)
    for path in exported.written:
        results.print(printable(f"wrote {path}", longest=sys.maxsize), soft_wrap=True)
    for path in exported.left:
        notes.print(
            printable(f"left {path}: it is there and differs; --force overwrites it", longest=sys.maxsize),
            soft_wrap=True,
            style="yellow",
        )
    notes.print(f"files written: {len(exported.written)}; as they were: {len(exported.unchanged)}", markup=False)
    if exported.left:
        raise typer.Exit(ExitCode.UNDECIDED)
