"""How a spool looks on a terminal."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich import box
from rich.table import Table

from soakwatch.cli.terminal import notes, printable, results
from soakwatch.collector.dead_letters import DeadLetters
from soakwatch.collector.replay import Delivered
from soakwatch.collector.shipping import requests_in
from soakwatch.collector.spool_contents import Contents
from soakwatch.core.span import Span

_MOST_RUNS = 3
_LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class LettersSummary:
    """What the store refused so far, and the reasons with how often each was given."""

    file: str
    letters: int
    requests: int
    reasons: dict[str, int]

    def __str__(self) -> str:
        """A sentence, then a line for each reason."""
        if not self.letters:
            return "dead letters: none"
        remedy = "`soakwatch spool replay --dead-letters` tries them again, deleting the file forgets them"
        said = f"dead letters: {self.letters:,} in {self.file}, {self.requests:,} requests; {remedy}"
        return "\n".join([said, *(f"  {count:,} times: {reason}" for reason, count in self.reasons.items())])


def describe_letters(letters: DeadLetters) -> LettersSummary:
    """Read all dead letters and count them."""
    reasons: Counter[str] = Counter()
    requests = 0
    for letter in letters.read():
        reasons[str(printable(letter.reason or "no reason was written down", _LONGEST_REASON))] += 1
        requests += requests_in(letter.points)
    return LettersSummary(str(letters.file), reasons.total(), requests, dict(reasons.most_common()))


def print_contents(folder: Path, found: Sequence[Contents]) -> None:
    """One line for each process; or that nothing waits."""
    waiting = [contents for contents in found if contents.records]
    if not waiting:
        results.print(f"nothing waits in {folder}", markup=False, soft_wrap=True)
        return
    table = Table(title=f"waiting in {folder}", title_justify="left", box=box.SIMPLE_HEAD)
    for heading in ("process", "requests", "windows", "from - to (UTC)", "runs", "bytes", "state"):
        table.add_column(heading, justify="right" if heading in {"requests", "windows", "bytes"} else "left")
    for one in waiting:
        state = "in use, some may be stored" if one.in_use else "left behind"
        runs = printable(_few(sorted(one.runs)))
        counts = (f"{one.requests:,}", f"{one.windows:,}")
        table.add_row(printable(one.source), *counts, _span(one.span), runs, f"{one.size:,}", state)
    results.print(table)


def print_replay(delivered: Delivered, left: Sequence[Contents], folder: Path, trouble: str) -> None:
    """What was delivered, refused and left; and what kept the rest from it."""
    nothing = not (delivered.records or trouble)
    lines = [
        f"nothing to deliver in {folder}"
        if nothing
        else f"delivered {delivered.stored:,} requests in {delivered.records:,} records"
    ]
    if delivered.refused:
        lines.append(f"the store refused {delivered.refused:,} requests, which are in the dead letters in {folder}")
    lines += [f"refused: {printable(reason, _LONGEST_REASON)}" for reason in delivered.reasons]
    lines += [
        f"left alone: {one.requests:,} requests of the process {one.source}, which is running"
        for one in left
        if one.in_use
    ]
    waiting = sum(one.requests for one in left if not one.in_use)
    if trouble:
        lines.append(f"{waiting:,} requests still wait in {folder}")
    results.print(*lines, sep="\n", markup=False, soft_wrap=True)
    if trouble:
        notes.print(printable(f"soakwatch: {trouble}", _LONGEST_REASON), style="red", soft_wrap=True)


def _few(runs: Sequence[str]) -> str:
    more = f" and {len(runs) - _MOST_RUNS} more" if len(runs) > _MOST_RUNS else ""
    return ", ".join(runs[:_MOST_RUNS]) + more


def _span(span: Span | None) -> str:
    if span is None:
        return ""
    begin, end = (datetime.fromtimestamp(moment, UTC) for moment in (span.start, span.end))
    return f"{begin:%Y-%m-%d %H:%M:%S} - {end:%Y-%m-%d %H:%M:%S}"
