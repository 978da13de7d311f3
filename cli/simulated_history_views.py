"""How a simulated history looks that was written, for people and for machines."""

import shlex
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from soakwatch.cli.moments import written_minute
from soakwatch.cli.terminal import notes, printable, results
from soakwatch.core.store_settings import StoreKind, StoreSection
from soakwatch.core.truth import EventKind, TrueEvent
from soakwatch.demo.history_plan import HistoryPlan
from soakwatch.demo.history_points import run_of
from soakwatch.demo.history_truth import truth_of
from soakwatch.demo.history_writing import Horizon, Written
from soakwatch.store.timestamps import format_timestamp

_WITHOUT_SIZE = {EventKind.GAP, EventKind.OUTAGE, EventKind.DEPLOY}


@dataclass(frozen=True, slots=True)
class WrittenHistory:
    """What was simulated, what the store took of it, and in which file the truth is."""

    plan: HistoryPlan
    store: StoreSection
    truth: Path
    horizon: Horizon
    written: Written


def history_document(done: WrittenHistory) -> dict[str, Any]:
    """For machines."""
    plan = done.plan
    return {
        "store": done.store.address,
        "truth": str(done.truth),
        "run": run_of(plan).id,
        "seed": plan.seed,
        "start": format_timestamp(plan.span.start),
        "end": format_timestamp(plan.span.end),
        "series": plan.series,
        "services": plan.service_names,
        "events": len(truth_of(plan).events),
        **asdict(done.written),
    }


def print_history(done: WrittenHistory) -> None:
    """What is in the store now, what was done to it, and what to do next."""
    plan, written = done.plan, done.written
    results.print(
        f"simulated {plan.series} series of {len(plan.service_names)} services over {plan.days} days, "
        f"{written_minute(plan.span.start)} to {written_minute(plan.span.end)} UTC (seed {plan.seed})"
    )
    if events := truth_of(plan).events:
        results.print(_table(events))
    notes.print(
        f"wrote {written.minutes:,} roll-ups of a minute and {written.ten_minutes:,} of ten, {written.load_samples:,} "
        f"samples of the load and {written.deploys:,} deploys to {done.store.address}; the truth to {done.truth}",
        markup=False,
        soft_wrap=True,
    )
    for sentence in _left_out(plan, done.horizon):
        notes.print(sentence, markup=False, style="yellow", soft_wrap=True)
    store = str(done.store.path) if done.store.kind is StoreKind.SQLITE else done.store.kind
    command = ["soakwatch", "backtest", "--days", str(plan.days), "--truth", str(done.truth), "--store", store]
    notes.print(f"next: {shlex.join(command)}", markup=False, soft_wrap=True)


def _left_out(plan: HistoryPlan, horizon: Horizon) -> list[str]:
    kinds = {"the load": horizon.raw, "minutes": horizon.minutes, "ten minutes": horizon.ten_minutes}
    return [
        f"left out: {what} before {written_minute(moment)} UTC, which the store would not keep (see [retention])"
        for what, moment in kinds.items()
        if moment > plan.span.start
    ]


def _table(events: tuple[TrueEvent, ...]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("event", "from (UTC)", "until (UTC)", "what", "right alarm"):
        table.add_column(heading)
    for event in events:
        table.add_row(
            f"{event.kind} {_size(event)}".strip(),
            written_minute(event.span.start),
            written_minute(event.span.end),
            printable(_what(event)),
            str(event.incident or "none"),
        )
    return table


def _size(event: TrueEvent) -> str:
    if event.kind in _WITHOUT_SIZE:
        return ""
    sign = "" if event.kind is EventKind.ERRORS else "+"
    return f"{event.size * 100:{sign}.3g} %{' a day' if event.kind is EventKind.CREEP else ''}"


def _what(event: TrueEvent) -> str:
    if event.service:
        return event.service
    return str(event.series[0]) if len(event.series) == 1 else f"{len(event.series)} series"
