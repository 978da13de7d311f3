"""`soakwatch status`: one screen that says how all of it is."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer
from rich.live import Live

from soakwatch.cli.options import ConfigOption, JsonOption, StoreOption, open_store, with_store
from soakwatch.cli.terminal import print_json, print_json_line, results
from soakwatch.core.configuration import Configuration
from soakwatch.core.configuration_file import load_configuration
from soakwatch.core.errors import SoakwatchError, StoreUnavailable

if TYPE_CHECKING:
    # scipy takes a second to load, and most commands do without
    from soakwatch.scheduler.status import Status


def status(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on, until Ctrl-C.")] = False,
    every: Annotated[
        float, typer.Option("--every", help="Seconds between two looks, with --follow.", min=1.0, max=3600.0)
    ] = 5.0,
    config: ConfigOption = None,
    store: StoreOption = None,
    json_: JsonOption = False,
) -> None:
    """Show what runs, what is normal, what is wrong and since when, and how the daemon and its jobs are.

    Reads the ledger, the store and this machine's spool, and asks no daemon, so that it also works where none is. What
    cannot be read is said, and the rest is shown. With --json --follow, each look is a document on a line of its own.

    Ends with 0 also when something is wrong: `detect` is what tells a shell. Ends with 3 when there is no ledger; with
    --follow, one that goes away later is said, beside what was known last.

    Examples:

        soakwatch status

        soakwatch status --follow

        soakwatch status --json
    """
    from soakwatch.cli.status_document import document_of
    from soakwatch.cli.status_views import status_screen

    configuration = with_store(load_configuration(config), store)
    look = following(configuration)
    if json_ and follow:
        _repeat(lambda: print_json_line(document_of(look())), every)
    elif json_:
        print_json(document_of(look()))
    elif follow:
        with Live(console=results, auto_refresh=False) as live:
            _repeat(lambda: live.update(status_screen(look()), refresh=True), every)
    else:
        results.print(status_screen(look()))


def following(configuration: Configuration) -> Callable[[], "Status"]:
    """Looks again and again; a ledger that goes away later is trouble beside what was known last.

    The first look raises StoreUnavailable without a ledger.
    """
    from soakwatch.scheduler.status import in_trouble

    known: list[Status] = []

    def look() -> "Status":
        try:
            known[:] = [_look(configuration)]
        except StoreUnavailable as error:
            if not known:
                raise
            return in_trouble(known[0], error)
        return known[0]

    return look


def _repeat(show: Callable[[], None], every: float) -> None:
    with suppress(KeyboardInterrupt):
        while True:
            show()
            time.sleep(every)


def _look(configuration: Configuration) -> "Status":
    """Raises StoreUnavailable without a ledger; what else cannot be read is part of what is shown."""
    from soakwatch.scheduler.detection import Detection
    from soakwatch.scheduler.status import in_trouble, status_of_ledger, status_of_machine, status_of_store
    from soakwatch.store.ledger_opening import open_ledger

    with open_ledger(configuration) as ledger:
        known = status_of_ledger(ledger, configuration.environment, time.time())
        try:
            with open_store(configuration, None) as store:
                known = status_of_store(known, store, Detection(store, ledger, configuration))
        except SoakwatchError as error:
            known = in_trouble(known, error)
    return status_of_machine(known, configuration)
