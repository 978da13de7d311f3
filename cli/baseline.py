"""`soakwatch baseline`: what later runs are compared with, in files or as `watch` learnt it."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from soakwatch.cli.extracting import DryRunOption, FilesArgument, ForceOption, Output, finish, split_files
from soakwatch.cli.options import ConfigOption, CurrentArgument, JsonOption, StoreOption, open_store, with_store
from soakwatch.cli.selection import PREVIOUS, select_baselines, select_run
from soakwatch.cli.summary_tables import differences_document, print_differences
from soakwatch.cli.terminal import notes, print_json
from soakwatch.cli.unknown_services import tell_unknown_services
from soakwatch.collector.locust_files import read_runs
from soakwatch.core.configuration_file import load_configuration
from soakwatch.core.errors import UnknownRun, UsageError
from soakwatch.core.run import Run
from soakwatch.core.run_summary import PinnedRun
from soakwatch.reporter.summary_diff import diff_summaries
from soakwatch.store.contract import WindowStore
from soakwatch.store.summary_files import MadeFrom, SummaryKind, read_summaries, render_baselines

baseline_app = typer.Typer(
    no_args_is_help=True,
    help="Make baseline files for version control, and look at those; show what `watch` takes for normal.",
)


@baseline_app.command()
def extract(
    files: FilesArgument,
    config: ConfigOption = None,
    dry_run: DryRunOption = False,
    force: ForceOption = False,
    json_: JsonOption = False,
) -> None:
    """Make a baseline file of what Locust wrote; each run among the files becomes one of it.

    Files whose names begin alike (nightly_stats.csv, nightly_failures.csv) are of one run. Services are told apart as
    in runs of the store. The same files give the same bytes.

    Examples:

        soakwatch baseline extract nightly_stats.csv nightly_failures.csv performance-baselines-v2.json

        soakwatch baseline extract results/*_stats.csv performance-baselines-v2.json --dry-run
    """
    inputs, path = split_files(files)
    output = Output(path, SummaryKind.BASELINES, dry_run, force)
    output.require_free()
    runs = read_runs(inputs, load_configuration(config))
    finish(output, runs, render_baselines(runs, [MadeFrom.of(file) for file in inputs]), json_=json_)
    tell_unknown_services(series for run in runs for series in run.endpoints)


@baseline_app.command()
def pin(
    run: CurrentArgument,
    file: Annotated[Path, typer.Argument(help="The baseline file to write.", show_default=False)],
    last: Annotated[
        int, typer.Option(min=1, help="How many runs: this one and those of its kind before it.", show_default=True)
    ] = 1,
    config: ConfigOption = None,
    store: StoreOption = None,
    dry_run: DryRunOption = False,
    force: ForceOption = False,
    json_: JsonOption = False,
) -> None:
    """Write a run of the store to a baseline file, with its distributions, so that it can be compared for ever.

    Examples:

        soakwatch baseline pin latest performance-baselines-v2.json

        soakwatch baseline pin latest performance-baselines-v2.json --last 5
    """
    output = Output(file, SummaryKind.BASELINES, dry_run, force)
    output.require_free()
    with open_store(load_configuration(config), store) as opened:
        pinned = [_pinned(opened, one) for one in _runs_to_pin(opened.runs(), run, last)]
    if len(pinned) < last:
        notes.print(f"only {len(pinned)} such runs are in the store, not {last}")
    finish(output, pinned, render_baselines(pinned, []), json_=json_)


def _runs_to_pin(runs: Sequence[Run], text: str, number: int) -> list[Run]:
    newest = select_run(runs, text)
    if newest.end is None:
        raise UsageError(f"run {newest.id} has not ended yet; wait for its end, or pin another one")
    if number == 1:
        return [newest]
    try:
        return [*select_baselines(runs, f"{PREVIOUS}:{number - 1}", newest), newest]
    except UnknownRun:
        return [newest]


def _pinned(store: WindowStore, run: Run) -> PinnedRun:
    from soakwatch.detector.pinning import pin_run
    from soakwatch.detector.run_data import read_run

    pinned = pin_run(read_run(store, run))
    if not pinned.endpoints:
        raise UsageError(f"run {run.id} is too short: nothing is left of it without its warm-up; pin a longer one")
    if pinned.saturated:
        notes.print(f"run {run.id}: the load generator did not keep up; comparisons with it will say so", markup=False)
    return pinned


@baseline_app.command()
def diff(
    before: Annotated[Path, typer.Argument(help="A baseline or metrics file.", show_default=False)],
    now: Annotated[Path, typer.Argument(help="Another one.", show_default=False)],
    json_: JsonOption = False,
) -> None:
    """Show what differs between two baseline files, endpoint by endpoint, worst first.

    These are plain differences, chance included; `compare` says which of them mean something. Of several runs in one
    file, times and rates are medians. Where a file is of version 1, whole services are compared. Ends with 0.

    Examples:

        soakwatch baseline diff performance-baselines.json performance-baselines-v2.json

        soakwatch baseline diff performance-baselines-v2.json new-baselines.json --json
    """
    old, new = read_summaries(before), read_summaries(now)
    differences = diff_summaries(old, new)
    if json_:
        print_json(differences_document(differences))
        return
    if len({isinstance(summary, PinnedRun) for summary in (*old, *new)}) > 1:
        notes.print("times of pinned runs are of successes in the steady part, those of other files are not")
    print_differences(differences)


@baseline_app.command("show")
def show(
    series: Annotated[
        str,
        typer.Argument(
            help="The series: 'rag_service POST /query', or a part of it that no other has.", show_default=False
        ),
    ],
    config: ConfigOption = None,
    store: StoreOption = None,
    json_: JsonOption = False,
) -> None:
    """Show what `watch` and `detect` take for normal: the rolling baseline of one series, from the ledger.

    Which stretches are in it and why others are not, until when it learns, and its level by the hour of the day.

    Examples:

        soakwatch baseline show "rag_service POST /query"

        soakwatch baseline show /query --json
    """
    # scipy takes a second to load, and most commands do without
    from soakwatch.cli.baseline_account import account_document, find_series, print_account
    from soakwatch.scheduler.engine_memory import remembered_engine
    from soakwatch.store.ledger_opening import open_ledger

    configuration, now = with_store(load_configuration(config), store), time.time()
    with open_ledger(configuration) as ledger:
        engine = remembered_engine(ledger, configuration.detector)
    if not engine.series:
        raise UsageError("nothing was learnt yet; `soakwatch detect` or `soakwatch watch` begins to")
    account = engine.explain(find_series(engine.series, series))
    if account is None:
        raise UsageError(f"nothing was learnt yet of {series!r}; `soakwatch detect` goes on")
    if json_:
        print_json(account_document(account, now))
    else:
        print_account(account, now)
