"""`soakwatch store`: what is done with all that a store keeps."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TimeRemainingColumn

from soakwatch.cli.options import ConfigOption, JsonOption, StoreOption, open_store, with_store
from soakwatch.cli.pass_lock import one_pass_at_a_time
from soakwatch.cli.store_views import copy_document, print_copied, roll_up_document, rolled_up
from soakwatch.cli.terminal import notes, print_error, print_json, results
from soakwatch.core.configuration import Configuration
from soakwatch.core.configuration_file import load_configuration
from soakwatch.core.errors import ExitCode, StoreRefused, StoreUnavailable, UsageError
from soakwatch.core.store_settings import StoreKind, StoreSection
from soakwatch.store.contract import WindowStore
from soakwatch.store.copying import copy_store, plan_copy
from soakwatch.store.opening import create_store
from soakwatch.store.roll_up_pass import expire_rolled_up, roll_up_stored

store_app = typer.Typer(no_args_is_help=True, help="Roll up what a store keeps, or copy it into another one.")

_INTERRUPTED = 130

_STORE = "influxdb, or the path of an SQLite file."


@store_app.command("roll-up")
def roll_up(config: ConfigOption = None, store: StoreOption = None, json_: JsonOption = False) -> None:
    """Bring roll-ups up to date with what has arrived, condense runs that have ended, and forget what has expired.

    Begins where the last one ended, also where that was interrupted. Windows that arrive late are rolled up again. What
    the store refuses is left out and told, and the exit code is 3.

    Examples:

        soakwatch store roll-up

        soakwatch store roll-up --store influxdb --json
    """
    now = time.time()
    configuration = with_store(load_configuration(config), store)
    with (
        _told_how_to_go_on("soakwatch store roll-up"),
        open_store(configuration, None) as opened,
        one_pass_at_a_time(configuration.store),
        _bar() as progress,
    ):
        report = roll_up_stored(opened, now, progress)
        expired = expire_rolled_up(opened, now)
    if json_:
        print_json(roll_up_document(report, expired))
    else:
        results.print(rolled_up(report, expired), markup=False, soft_wrap=True)
    for refused in report.refused:
        print_error(StoreRefused(refused))
    if report.refused:
        raise typer.Exit(ExitCode.UNREACHABLE)


@store_app.command("copy")
def copy(
    from_: Annotated[str, typer.Argument(metavar="FROM", help=_STORE, show_default=False)],
    to: Annotated[str, typer.Argument(metavar="TO", help=_STORE, show_default=False)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be copied, and write nothing.")] = False,
    config: ConfigOption = None,
    json_: JsonOption = False,
) -> None:
    """Copy the history of one store into another: runs, raw windows, roll-ups and deploys.

    FROM's roll-ups are brought up to date first. Raw windows that TO would not keep any more are not revived; what is
    kept of them for longer is copied. Interrupted or repeated, it goes on with what TO lacks. In the end both are
    compared; where they differ, the exit code is 3.

    Examples:

        soakwatch store copy soakwatch.db influxdb

        soakwatch store copy soakwatch.db influxdb --dry-run
    """
    configuration = load_configuration(config)
    source, target = (with_store(configuration, word) for word in (from_, to))
    if _place(source.store) == _place(target.store):
        raise UsageError(f"{source.store.address} would be copied onto itself; name two different stores")
    compare, open_target = (plan_copy, _as_it_is) if dry_run else (copy_store, create_store)
    with (
        _told_how_to_go_on(f"soakwatch store copy {from_} {to}"),
        open_store(source, None) as opened,
        open_target(target) as other,
        one_pass_at_a_time(*([] if dry_run else [source.store, target.store])),
        _bar() as progress,
    ):
        report = compare(opened, other, time.time(), progress)
    if json_:
        print_json(copy_document(report, dry_run=dry_run))
    else:
        print_copied(report, target.store.address, dry_run=dry_run)
    for difference in report.differences:
        print_error(StoreUnavailable(f"{target.store.address}: {difference}"))
    if report.differences:
        raise typer.Exit(ExitCode.UNREACHABLE)


def _place(section: StoreSection) -> tuple[str, ...]:
    if section.kind is StoreKind.SQLITE:
        return (str(section.path.resolve()),)
    return (section.url.rstrip("/"), section.org, section.bucket)


@contextmanager
def _as_it_is(configuration: Configuration) -> Iterator[WindowStore]:
    """The store as far as there is one: a file that does not exist is an empty one, and is not made."""
    if configuration.store.kind is StoreKind.INFLUXDB or configuration.store.path.exists():
        with open_store(configuration, None) as store:
            yield store
        return
    with TemporaryDirectory() as folder:
        empty = with_store(configuration, str(Path(folder, "empty.db")))
        with create_store(empty) as store:
            yield store


@contextmanager
def _bar() -> Iterator[Callable[[float, float], None]]:
    """A bar on standard error, where that is a terminal."""
    with Progress(
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=notes,
        transient=True,
        disable=not notes.is_terminal,
    ) as progress:
        task = progress.add_task("", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextmanager
def _told_how_to_go_on(command: str) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        notes.print(f"interrupted; `{command}` goes on from here", markup=False, style="yellow", soft_wrap=True)
        raise typer.Exit(_INTERRUPTED) from None
