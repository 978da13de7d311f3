"""`soakwatch import`: runs of the past."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from soakwatch.cli.import_views import import_progress, imported_document, print_imported
from soakwatch.cli.importing import Importing
from soakwatch.cli.options import ConfigOption, JsonOption, StoreOption, with_store
from soakwatch.cli.terminal import print_error, print_json
from soakwatch.cli.unknown_services import tell_unknown_services
from soakwatch.collector.history_files import find_histories
from soakwatch.core.configuration import Configuration
from soakwatch.core.configuration_file import load_configuration
from soakwatch.core.errors import ExitCode
from soakwatch.core.store_settings import StoreKind, StoreSection
from soakwatch.store.contract import WindowStore
from soakwatch.store.opening import create_store

import_app = typer.Typer(no_args_is_help=True, help="Bring runs of the past into the store.")


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
    configuration = with_store(load_configuration(config), store)
    files = find_histories(paths)
    with import_progress() as progress, _opened(configuration, dry_run=dry_run) as opened:
        importing = Importing(configuration, service, opened, _beside(configuration.store), progress, time.time())
        done = list(importing.files(files))
    if json_:
        print_json(imported_document(done, importing.problems))
    elif done:
        print_imported(done)
    tell_unknown_services(series for one in done for series in one.series)
    for problem in importing.problems:
        print_error(problem)
    if importing.problems:
        raise typer.Exit(ExitCode.USAGE)


@contextmanager
def _opened(configuration: Configuration, *, dry_run: bool) -> Iterator[WindowStore | None]:
    if dry_run:
        yield None
        return
    with create_store(configuration) as store:
        yield store


def _beside(section: StoreSection) -> Path | None:
    """The folder of the store, this one where that is on a server; None where a dry run may not write there."""
    folder = section.path.absolute().parent if section.kind is StoreKind.SQLITE else Path.cwd()
    return folder if os.access(folder, os.W_OK) else None
