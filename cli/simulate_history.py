"""`soakwatch simulate history`: weeks of a load test in minutes, with what was done to them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from soakwatch.cli.options import ConfigOption, JsonOption, StoreOption, with_store
from soakwatch.cli.progress_bar import progress_bar
from soakwatch.cli.terminal import notes, print_json
from soakwatch.core.configuration import Configuration
from soakwatch.core.configuration_file import load_configuration
from soakwatch.core.errors import UsageError
from soakwatch.core.roll_up import TEN_MINUTES
from soakwatch.core.store_settings import StoreKind, StoreSection
from soakwatch.demo.event_text import parse_event
from soakwatch.demo.history_plan import HistoryPlan
from soakwatch.store.contract import WindowStore
from soakwatch.store.opening import create_store
from soakwatch.store.truth_files import write_truth

if TYPE_CHECKING:
    from soakwatch.cli.simulated_history_views import WrittenHistory

MOST_DAYS, MOST_SERIES, MOST_REQUESTS = 366, 1_000, 10_000

_INTERRUPTED = 130
_DAY = 86_400.0
_DATES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"]


def simulate_history(
    days: Annotated[int, typer.Option(help="How long.", min=1, max=MOST_DAYS)] = 28,
    series: Annotated[int, typer.Option(help="How many endpoints.", min=1, max=MOST_SERIES)] = 50,
    seed: Annotated[int, typer.Option(help="Chooses what chance does; the same seed gives the same.", min=0)] = 1,
    event: Annotated[
        list[str] | None,
        typer.Option(help="What happens, such as 'step:+20%@day=20,series=3'; may be given several times."),
    ] = None,
    services: Annotated[int, typer.Option(help="Services that the endpoints are of.", min=1, max=MOST_SERIES)] = 5,
    requests_per_minute: Annotated[
        float, typer.Option(help="Requests to each endpoint.", min=0.1, max=MOST_REQUESTS)
    ] = 300.0,
    wander: Annotated[
        float, typer.Option(help="How far levels drift over 8 hours, as a share: 0.03 is 3 %.", min=0, max=1)
    ] = 0.03,
    without_spikes: Annotated[
        bool, typer.Option("--without-spikes", help="No spikes, bumps and bursts of errors that mean nothing.")
    ] = False,
    start: Annotated[
        datetime | None,
        typer.Option(
            help="When it began, in UTC [default: at midnight, so that it ended last midnight].",
            show_default=False,
            formats=_DATES,
        ),
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(help="Where to write what was done, as JSON [default: beside the store].", show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write it also where there is data already.")] = False,
    config: ConfigOption = None,
    store: StoreOption = None,
    json_: JsonOption = False,
) -> None:
    """Write the history of a load test into a store, without running one.

    Roll-ups of a minute and of ten minutes, load, and deploys, as if it had been measured: with a daily season, quieter
    weekends, drift, correlated noise, spikes, and few errors. What --event adds is written to a file of its own, so
    that one can see how much of it is found, and what else is. The environment is called 'simulated'.

    An event is KIND:SIZE@day=D and, separated by commas, what else is to be said: hour=H, series=I (a number from 0),
    service=NAME or all (as where nothing is said), for=DURATION such as 8m, 2h or 3d (else it lasts), deploy=yes for a
    deploy at its beginning. KIND:SIZE is one of step:+20%, creep:+2%/day, slow-tail:x4 (with share=2% and which=slowest
    or random), errors:2%, outage (every request fails), throughput:-30%, load:x2 (users), bump:x3 (for 8m), gap (of
    what is recorded), saturated (the load generator), deploy, restart.

    Examples:

        soakwatch simulate history --store trial.db

        soakwatch simulate history --store trial.db --event 'step:+20%@day=20,series=3,deploy=yes'

        soakwatch simulate history --days 14 --series 10 --seed 7 --event 'errors:2%@day=9,hour=14.5,series=3,for=2h'
    """
    now = time.time()
    plan = HistoryPlan(
        seed=seed,
        series=series,
        days=days,
        start=now // _DAY * _DAY - days * _DAY if start is None else _moment(start),
        services=services,
        requests_per_minute=requests_per_minute,
        wander=wander,
        spikes=not without_spikes,
    )
    plan = replace(plan, events=tuple(parse_event(text, plan) for text in event or ()))
    configuration = with_store(load_configuration(config), store)
    # numpy and scipy take half a second, which no other command should wait for
    from soakwatch.cli.simulated_history_views import history_document, print_history

    with create_store(configuration) as opened, _told_when_interrupted():
        if not force:
            _check_is_empty(opened, plan, configuration.store.address)
        done = _write(plan, opened, configuration, truth or _beside(configuration.store), now)
    if json_:
        print_json(history_document(done))
    else:
        print_history(done)


def _write(
    plan: HistoryPlan, store: WindowStore, configuration: Configuration, truth: Path, now: float
) -> "WrittenHistory":
    from soakwatch.cli.simulated_history_views import WrittenHistory
    from soakwatch.demo.history_writing import Horizon, write_history
    from soakwatch.demo.simulated_history import SimulatedHistory

    # an SQLite file takes what is older than it keeps, too, and has it until the next `store roll-up`
    on_server = configuration.store.kind is StoreKind.INFLUXDB
    horizon = Horizon.of(configuration.retention.seconds, now) if on_server else Horizon()
    history = SimulatedHistory(plan)
    # before the data: where it cannot be written, nothing is
    write_truth(truth, history.truth())
    with progress_bar() as show:
        written = write_history(history, store, horizon, lambda done, of: show("simulating", done, of))
    return WrittenHistory(plan, configuration.store, truth, horizon, written)


def _moment(start: datetime) -> float:
    moment = start.replace(tzinfo=UTC).timestamp()
    if moment % TEN_MINUTES or moment < 0:
        raise UsageError(f"--start {start:%Y-%m-%dT%H:%M:%SZ} should be at whole ten minutes, and not before 1970")
    return moment


def _beside(section: StoreSection) -> Path:
    return section.path.with_suffix(".truth.json") if section.kind is StoreKind.SQLITE else Path("history.truth.json")


def _check_is_empty(store: WindowStore, plan: HistoryPlan, address: str) -> None:
    if store.runs() or any(True for _ in store.roll_ups(TEN_MINUTES, plan.span)):
        raise UsageError(
            f"{address} has data already, and a simulated history would be mixed with it; name another store with "
            "--store, or write it all the same with --force"
        )


@contextmanager
def _told_when_interrupted() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        notes.print("interrupted; the same command with --force writes what is missing", style="yellow", soft_wrap=True)
        raise typer.Exit(_INTERRUPTED) from None
