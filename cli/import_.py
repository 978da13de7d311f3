"""`soakwatch import`: runs of the past."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from soakwatch.cli.options import ConfigOption, JsonOption, StoreOption
from soakwatch.cli.terminal import duration, notes, print_error, print_json, printable, results
from soakwatch.collector.history_files import check_is_history, find_histories
from soakwatch.collector.history_import import StagedHistory, content_of, stage_history, write_history
from soakwatch.core.configuration import Configuration, load_configuration
from soakwatch.core.errors import ExitCode, UsageError
from soakwatch.core.run import Run
from soakwatch.core.window import Window
from soakwatch.store.contract import WindowStore
from soakwatch.store.sqlite import SqliteStore

import_app = typer.Typer(no_args_is_help=True, help="Bring runs of the past into the store.")


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """What became of one file, or would become of it; `remarks` are sentences for people."""

    path: Path
    run: Run
    endpoints: int
    requests: int
    windows: int
    remarks: tuple[str, ...]


@import_app.command("csv")
def import_csv(
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="`_stats_history.csv` files, or folders of them, searched recursively.",
            show_default=False,
        ),
    ],
    service: Annotated[str, typer.Option(help="Service of files that only have Locust's `Aggregated` rows.")] = "all",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be imported, and leave the store as it is.")
    ] = False,
    config: ConfigOption = None,
    store: StoreOption = None,
    json_: JsonOption = False,
) -> None:
    """Import histories that Locust wrote with `--csv`, so that the first comparison has something to compare with.

    Each file becomes a run. Counts are exact; response times are rebuilt from the percentile columns. The same file
    again, also after it has grown, is the same run. With `--csv-full-history` Locust writes endpoints, without it only
    their sum. Set `test` in soakwatch.toml to what later runs are called, so that they are compared with these.

    A file that is wrong is told about and nothing of it is imported; the others are, and the exit code is 2.

    Examples:

        soakwatch import csv nightly_stats_history.csv

        soakwatch import csv results/ --dry-run
    """
    configuration = load_configuration(config)
    files = find_histories(paths)
    path = store or configuration.store.path
    with _progress() as progress, _opened(path, dry_run=dry_run) as opened:
        importing = _Importing(configuration, service, opened, progress)
        done = list(importing.files(files))
    if json_:
        print_json(_document(done, importing.problems))
    elif done:
        results.print(_table(done))
        _tell_remarks(done)
    for problem in importing.problems:
        print_error(problem)
    if importing.problems:
        raise typer.Exit(ExitCode.USAGE)


@contextmanager
def _opened(path: Path, *, dry_run: bool) -> Iterator[WindowStore | None]:
    if dry_run:
        yield None
        return
    with SqliteStore.create(path) as store:
        yield store


def _progress() -> Progress:
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    return Progress(*columns, console=notes, transient=True, disable=not notes.is_terminal)


class _Importing:
    """Imports file by file; `problems` says what was wrong with those that were not imported."""

    def __init__(
        self, configuration: Configuration, service: str, store: WindowStore | None, progress: Progress
    ) -> None:
        self.problems: list[UsageError] = []
        self._configuration = configuration
        self._service = service
        self._store = store
        self._progress = progress
        self._known: dict[str, Run] = {} if store is None else {run.id: run for run in store.runs()}
        self._here: dict[str, Path] = {}

    def files(self, files: Sequence[Path]) -> Iterator[ImportedFile]:
        """Import `files` one after the other. Raises StoreError."""
        for number, file in enumerate(files, 1):
            task = self._progress.add_task(f"{file.name} ({number} of {len(files)})", total=None)
            try:
                yield self._file(file, task)
            except UsageError as problem:
                self.problems.append(problem)
            finally:
                self._progress.remove_task(task)

    def _file(self, file: Path, task: TaskID) -> ImportedFile:
        check_is_history(file)
        size = file.stat().st_size
        # half of the way is reading, the other half writing; both are shown in bytes of the file
        self._progress.update(task, total=size)
        with stage_history(
            file, self._configuration, self._service, lambda read: self._progress.update(task, completed=read / 2)
        ) as history:
            requests = max(1, history.facts.requests)
            return self._staged(
                history, lambda written: self._progress.update(task, completed=size * (0.5 + written / requests / 2))
            )

    def _staged(self, history: StagedHistory, progress: Callable[[int], None]) -> ImportedFile:
        run, remarks = history.run, remarks_on(history)
        obstacle = self._obstacle(history)
        if obstacle:
            return _imported(history, run, 0, (*remarks, f"not imported: {obstacle}"))
        if self._store is None:
            windows = sum(isinstance(point, Window) for point in history.points())
        else:
            run, windows = write_history(history, self._store, progress)
        remarks += self._other_settings(run)
        self._known[run.id] = run
        self._here[run.id] = history.facts.path
        return _imported(history, run, windows, remarks)

    def _obstacle(self, history: StagedHistory) -> str:
        """Why a history is not to be imported; empty where nothing is in the way."""
        if not history.facts.requests:
            return "no request is counted in it"
        known, end = self._known.get(history.run.id), history.facts.end
        if known is None or known.end is None or known.end < end:
            return ""
        if known.id in self._here:
            return f"it is the same run as {self._here[known.id]}"
        return "the store has more of this run already" if known.end > end else ""

    def _other_settings(self, run: Run) -> tuple[str, ...]:
        content = content_of(run.id)
        others = [known for known in self._known if content_of(known) == content and known != run.id]
        if not others:
            return ()
        return (f"the store has it twice now: as {others[0]} with another environment, test, services or windows",)


def remarks_on(history: StagedHistory) -> tuple[str, ...]:
    """What people should know of a history that is not as it could be."""
    facts = history.facts
    remarks = {
        "only Locust's Aggregated rows are in it; with --csv-full-history it would have endpoints": facts.only_total,
        "its last line is cut off, and was left out": facts.cut,
        f"Locust reset its statistics in it; {facts.reset:,} requests from before are imported, too": facts.resets,
        "the clock was set back in it; its windows go on from where they were": facts.setbacks,
        f"{history.over_guard:,} endpoints are counted as 'other' (see collector.max_series)": history.over_guard,
    }
    return tuple(remark for remark, holds in remarks.items() if holds)


def _imported(history: StagedHistory, run: Run, windows: int, remarks: tuple[str, ...]) -> ImportedFile:
    return ImportedFile(history.facts.path, run, len(history.series), history.facts.requests, windows, remarks)


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
            *(f"{number:,}" for number in (one.endpoints, one.requests, one.windows)),
        )
    return table


def _tell_remarks(done: Sequence[ImportedFile]) -> None:
    for one in done:
        for remark in one.remarks:
            notes.print(printable(f"{one.path}: {remark}", sys.maxsize), style="yellow", soft_wrap=True)


def _document(done: Sequence[ImportedFile], problems: Sequence[UsageError]) -> dict[str, Any]:
    return {
        "files": [
            {
                "file": str(one.path),
                "run": one.run.id,
                "start": one.run.start,
                "end": one.run.end,
                "endpoints": one.endpoints,
                "requests": one.requests,
                "windows": one.windows,
                "remarks": list(one.remarks),
            }
            for one in done
        ],
        "problems": [str(problem) for problem in problems],
    }
