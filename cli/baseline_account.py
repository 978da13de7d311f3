"""How the rolling baseline of a series looks, for people and for machines."""

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.table import Table

from soakwatch.cli.moments import written_minute
from soakwatch.cli.terminal import printable, results
from soakwatch.core.errors import UsageError
from soakwatch.core.numbers import NOTHING, format_duration, format_value
from soakwatch.core.series import Series
from soakwatch.core.verdict import Metric
from soakwatch.detector.conditions import Reason
from soakwatch.detector.explanation import BaselineAccount
from soakwatch.store.timestamps import format_timestamp

_MOST_NAMED = 8
_NEWEST = 20
"""Stretches that are listed; older ones are counted."""


def find_series(known: Sequence[Series], text: str) -> Series:
    """The one that people mean by `rag_service POST /query`, or a part of it. Raises UsageError.

    What is the whole name of one series means that one, also where others contain it.
    """
    wanted = " ".join(text.split())
    exact = [series for series in known if wanted in {str(series), _full_name(series)}]
    found = exact or [series for series in known if wanted.lower() in _full_name(series).lower()]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(map(_full_name if exact else str, found[:_MOST_NAMED]))
        raise UsageError(f"{len(found)} series are like {text!r}: {names}{_more(found)}; write more of one")
    names = ", ".join(map(str, known[:_MOST_NAMED]))
    raise UsageError(f"no series is like {text!r}; there are {names}{_more(known)}")


def _full_name(series: Series) -> str:
    return f"{series.environment} {series.test} {series}"


def _more(found: Sequence[Series]) -> str:
    return f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""


def account_document(account: BaselineAccount, now: float) -> dict[str, Any]:
    """For machines: times in ISO 8601, levels in the metrics' units."""
    series = account.series
    return {
        "environment": series.environment,
        "test": series.test,
        "service": series.service,
        "method": series.method,
        "endpoint": series.endpoint,
        "learning_until": format_timestamp(account.learning)
        if account.learning is not None and account.learning > now
        else None,
        "since": None if account.since is None else format_timestamp(account.since),
        "blocks": account.blocks,
        "stretches": [
            {
                "start": format_timestamp(one.span.start),
                "end": format_timestamp(one.span.end),
                "in": one.reason is Reason.NONE,
                "reason": "" if one.reason is Reason.NONE else one.reason.words,
            }
            for one in account.stretches
        ],
        "levels": [{"hour": one.hour, "metric": one.metric, "value": one.value} for one in account.levels],
    }


def print_account(account: BaselineAccount, now: float) -> None:
    """Until when it learns, which stretches are in it and why others are not, and what is normal at which hour."""
    results.print(printable(f"{account.series} in {account.series.environment}, test {account.series.test}", 400))
    if account.learning is not None and account.learning > now:
        results.print(f"learning what is normal until {written_minute(account.learning)} UTC", style="yellow")
    if account.since is not None:
        results.print(f"the present level began at {written_minute(account.since)} UTC")
    inside = sum(one.span.end - one.span.start for one in account.stretches if one.reason is Reason.NONE)
    results.print(f"{format_duration(inside)} are in the baseline")
    results.print(_stretch_table(account))
    if account.levels:
        results.print("normal, by the hour of the day")
        results.print(_level_table(account))


def _stretch_table(account: BaselineAccount) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("from (UTC)", "until", "lasts"):
        table.add_column(heading, no_wrap=True)
    table.add_column("in the baseline", overflow="fold")
    for one in account.stretches[-_NEWEST:]:
        inside = one.reason is Reason.NONE
        table.add_row(
            written_minute(one.span.start),
            written_minute(one.span.end),
            format_duration(one.span.end - one.span.start),
            "yes" if inside else f"no: {one.reason.words}",
            style="" if inside else "yellow",
        )
    if len(account.stretches) > _NEWEST:
        table.caption = f"{len(account.stretches) - _NEWEST} older ones are in --json"
    return table


def _level_table(account: BaselineAccount) -> Table:
    values = {(one.hour, one.metric): one.value for one in account.levels}
    metrics = [metric for metric in Metric if any(metric is one.metric for one in account.levels)]
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("hour", justify="right")
    for metric in metrics:
        table.add_column(metric, justify="right")
    for hour in dict.fromkeys(one.hour for one in account.levels):
        told = [values.get((hour, metric)) for metric in metrics]
        cells = (
            NOTHING if value is None else format_value(metric, value)
            for metric, value in zip(metrics, told, strict=True)
        )
        table.add_row(f"{int(hour):02d} h", *cells)
    return table
