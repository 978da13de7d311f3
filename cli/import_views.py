"""How an import looks: while it goes on, and what became of each file, for people and for machines."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rich import box
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from soakwatch.cli.importing import ImportedFile
from soakwatch.cli.terminal import duration, notes, printable, results
from soakwatch.core.errors import UsageError


def import_progress() -> Progress:
    """A bar on standard error, where that is a terminal."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    return Progress(*columns, console=notes, transient=True, disable=not notes.is_terminal)


def print_imported(done: Sequence[ImportedFile]) -> None:
    """What became of each file, then what people should know of it."""
    results.print(_table(done))
    for one in done:
        for remark in one.remarks:
            notes.print(printable(f"{one.path}: {remark}", sys.maxsize), style="yellow", soft_wrap=True)


def _table(done: Sequence[ImportedFile]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("file", "run", "from (UTC)", "lasted"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "run")
    for heading in ("endpoints", "requests", "windows"):
        table.add_column(heading, justify="right")
    for one in done:
        table.add_row(
            printable(str(one.path)),
            one.run.id,
            f"{datetime.fromtimestamp(one.run.start, UTC):%Y-%m-%d %H:%M:%S}",
            duration(one.run),
            *(f"{number:,}" for number in (len(one.series), one.requests, one.windows)),
        )
    return table


def imported_document(done: Sequence[ImportedFile], problems: Sequence[UsageError]) -> dict[str, Any]:
    """The same for machines."""
    return {
        "files": [
            {
                "file": str(one.path),
                "run": one.run.id,
                "start": one.run.start,
                "end": one.run.end,
                "endpoints": len(one.series),
                "requests": one.requests,
                "windows": one.windows,
                "remarks": list(one.remarks),
            }
            for one in done
        ],
        "problems": [str(problem) for problem in problems],
    }
