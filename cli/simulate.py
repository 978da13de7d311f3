"""`soakwatch simulate baseline|api`: the files of a load test in a second, without a target."""

import shlex
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from soakwatch.cli.options import ConfigOption, JsonOption
from soakwatch.cli.simulate_history import simulate_history
from soakwatch.cli.terminal import notes, print_json, printable, results
from soakwatch.core.configuration import Configuration
from soakwatch.core.configuration_file import load_configuration
from soakwatch.core.errors import UsageError
from soakwatch.core.run_summary import RunTotals
from soakwatch.demo.simulated_scenarios import API, BASELINE, FEWEST_REQUESTS, SCENARIOS, Scenario
from soakwatch.store.execution_metadata import (
    FILE_NAME,
    Execution,
    ExecutionKind,
    ExecutionMetadata,
    ExecutionOutcome,
    WrittenFile,
    read_metadata,
    record_execution,
)
from soakwatch.store.whole_files import write_whole

MOST_REQUESTS = 1_000_000
"""A minute's work; more would tell nothing new."""

_TIME_IN_NAMES = "%Y%m%dT%H%M%SZ"
_BASELINES = "performance-baselines-v2.json"


simulate_app = typer.Typer(no_args_is_help=True, help="Write what a load test would leave, without running one.")


@simulate_app.command(API.name)
@simulate_app.command(BASELINE.name)
def simulate(
    context: typer.Context,
    folder: Annotated[Path, typer.Option("--dir", help="Where to write.")] = Path(),
    seed: Annotated[int, typer.Option(help="Chooses what chance does; the same seed gives the same files.")] = 1,
    requests: Annotated[
        int | None,
        typer.Option(
            help="How many requests [default: 540 of baseline, 1800 of api].",
            show_default=False,
            min=FEWEST_REQUESTS,
            max=MOST_REQUESTS,
        ),
    ] = None,
    without_fault: Annotated[
        bool, typer.Option("--without-fault", help="Let the gateway of 'api' bear its load, so that nothing regresses.")
    ] = False,
    at: Annotated[
        datetime | None,
        typer.Option(
            help="When it began, for names and metadata [default: now].",
            show_default=False,
            formats=["%Y-%m-%dT%H:%M:%SZ"],
        ),
    ] = None,
    config: ConfigOption = None,
    json_: JsonOption = False,
) -> None:
    """Write the files of a load test without running one.

    'baseline' is light and steady, with three services; in 'api' users rise from 10 to 50, with two services.

    Writes Locust's CSV, its failures, the metrics that `soakwatch metrics extract` makes of them, and an entry in
    test_execution_metadata.json. The gateway of 'api' has a fault: it can answer 4 requests per second, and gets up
    to 5. Needs neither a target nor a network.

    Examples:

        soakwatch simulate baseline --dir results && soakwatch simulate api --dir results

        soakwatch simulate api --seed 7 --without-fault

        soakwatch simulate baseline --at 2026-11-23T02:00:00Z --json
    """
    chosen = _chosen(str(context.info_name), requests, without_fault)
    began = (at or datetime.now(UTC)).replace(microsecond=0, tzinfo=UTC)
    metadata_file = folder / FILE_NAME
    try:
        # a file that cannot be added to is found before anything is written
        read_metadata(metadata_file)
        run, files = _write(chosen, seed, began, folder, load_configuration(config))
        execution = _execution(chosen, seed, began, run, files)
        metadata = record_execution(metadata_file, execution)
    except OSError as error:
        raise UsageError(f"{error.filename or folder}: {error.strerror}; choose another folder with --dir") from None
    if json_:
        print_json(execution.model_dump(mode="json"))
    else:
        _tell(chosen, execution, run, folder)
        _tell_what_is_next(metadata, folder)


simulate_app.command("history")(simulate_history)


def _chosen(name: str, requests: int | None, without_fault: bool) -> Scenario:  # noqa: FBT001  (an option)
    scenario = SCENARIOS[name]
    scenario = scenario.without_faults() if without_fault else scenario
    return scenario if requests is None else scenario.of_requests(requests)


