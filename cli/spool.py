"""`soakwatch spool`: what waits on this machine for the store."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from soakwatch.cli.options import ConfigOption, JsonOption, StoreOption, with_store
from soakwatch.cli.spool_views import describe_letters, print_contents, print_replay
from soakwatch.cli.terminal import notes, print_json, results
from soakwatch.collector.dead_letters import DeadLetters
from soakwatch.collector.replay import Delivered, deliver_batch, deliver_letters, orphans_in
from soakwatch.collector.spool_contents import Contents, contents_of
from soakwatch.core.configuration import Configuration
from soakwatch.core.configuration_file import load_configuration
from soakwatch.core.errors import ExitCode, StoreUnavailable, UsageError
from soakwatch.store.opening import create_store

spool_app = typer.Typer(no_args_is_help=True, help="Show, deliver or drop what waits on this machine for the store.")


@spool_app.command()
def status(config: ConfigOption = None, store: StoreOption = None, json_: JsonOption = False) -> None:
    """Show what waits for the store, and what it refused.

    Example:

        soakwatch spool status
    """
    folder = with_store(load_configuration(config), store).store.spool_folder
    found = list(contents_of(folder))
    letters = describe_letters(DeadLetters(folder))
    if json_:
        print_json({"folder": str(folder), "spools": list(map(_document, found)), "dead_letters": asdict(letters)})
    else:
        print_contents(folder, found)
        results.print(str(letters), markup=False, soft_wrap=True)


@spool_app.command()
def replay(
    dead_letters: Annotated[
        bool, typer.Option("--dead-letters", help="Try those again as well that the store refused before.")
    ] = False,
    config: ConfigOption = None,
    store: StoreOption = None,
    json_: JsonOption = False,
) -> None:
    """Deliver now what ended processes left in the spool.

    What a process that is alive has in its spool is left to it. Replaying twice changes nothing. Ends with 3 when the
    store cannot be reached; then the rest goes on waiting.

    Examples:

        soakwatch spool replay

        soakwatch spool replay --dead-letters
    """
    configuration = with_store(load_configuration(config), store)
    folder = configuration.store.spool_folder
    delivered, trouble = Delivered(), ""
    try:
        for part in _replay(configuration, folder, with_letters=dead_letters):
            delivered += part
    except StoreUnavailable as error:
        trouble = str(error)
    left = list(contents_of(folder))
    if json_:
        print_json({**asdict(delivered), "left": list(map(_document, left)), "trouble": trouble})
    else:
        print_replay(delivered, left, folder, trouble)
    if trouble:
        raise typer.Exit(ExitCode.UNREACHABLE)


@spool_app.command()
def drop(
    yes: Annotated[bool, typer.Option("--yes", help="Drop it; without this, only say what would be lost.")] = False,
    config: ConfigOption = None,
    store: StoreOption = None,
    json_: JsonOption = False,
) -> None:
    """Throw away what ended processes left in the spool. It is lost then.

    Example:

        soakwatch spool drop --yes
    """
    folder = with_store(load_configuration(config), store).store.spool_folder
    with orphans_in(folder) as spools:
        lost = [contents for spool in spools if (contents := Contents.of(spool)).records]
        if json_:
            print_json({"lost": list(map(_document, lost)), "dropped": yes})
        else:
            print_contents(folder, lost)
        if lost and not yes:
            raise UsageError("nothing was dropped; with --yes, what is listed above is lost")
        for spool in spools:
            spool.drop()
    if lost and not json_:
        results.print(f"dropped {sum(one.requests for one in lost):,} requests", markup=False)


def _replay(configuration: Configuration, folder: Path, *, with_letters: bool) -> Iterator[Delivered]:
    letters = DeadLetters(folder)
    with orphans_in(folder) as spools, _progress() as progress:
        waiting = {spool.source: Contents.of(spool).records for spool in spools}
        if not any(waiting.values()) and not (with_letters and any(letters.read())):
            return
        with create_store(configuration) as opened:
            for spool in spools:
                task = progress.add_task(f"process {spool.source}", total=waiting[spool.source])
                while (part := deliver_batch(spool, opened, letters)) is not None:
                    progress.advance(task, part.records)
                    yield part
            if with_letters:
                yield from deliver_letters(letters, opened)


def _progress() -> Progress:
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TextColumn("records"))
    return Progress(*columns, console=notes, transient=True)


def _document(contents: Contents) -> dict[str, Any]:
    span = contents.span
    return {**asdict(contents), "runs": sorted(contents.runs), "span": [span.start, span.end] if span else None}
