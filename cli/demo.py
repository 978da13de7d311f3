"""`soakwatch demo`: the whole way, from a Locust run to a verdict, in about a minute."""

import json
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn

from soakwatch.cli.comparing import compare_named, write_reports
from soakwatch.cli.options import JsonOption
from soakwatch.cli.terminal import notes, print_json, print_verdicts
from soakwatch.core.configuration import Configuration
from soakwatch.core.configuration_file import load_configuration
from soakwatch.core.errors import ExitCode, ServiceUnavailable, StoreError
from soakwatch.core.run import Run
from soakwatch.core.store_settings import StoreKind, StoreSection
from soakwatch.core.verdict import Comparison, Metric, Severity
from soakwatch.demo.rehearsal import ERROR_RATE, LATENCY_FACTOR, Injection, Rehearsal, Step
from soakwatch.store.contract import WindowStore
from soakwatch.store.opening import open_store

VERDICTS, REPORT = "verdicts.json", "regression-analysis.md"

LOOK_INTERVAL = 1.0
"""Seconds between two looks into the store: looking costs what the target needs."""

_LARGEST_SEED = 9999


def demo(
    folder: Annotated[Path, typer.Option("--dir", help="Where to put what the demo writes.")] = Path("soakwatch-demo"),
    seed: Annotated[
        int | None, typer.Option(help="Chooses the faulty endpoints [default: by chance].", show_default=False, min=0)
    ] = None,
    store: Annotated[
        str | None,
        typer.Option("--store", "-s", help="influxdb, or the path of an SQLite file [default: one in --dir]."),
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Run Locust twice, with two faults the second time, and see whether they are found.

    A small target with three services runs on a free loopback port. The exit code is 0 when exactly the two injected
    faults were found, else 1. With --store influxdb the runs go to the configured InfluxDB, where the buckets are made
    if they are missing.

    Examples:

        soakwatch demo

        soakwatch demo --dir /tmp/demo --seed 7

        soakwatch demo --store influxdb
    """
    chosen = secrets.randbelow(_LARGEST_SEED) if seed is None else seed
    configuration = _configuration(folder, store)
    rehearsal = Rehearsal(folder, chosen, configuration.store, mark=secrets.token_hex(4))
    injection = Injection.drawn(chosen)
    _make_folder(folder)
    if configuration.store.kind is StoreKind.INFLUXDB:
        # influxdb-client takes a while to load, and SQLite does without
        from soakwatch.cli.server_setup import Wishes, set_up

        for sentence in set_up(configuration, Wishes()):
            notes.print(sentence, markup=False, soft_wrap=True)
    comparison = _rehearse(rehearsal, [Step("healthy", ()), Step("faulty", injection.faults)])
    write_reports(comparison, folder / REPORT, folder / VERDICTS)
    problems = list(find_problems(comparison, injection))
    if json_:
        print_json(json.loads((folder / VERDICTS).read_text(encoding="utf-8")))
    else:
        print_verdicts(comparison)
    _tell(rehearsal, injection, problems)
    raise typer.Exit(ExitCode.REGRESSION if problems else ExitCode.FINE)


def _configuration(folder: Path, word: str | None) -> Configuration:
    """Defaults, and the store that is meant: a file in `folder`, unless told otherwise."""
    if word != StoreKind.INFLUXDB:
        return Configuration(store=StoreSection(path=Path(word) if word else folder / "soakwatch.db"))
    configured = load_configuration()
    store = configured.store.named(word).model_copy(update={"spool": folder / "soakwatch.spool"})
    return Configuration(store=store, retention=configured.retention)


def _rehearse(rehearsal: Rehearsal, steps: Sequence[Step]) -> Comparison:
    columns = (SpinnerColumn(finished_text="[green]✓[/]"), TextColumn("{task.description:<32}"), BarColumn(30))
    with (
        Progress(*columns, TextColumn("{task.fields[note]}"), console=notes) as progress,
        rehearsal.target() as address,
    ):
        runs = [_run(rehearsal, step, address, progress) for step in steps]
        task = progress.add_task("comparing", total=1, note="")
        comparison = compare_named(runs[0], runs[-1], Configuration(store=rehearsal.store))
        progress.update(task, completed=1, note=f"{len(comparison.verdicts)} verdicts")
    return comparison


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ServiceUnavailable(f"{folder} cannot be made: {error.strerror}; choose another with --dir") from None


def _run(rehearsal: Rehearsal, step: Step, address: str, progress: Progress) -> str:
    task = progress.add_task(_describe(step), total=step.seconds, note="Locust starts")
    looks = count(LOOK_INTERVAL, LOOK_INTERVAL)
    look = next(looks)
    for seconds in rehearsal.run(step, address):
        if seconds >= look:
            look = next(looks)
            _show(progress, task, min(seconds, step.seconds - 0.1), _stored_requests(rehearsal, step))
    run = _run_of(rehearsal, step)
    if run is None:
        where = f"{rehearsal.store.address}; see its log in {rehearsal.folder}"
        raise ServiceUnavailable(f"the {step.name} run is not in {where}")
    if run.reconciled is None or not run.reconciled.exact:
        raise ServiceUnavailable(
            f"the {step.name} run is not whole in {rehearsal.store.address}: {run.reconciled or 'no end'}"
        )
    progress.update(task, completed=step.seconds, note=str(run.reconciled))
    return run.id


def _describe(step: Step) -> str:
    return "a healthy run" if not step.faults else f"a run with {len(step.faults)} faults"


def _show(progress: Progress, task: TaskID, seconds: float, stored: int | None) -> None:
    if stored is not None:
        progress.update(task, completed=seconds, note=f"{stored:,} requests in the store")


def _stored_requests(rehearsal: Rehearsal, step: Step) -> int | None:
    with suppress(StoreError), open_store(Configuration(store=rehearsal.store)) as store:
        for run in _runs_of(store, rehearsal, step):
            return sum(store.requests_stored(run.id).values())
    return None


def _run_of(rehearsal: Rehearsal, step: Step) -> Run | None:
    with suppress(StoreError), open_store(Configuration(store=rehearsal.store)) as store:
        return next(_runs_of(store, rehearsal, step), None)
    return None


def _runs_of(store: WindowStore, rehearsal: Rehearsal, step: Step) -> Iterator[Run]:
    return (run for run in store.runs() if rehearsal.is_of(run, step))


def find_problems(comparison: Comparison, injection: Injection) -> Iterable[str]:
    """How the verdicts differ from what was injected, in sentences; nothing when exactly the two faults were found."""
    slow, failing = str(injection.slow), str(injection.failing)
    critical: dict[str, set[Metric]] = {}
    for verdict in comparison.regressions:
        endpoint = f"{verdict.series.method} {verdict.series.endpoint}"
        expected = {slow: verdict.metric is not Metric.ERROR_RATE, failing: verdict.metric is Metric.ERROR_RATE}
        if not expected.get(endpoint, False):
            yield f"{endpoint} was said to have regressed in {verdict.metric}, where nothing was injected"
        elif verdict.severity is Severity.CRITICAL:
            critical.setdefault(endpoint, set()).add(verdict.metric)
    for endpoint in (slow, failing):
        if endpoint not in critical:
            yield f"the fault of {endpoint} was not found to be critical"


def _tell(rehearsal: Rehearsal, injection: Injection, problems: Sequence[str]) -> None:
    console = notes
    console.print(
        f"injected (seed {rehearsal.seed}): {injection.slow} {LATENCY_FACTOR:g} times slower, "
        f"{injection.failing} fails {ERROR_RATE:.0%} of its requests",
        soft_wrap=True,
    )
    for problem in problems:
        console.print(problem, style="red", markup=False, soft_wrap=True)
    if not problems:
        console.print("exactly these two were found", style="green")
    for what, where in {
        "the report": rehearsal.folder / REPORT,
        "the verdicts": rehearsal.folder / VERDICTS,
        "both runs": rehearsal.store.address,
    }.items():
        console.print(f"{what}: {where}", markup=False, soft_wrap=True)
