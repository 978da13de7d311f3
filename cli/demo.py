"""`soakwatch demo`: the whole way, from a Locust run to a verdict, in about a minute."""

import json
import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn

from soakwatch.cli.comparing import compare_named, write_reports
from soakwatch.cli.options import JsonOption
from soakwatch.cli.terminal import notes, print_json, print_verdicts
from soakwatch.core.configuration import Configuration
from soakwatch.core.errors import ExitCode, ServiceUnavailable, StoreError
from soakwatch.core.verdict import Comparison, Metric, Severity
from soakwatch.demo.rehearsal import ERROR_RATE, LATENCY_FACTOR, Injection, Rehearsal, Step
from soakwatch.store.sqlite import SqliteStore

VERDICTS, REPORT = "verdicts.json", "regression-analysis.md"

_LARGEST_SEED = 9999


def demo(
    folder: Annotated[Path, typer.Option("--dir", help="Where to put what the demo writes.")] = Path("soakwatch-demo"),
    seed: Annotated[
        int | None, typer.Option(help="Chooses the faulty endpoints [default: by chance].", show_default=False, min=0)
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Run Locust twice, with two faults the second time, and see whether they are found.

    A small target with three services runs on a free loopback port. The exit code is 0 when exactly the two injected
    faults were found, else 1.

    Examples:

        soakwatch demo

        soakwatch demo --dir /tmp/demo --seed 7
    """
    chosen = secrets.randbelow(_LARGEST_SEED) if seed is None else seed
    rehearsal, injection = Rehearsal(folder, chosen), Injection.drawn(chosen)
    comparison = _rehearse(rehearsal, [Step("healthy", ()), Step("faulty", injection.faults)])
    write_reports(comparison, folder / REPORT, folder / VERDICTS)
    problems = list(find_problems(comparison, injection))
    if json_:
        print_json(json.loads((folder / VERDICTS).read_text(encoding="utf-8")))
    else:
        print_verdicts(comparison)
    _tell(rehearsal, injection, problems)
    raise typer.Exit(ExitCode.REGRESSION if problems else ExitCode.FINE)


def _rehearse(rehearsal: Rehearsal, steps: Sequence[Step]) -> Comparison:
    _make_folder(rehearsal.folder)
    columns = (SpinnerColumn(finished_text="[green]✓[/]"), TextColumn("{task.description:<32}"), BarColumn(30))
    with (
        Progress(*columns, TextColumn("{task.fields[note]}"), console=notes) as progress,
        rehearsal.target() as address,
    ):
        runs = [_run(rehearsal, step, address, progress) for step in steps]
        task = progress.add_task("comparing", total=1, note="")
        comparison = compare_named(runs[0], runs[-1], Configuration(), rehearsal.store)
        progress.update(task, completed=1, note=f"{len(comparison.verdicts)} verdicts")
    return comparison


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ServiceUnavailable(f"{folder} cannot be made: {error.strerror}; choose another with --dir") from None


def _run(rehearsal: Rehearsal, step: Step, address: str, progress: Progress) -> str:
    before = _run_ids(rehearsal.store)
    task = progress.add_task(_describe(step), total=step.seconds, note="Locust starts")
    for seconds in rehearsal.run(step, address):
        _show(progress, task, min(seconds, step.seconds - 0.1), rehearsal.store, before)
    new = _run_ids(rehearsal.store) - before
    if len(new) != 1:
        raise ServiceUnavailable(f"the {step.name} run is not in {rehearsal.store}; see its log in {rehearsal.folder}")
    (run,) = new
    with SqliteStore.open(rehearsal.store) as store:
        reconciled = next(found.reconciled for found in store.runs() if found.id == run)
    if reconciled is None or not reconciled.exact:
        raise ServiceUnavailable(f"the {step.name} run is not whole in {rehearsal.store}: {reconciled or 'no end'}")
    progress.update(task, completed=step.seconds, note=str(reconciled))
    return run


def _describe(step: Step) -> str:
    return "a healthy run" if not step.faults else f"a run with {len(step.faults)} faults"


def _show(progress: Progress, task: TaskID, seconds: float, path: Path, before: set[str]) -> None:
    for run in _run_ids(path) - before:
        with suppress(StoreError), SqliteStore.open(path) as store:
            stored = sum(store.requests_stored(run).values())
            progress.update(task, completed=seconds, note=f"{stored:,} requests in the store")


def _run_ids(path: Path) -> set[str]:
    try:
        with SqliteStore.open(path) as store:
            return {run.id for run in store.runs()}
    except StoreError:
        return set()


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
    for name, what in {REPORT: "the report", VERDICTS: "the verdicts", rehearsal.store.name: "both runs"}.items():
        console.print(f"{what}: {rehearsal.folder / name}", markup=False, soft_wrap=True)
