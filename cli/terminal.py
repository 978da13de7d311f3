"""Terminal: how results look on one."""

import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from soakwatch.core.numbers import format_effect, format_value
from soakwatch.core.run import Run
from soakwatch.core.series import Series
from soakwatch.core.verdict import Comparison, Decision, Metric, Severity, Verdict
from soakwatch.core.window import Window
from soakwatch.reporter.ranking import worst_first

_COLOURS = {
    Decision.REGRESSED: "red",
    Decision.IMPROVED: "green",
    Decision.UNKNOWN: "yellow",
    Decision.SAME: "default",
}
_LONGEST_NAME = 60

_WIDTH_OF_A_LOG = 160


class _PatientConsole(Console):
    """A console that goes on when its reader has gone, as in `compare ... | head`: the exit code is still to come."""

    def on_broken_pipe(self) -> None:
        """Write nowhere from now on."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


results: Console = _PatientConsole(highlight=False, width=None if sys.stdout.isatty() else _WIDTH_OF_A_LOG)
"""Where results go: standard output."""

notes = Console(stderr=True, highlight=False)
"""Where everything else goes, so that `--json` leaves standard output to the machine."""


def print_json(document: Any) -> None:  # noqa: ANN401  (any JSON)
    """Print `document` for machines."""
    results.out(json.dumps(document, indent=2 if results.is_terminal else None), highlight=False)


def print_json_line(document: Any) -> None:  # noqa: ANN401  (any JSON)
    """Print one `document` of several for machines: on a line of its own, also on a terminal."""
    results.out(json.dumps(document), highlight=False)


def print_error(error: Exception) -> None:
    """Say what went wrong, line by line, for people."""
    lines = [printable(line, longest=sys.maxsize) for line in f"soakwatch: {error}".splitlines()]
    notes.print(*lines, sep="\n", style="red", soft_wrap=True)


def printable(text: str, longest: int = _LONGEST_NAME) -> Text:
    """Names as they are, but on one line, without control characters or markup, and not endless."""
    line = "".join(character if character.isprintable() else "�" for character in text)
    return Text(line if len(line) <= longest else f"{line[: longest - 1]}…")


def verdict_table(comparison: Comparison) -> Table:
    """What changed, worst first."""
    table = Table(title=_title(comparison), title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("verdict", no_wrap=True)
    table.add_column("endpoint", overflow="fold")
    table.add_column("metric", no_wrap=True)
    table.add_column("before -> now", no_wrap=True)
    table.add_column("change (95 % interval)", overflow="fold")
    for verdict in _changes(comparison):
        table.add_row(*_cells(verdict), style=_COLOURS[verdict.decision])
    return table


def _changes(comparison: Comparison) -> list[Verdict]:
    told = {Decision.REGRESSED, Decision.IMPROVED}
    return [verdict for verdict in worst_first(comparison.verdicts) if verdict.decision in told]


def _title(comparison: Comparison) -> str:
    baselines = [run.id for run in comparison.baselines]
    against = baselines[0] if len(baselines) == 1 else f"{len(baselines)} runs from {baselines[0]} to {baselines[-1]}"
    return f"run {comparison.current.id} against {against}"


def _cells(verdict: Verdict) -> Iterable[str | Text]:
    severity = verdict.severity if verdict.severity is not Severity.NONE else verdict.decision
    yield str(severity)
    yield printable(str(verdict.series))
    yield str(verdict.metric)
    yield f"{format_value(verdict.metric, verdict.baseline)} -> {format_value(verdict.metric, verdict.current)}"
    yield format_effect(verdict.metric, verdict.effect) if verdict.effect else printable(verdict.reason)


def print_verdicts(comparison: Comparison) -> None:
    """What changed as a table, then how many verdicts say what, and why some are unknown."""
    if _changes(comparison):
        results.print(verdict_table(comparison))
    else:
        results.print(_title(comparison))
    counts = Counter(verdict.decision for verdict in comparison.verdicts)
    results.print(
        *(f"[{_COLOURS[decision]}]{decision}: {counts[decision]}[/]" for decision in Decision if counts[decision]),
        sep="  ",
    )
    unknown = [verdict for verdict in comparison.verdicts if verdict.decision is Decision.UNKNOWN]
    for metric in dict.fromkeys(verdict.metric for verdict in unknown):
        of_metric = [verdict for verdict in unknown if verdict.metric is metric]
        example = printable(f"{of_metric[0].series}: {of_metric[0].reason}", longest=4 * _LONGEST_NAME)
        results.print(f"unknown {metric} of {len(of_metric)}, such as", example, style="yellow")


def print_run(run: Run, endpoints: Sequence[Window], kinds: Mapping[tuple[Series, str], int]) -> None:
    """One run: what is known of it, then its endpoints."""
    results.print(run_table([run]))
    results.print(printable(f"host {run.host}  locustfile {run.locustfile} ({run.locustfile_hash})", 4 * _LONGEST_NAME))
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("service", "endpoint", "requests", "failures", "p50", "p95", "p99", "max", "errors"):
        table.add_column(heading, justify="left" if heading in {"service", "endpoint", "errors"} else "right")
    for window in endpoints:
        series = window.series
        table.add_row(
            printable(series.service),
            printable(f"{series.method} {series.endpoint}"),
            f"{window.count:,}",
            f"{window.failures:,}",
            *(format_value(Metric.P50, value) for value in (*map(window.quantile, (0.5, 0.95, 0.99)), window.max)),
            printable(", ".join(f"{kind}: {count}" for (of, kind), count in kinds.items() if of == series)),
        )
    results.print(table)


def run_table(runs: Iterable[Run]) -> Table:
    """One line for each run."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("run", no_wrap=True)
    for heading in ("environment", "test", "began (UTC)", "lasted", "users", "version", "reconciled"):
        table.add_column(heading, overflow="fold")
    for run in runs:
        table.add_row(
            run.id,
            printable(run.environment),
            printable(run.test),
            f"{datetime.fromtimestamp(run.start, UTC):%Y-%m-%d %H:%M:%S}",
            duration(run),
            str(run.users),
            printable(run.version),
            str(run.reconciled or "not yet").removeprefix("reconciled "),
        )
    return table


def duration(run: Run) -> str:
    """How long the run took, `h:mm:ss`; a run whose end nobody wrote down says so."""
    if run.end is None:
        return "no end yet"
    minutes, seconds = divmod(round(run.end - run.start), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
