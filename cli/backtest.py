"""`soakwatch backtest`: what the detector would have told of the history that is stored."""

import time
from collections.abc import Iterable, Iterator
from itertools import dropwhile
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from soakwatch.cli.moments import written_moment
from soakwatch.cli.options import ConfigOption, JsonOption, StoreOption, open_store, with_store
from soakwatch.cli.progress_bar import progress_bar
from soakwatch.cli.terminal import notes, print_json
from soakwatch.core.configuration import Configuration
from soakwatch.core.configuration_file import load_configuration
from soakwatch.core.errors import StoreError, UsageError
from soakwatch.core.span import Span
from soakwatch.store.contract import WindowStore

if TYPE_CHECKING:
    # scipy takes a second to load, and most commands do without
    from soakwatch.cli.progress_bar import Show
    from soakwatch.core.mute import Mute
    from soakwatch.detector.backtest import Replay
    from soakwatch.detector.observation import Observation

MOST_DAYS = 400

_DAY = 86_400.0


def backtest(
    days: Annotated[
        float,
        typer.Option(
            help="How much of the history to judge, back from its end; what is before teaches.", min=0.01, max=MOST_DAYS
        ),
    ] = 28.0,
    truth: Annotated[
        Path | None,
        typer.Option(help="What was done to it, as `simulate history` writes: also tells how right all was."),
    ] = None,
    plots: Annotated[
        Path | None, typer.Option(help="Draw each incident into this folder: a PNG each, and one HTML page.")
    ] = None,
    config: ConfigOption = None,
    store: StoreOption = None,
    json_: JsonOption = False,
) -> None:
    """Replay the stored history, minute by minute, and tell what `watch` would have told of it.

    For a look before switching it on, or at other settings of [detector]. Nothing is written to store or ledger. What
    is planned under [[maintenance]], or was muted (`mute list --all`), is no incident.
    What is stored of the time before (up to `history`) only teaches; where that is less than `learning`, so do the
    first of the days. Ends with 0, whatever it finds.

    Examples:

        soakwatch backtest --days 28 --plots incidents

        soakwatch backtest --store trial.db --truth trial.truth.json

        SOAKWATCH_DETECTOR__MIN_EFFECT=0.2 soakwatch backtest --json
    """
    from soakwatch.cli.backtest_document import backtest_document
    from soakwatch.cli.backtest_views import print_backtest
    from soakwatch.detector.backtest_score import score
    from soakwatch.store.truth_files import read_truth

    configuration = with_store(load_configuration(config), store)
    known = None if truth is None else read_truth(truth)
    with open_store(configuration, None) as opened:
        replayed = _replay(opened, configuration, days, time.time())
        if known is not None and not known.is_about(replayed.judged):
            raise UsageError(
                f"{truth} is about another history, {_written(known.span)}; what is judged here is "
                f"{_written(replayed.judged)}"
            )
        if plots is not None:
            _draw(plots, replayed, opened)
    scored = None if known is None else score(replayed, known)
    if json_:
        print_json(backtest_document(replayed, scored).model_dump(mode="json", by_alias=True))
    else:
        print_backtest(replayed, scored)


def _replay(store: WindowStore, configuration: Configuration, days: float, now: float) -> "Replay":
    from soakwatch.detector.backtest import replay
    from soakwatch.detector.detection import Surroundings
    from soakwatch.detector.engine import Engine
    from soakwatch.detector.reading import observations
    from soakwatch.detector.timing import Timing
    from soakwatch.store.extent import newest_end

    end = newest_end(store, now)
    if end is None:
        raise UsageError(
            f"{configuration.store.address} holds no roll-ups to replay; `soakwatch store roll-up` makes them, "
            "`soakwatch simulate history` makes a history"
        )
    timing, judge_from = Timing.of(configuration.detector), end - days * _DAY
    span = Span(judge_from - timing.history * timing.step, end)
    around = Surroundings.of(configuration, store.deploys(Span(-inf, end)), store.runs(), _mutes(configuration))
    with progress_bar() as show:
        told = _counted(observations(store, timing, span), round((span.end - span.start) / timing.step), show)
        # where the store does not reach back so far, there is nothing to be learnt or judged
        known = dropwhile(lambda one: not one.series, told)
        return replay(known, Engine.begin(configuration.detector), around, judge_from)


def _mutes(configuration: Configuration) -> "list[Mute]":
    """What people have muted, where there is a ledger that knows; a backtest needs none."""
    from soakwatch.scheduler.mute_book import known_mutes
    from soakwatch.store.ledger_opening import has_ledger, open_ledger

    if not has_ledger(configuration):
        return []
    try:
        with open_ledger(configuration) as ledger:
            return known_mutes(ledger)
    except StoreError as error:
        notes.print(f"told as if nobody had muted anything: {error}", markup=False, soft_wrap=True, style="yellow")
        return []


def _written(span: Span) -> str:
    return f"{written_moment(span.start)} to {written_moment(span.end)}"


def _counted(found: Iterable["Observation"], total: int, show: "Show") -> Iterator["Observation"]:
    for number, observation in enumerate(found):
        show("replaying", number, total)
        yield observation


def _draw(folder: Path, replayed: "Replay", store: WindowStore) -> None:
    from soakwatch.cli.backtest_plots import draw_incidents

    written = draw_incidents(replayed.confirmed, store, folder)
    notes.print(f"wrote {written}", markup=False, soft_wrap=True)