def _write(
    scenario: Scenario, seed: int, began: datetime, folder: Path, configuration: Configuration
) -> tuple[RunTotals, list[WrittenFile]]:
    """Write Locust's files, and what they say; gives the run as they tell it. Raises OSError."""
    # Locust patches the standard library when it is imported, which no other command needs
    from soakwatch.collector.locust_files import read_runs
    from soakwatch.demo.locust_csv import render_csv
    from soakwatch.demo.simulator import simulate as draw
    from soakwatch.store.summary_files import MadeFrom, render_metrics

    prefix = f"load_results_{scenario.name}_{began:{_TIME_IN_NAMES}}"
    stats, failures, metrics = (folder / f"{prefix}{end}" for end in (".csv", "_failures.csv", ".json"))
    texts = render_csv(draw(scenario, seed), began.timestamp())
    write_whole(stats, texts.stats)
    write_whole(failures, texts.failures)
    (run,) = read_runs([stats, failures], configuration)
    write_whole(metrics, render_metrics(run, [MadeFrom.of(stats), MadeFrom.of(failures)]))
    return run, [WrittenFile.of(path, folder) for path in (stats, failures, metrics)]


def _execution(
    scenario: Scenario, seed: int, began: datetime, run: RunTotals, files: Iterable[WrittenFile]
) -> Execution:
    endpoints = run.endpoints.values()
    return Execution(
        scenario=scenario.name,
        kind=ExecutionKind.SIMULATED,
        outcome=ExecutionOutcome.COMPLETED,
        started=began,
        ended=began + timedelta(seconds=round(scenario.seconds)),
        seed=seed,
        users=max(step.users for step in scenario.steps),
        requests=sum(totals.requests for totals in endpoints),
        failures=sum(totals.failures for totals in endpoints),
        services=tuple(scenario.services),
        faults=tuple(map(str, scenario.faults)),
        files=tuple(files),
    )


def _tell(scenario: Scenario, execution: Execution, run: RunTotals, folder: Path) -> None:
    users = ", ".join(str(step.users) for step in scenario.steps)
    results.print(
        f"simulated {scenario.name}: {execution.requests:,} requests to {len(execution.services)} services "
        f"by {users} users in {scenario.seconds / 60:.3g} minutes (seed {execution.seed})"
    )
    results.print(_table(run))
    for fault in execution.faults:
        results.print("fault:", printable(fault, longest=200))
    for file in execution.files:
        notes.print(f"wrote {folder / file.file}", markup=False, soft_wrap=True)
    notes.print(f"added to {folder / FILE_NAME}", markup=False, soft_wrap=True)


def _table(run: RunTotals) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("service", "endpoint"):
        table.add_column(heading)
    for heading in ("requests", "failures", "p50 (ms)", "p95 (ms)"):
        table.add_column(heading, justify="right")
    for series, totals in sorted(run.endpoints.items()):
        table.add_row(
            printable(series.service),
            printable(f"{series.method} {series.endpoint}"),
            f"{totals.requests:,}",
            f"{totals.failures:,}",
            *(f"{totals.percentiles[share]:g}" for share in (0.5, 0.95)),
        )
    return table


def _tell_what_is_next(metadata: ExecutionMetadata, folder: Path) -> None:
    for command in _next_commands(metadata, folder):
        notes.print(f"next: {shlex.join(command)}", markup=False, soft_wrap=True)


def _next_commands(metadata: ExecutionMetadata, folder: Path) -> list[list[str]]:
    """What leads from the files that are there to a verdict."""
    files = {
        execution.scenario: [folder / file.file for file in execution.files]
        for execution in metadata.executions
        if execution.kind is ExecutionKind.SIMULATED
    }
    for name in SCENARIOS:
        if not files.get(name):
            return [["soakwatch", "simulate", name, *([] if folder == Path() else ["--dir", str(folder)])]]
    *baseline, _ = files[BASELINE.name]
    metrics, baselines = files[API.name][-1], folder / _BASELINES
    return [
        ["soakwatch", "baseline", "extract", *map(str, baseline), str(baselines)],
        ["soakwatch", "compare", str(baselines), str(metrics), "--metric", "p95", "--metric", "error_rate"],
    ]
