"""`soakwatch soak`: the load that the daemon keeps running, started, stopped and looked at."""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table

from soakwatch.cli.moments import written_minute, written_moment
from soakwatch.cli.options import ConfigOption, JsonOption, StoreOption, with_store
from soakwatch.cli.terminal import notes, print_json, printable, results
from soakwatch.core.configuration_file import load_configuration

if TYPE_CHECKING:
    # what the scheduler needs takes a moment to load, and most commands do without
    from soakwatch.scheduler.soak_state import SoakState

soak_app = typer.Typer(no_args_is_help=True, help="Start, stop and look at the load that the daemon keeps running.")

NameArgument = Annotated[str, typer.Argument(help="The soak, as its [[soak]] entry names it.", show_default=False)]
NoWaitOption = Annotated[bool, typer.Option("--no-wait", help="Say what is wanted, and do not wait until it is so.")]


@soak_app.command("start")
def start(
    name: NameArgument, no_wait: NoWaitOption = False, config: ConfigOption = None, store: StoreOption = None
) -> None:
    """Let the daemon run a soak: without end, or for its `duration`. Waits until it makes load.

    Ends with 3 where no daemon is at work, or where the soak does not run, with what is wrong.

    Example:

        soakwatch soak start staging
    """
    _want(name, wanted=True, waits=not no_wait, config=config, store=store)


@soak_app.command("stop")
def stop(
    name: NameArgument, no_wait: NoWaitOption = False, config: ConfigOption = None, store: StoreOption = None
) -> None:
    """Let the daemon end a soak in order, until somebody starts it again; its schedule begins it no more, either.

    Waits until Locust has ended: it finishes what it counts, and hands over what is in its spool.

    Example:

        soakwatch soak stop staging
    """
    _want(name, wanted=False, waits=not no_wait, config=config, store=store)


@soak_app.command("status")
def status(config: ConfigOption = None, store: StoreOption = None, json_: JsonOption = False) -> None:
    """Show how the soaks are doing, as the daemon said last: a quarter of a minute ago at most.

    Example:

        soakwatch soak status --json
    """
    from soakwatch.cli.daemon_life import who_works
    from soakwatch.cli.soak_document import SoakStatusDocument
    from soakwatch.cli.soak_wish import is_too_early, working_report
    from soakwatch.core.errors import StoreUnavailable
    from soakwatch.store.ledger_opening import open_ledger

    configuration = with_store(load_configuration(config), store)
    with open_ledger(configuration) as ledger:
        who_works(ledger, time.time())
        report = working_report(ledger)
    if report is None or is_too_early(report):
        raise StoreUnavailable(
            "the daemon has only just begun, and said nothing yet; ask again in a quarter of a minute"
        )
    if json_:
        print_json(SoakStatusDocument.of(report, report.soaks).model_dump(mode="json", by_alias=True))
    elif report.soaks:
        results.print(_table(report.soaks))
        notes.print(f"as {report.holder} said at {written_moment(report.at)}", markup=False, soft_wrap=True)
    else:
        results.print("no soaks; a [[soak]] entry in soakwatch.toml makes one", markup=False)


def _want(name: str, *, wanted: bool, waits: bool, config: "ConfigOption", store: str | None) -> None:
    from soakwatch.cli.daemon_life import who_works
    from soakwatch.cli.soak_wish import PATIENCE, follow, note, require_known, restarts_of
    from soakwatch.scheduler.soak_book import Wish
    from soakwatch.store.ledger_opening import open_ledger

    configuration = with_store(load_configuration(config), store)
    require_known(configuration, name)
    wish = Wish(wanted, time.time())
    with open_ledger(configuration) as ledger:
        who_works(ledger, wish.at)
        restarts = restarts_of(ledger, name)
        note(ledger, name, wish)
        if not waits:
            notes.print(f"the daemon will {'run' if wanted else 'end'} {name} within seconds", markup=False)
            return
        with notes.status(f"waiting for {name} to {'run' if wanted else 'end'}") as spinner:

            def show(said: str) -> None:
                spinner.update(printable(f"{name}: {said}"))

            state = follow(ledger, name, wish, PATIENCE, show, restarts)
    if wanted:
        notes.print(printable(f"{name} runs since {_since(state)} as run {state.run} of the test {state.test}", 400))
    else:
        notes.print(f"{name} has ended; it begins again with `soakwatch soak start {name}`", markup=False)


def _since(state: "SoakState") -> str:
    return written_moment(state.since) if state.since is not None else "a moment ago"


def _table(soaks: "Iterable[SoakState]") -> Table:
    from soakwatch.cli.soak_words import what_it_does

    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("soak", "state", "since (UTC)", "next (UTC)"):
        table.add_column(heading, no_wrap=True)
    table.add_column("restarts", justify="right")
    for heading in ("run", "trouble"):
        table.add_column(heading, overflow="fold")
    for one in soaks:
        moments = [written_minute(moment) if moment is not None else "" for moment in (one.since, one.due)]
        names = printable(one.run), printable(one.trouble, 400)
        table.add_row(printable(one.name), what_it_does(one), *moments, str(one.restarts), *names)
    return table
