"""How scenarios look on a terminal: while they run, and afterwards."""

from collections.abc import Iterable, Iterator, Sequence

from rich import box
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.table import Table

from soakwatch.cli.terminal import notes, printable
from soakwatch.core.numbers import format_value
from soakwatch.core.verdict import Metric
from soakwatch.scheduler.scenario import SizedScenario
from soakwatch.scheduler.sequence import Ended, Event, Waiting
from soakwatch.store.execution_metadata import ExecutionOutcome

_COLOURS = {
    ExecutionOutcome.COMPLETED: "green",
    ExecutionOutcome.FAILED: "red",
    ExecutionOutcome.INTERRUPTED: "yellow",
    ExecutionOutcome.NOT_STARTED: "red",
}
_LONGEST_PATH = 240
_LONGEST_LINE = 2000


def stage_table(scenarios: Iterable[SizedScenario]) -> Table:
    """What happens when, a line for each stage."""
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("scenario", "until", "users", "user classes", "what it is"):
        table.add_column(heading, justify="right" if heading in {"until", "users"} else "left")
    for sized in scenarios:
        for number, stage in enumerate(sized.stages):
            first = number == 0
            table.add_row(
                sized.name if first else "",
                f"{stage.until:g} s",
                str(stage.users),
                (", ".join(sized.scenario.user_classes) or "all") if first else "",
                sized.scenario.description if first else "",
            )
    return table


def outcome_table(ends: Sequence[Ended], folder: str) -> Table:
    """A line for each scenario: how it ended, and where its results are."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("scenario", no_wrap=True)
    table.add_column("outcome", no_wrap=True)
    for heading in ("requests", "failures", "p95"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("run", no_wrap=True)
    table.add_column("where", overflow="fold")
    for end in ends:
        outcome = end.execution.outcome
        where = printable(f"{folder}/{end.sized.name}", _LONGEST_PATH) if end.execution.started else "-"
        table.add_row(end.sized.name, outcome.value, *_numbers(end), end.execution.run or "-", where)
        table.rows[-1].style = _COLOURS[outcome]
    return table


def _numbers(end: Ended) -> Iterator[str]:
    totals = end.totals
    if totals is None:
        yield from ("-", "-", "-")
        return
    yield from (f"{totals.requests:,}", f"{totals.failures:,}", format_value(Metric.P95, totals.p95))


def followed(events: Iterable[Event], scenarios: Sequence[SizedScenario]) -> list[Ended]:
    """Show `events` as they come; gives the ends among them. Each is also a line, for logs that show no bars."""
    columns = (SpinnerColumn(finished_text=" "), TextColumn("{task.description:<10}"), BarColumn(30))
    ends = []
    state = TextColumn("{task.fields[note]}")
    with Progress(*columns, state, console=notes, disable=not notes.is_terminal) as progress:
        tasks = {sized.name: progress.add_task(sized.name, total=sized.seconds, note="") for sized in scenarios}
        for event in events:
            completed, note = _shown(event)
            progress.update(tasks[event.sized.name], completed=completed, note=note)
            if isinstance(event, Ended):
                ends.append(event)
                _tell(event, progress, tasks[event.sized.name])
    return ends


def _shown(event: Event) -> tuple[float, str]:
    """How many seconds of the scenario have passed, and what is to be said of it."""
    if isinstance(event, Waiting):
        return 0, event.what
    if isinstance(event, Ended):
        return event.sized.seconds, event.execution.outcome.value
    now = event.progress
    if now is None:
        return 0, "Locust starts"
    seconds = min(now.seconds, event.sized.seconds - 0.1)
    load = f"{now.users} users, {now.requests:,} requests, {now.failures:,} failures"
    return seconds, f"{seconds:.0f} of {event.sized.seconds:g} s, {load}"


def _tell(end: Ended, progress: Progress, task: TaskID) -> None:
    progress.stop_task(task)
    reason = f"; {end.execution.reason}" if end.execution.reason else ""
    # the reason may quote a log, which may quote anything
    lines = f"{end.sized.name}: {end.execution.outcome.value}{reason}".splitlines()
    told = [printable(line, longest=_LONGEST_LINE) for line in lines]
    progress.console.print(*told, sep="\n", style=_COLOURS[end.execution.outcome], soft_wrap=True)
