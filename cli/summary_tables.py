"""Tables of what files tell of whole runs, and of what differs between two."""

from collections.abc import Iterable, Sequence
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from soakwatch.cli.terminal import printable, results
from soakwatch.core.numbers import NOTHING, format_value
from soakwatch.core.run_summary import PinnedRun, RunTotals
from soakwatch.core.verdict import Metric
from soakwatch.reporter.summary_diff import METRICS, Difference, Presence
from soakwatch.reporter.summary_figures import Endpoint, Figures, figures_of

_COLOURS = {Presence.GONE: "yellow", Presence.NEW: "cyan", Presence.BOTH: "default"}
_WORDS = {Presence.BOTH: "changed", Presence.GONE: "gone", Presence.NEW: "new"}
_TIMES = (Metric.P50, Metric.P95)
_SMALLEST_CHANGE = 0.0005
"""What is less would be written as zero."""

_ALIKE = "alike"

_Line = tuple[str, Endpoint, Figures]


def print_summaries(runs: Sequence[RunTotals | PinnedRun]) -> None:
    """Each endpoint of each run, then how many runs, services and requests there are."""
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("run", "service", "endpoint"):
        table.add_column(heading, overflow="fold")
    for heading in ("requests", "failures", *_TIMES):
        table.add_column(heading, justify="right", no_wrap=True)
    for run, endpoint, figures in _lines(runs):
        name = f"{endpoint.method} {endpoint.endpoint}".strip()
        counts = (f"{figures.requests:,}", f"{figures.failures:,}")
        times = (format_value(metric, figures.values.get(metric)) for metric in _TIMES)
        table.add_row(printable(run), printable(endpoint.service), printable(name), *counts, *times)
    results.print(table)
    results.print(_counted(runs))


def summaries_document(runs: Sequence[RunTotals | PinnedRun]) -> dict[str, Any]:
    """The same for machines."""
    lines = list(_lines(runs))
    return {
        "runs": [summary.run.id for summary in runs],
        "services": sorted({endpoint.service for _, endpoint, _ in lines}),
        "requests": sum(figures.requests or 0 for _, _, figures in lines),
        "failures": sum(figures.failures or 0 for _, _, figures in lines),
        "endpoints": [
            {"run": run, **_identity(endpoint), **_figures_document(figures)} for run, endpoint, figures in lines
        ],
    }


def _lines(runs: Sequence[RunTotals | PinnedRun]) -> Iterable[_Line]:
    for summary in runs:
        for endpoint, figures in figures_of([summary]).items():
            yield summary.run.id, endpoint, figures


def _counted(runs: Sequence[RunTotals | PinnedRun]) -> str:
    document = summaries_document(runs)
    counts = ((len(runs), "run"), (len(document["services"]), "service"), (document["requests"], "request"))
    return ", ".join(f"{count:,} {word}{'' if count == 1 else 's'}" for count, word in counts)


def print_differences(differences: Sequence[Difference]) -> None:
    """Each endpoint of two files with what changed, worst first; then in how many of them nothing did."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("endpoint", overflow="fold")
    for heading in ("requests", *METRICS):
        table.add_column(str(heading).replace("_", " "), overflow="fold")
    shown = [one for one in differences if not _is_alike(one)]
    for one in shown:
        table.add_row(printable(_name(one)), *_cells(one), style=_COLOURS[one.presence])
    if shown:
        results.print(table)
    counts = {"alike": len(differences) - len(shown)}
    counts |= {_WORDS[presence]: sum(one.presence is presence for one in shown) for presence in _WORDS}
    results.print(", ".join(f"{word}: {count}" for word, count in counts.items()))


def differences_document(differences: Sequence[Difference]) -> list[dict[str, Any]]:
    """The same for machines, with every endpoint; changes are ratios minus one, for the error rate differences."""
    return [
        {
            **_identity(one.endpoint),
            "presence": one.presence,
            "before": one.before and _figures_document(one.before),
            "now": one.now and _figures_document(one.now),
            "change": {
                "requests": one.change_of_requests,
                **{metric: one.change(metric) for metric in METRICS},
            },
        }
        for one in differences
    ]


def _identity(endpoint: Endpoint) -> dict[str, str]:
    return {"service": endpoint.service, "method": endpoint.method, "endpoint": endpoint.endpoint}


def _figures_document(figures: Figures) -> dict[str, Any]:
    counts = {"requests": figures.requests, "failures": figures.failures}
    return {**counts, **{metric: figures.values.get(metric) for metric in METRICS}}


def _is_alike(one: Difference) -> bool:
    changes = [one.change_of_requests, *(one.change(metric) for metric in METRICS)]
    return one.presence is Presence.BOTH and all(change is None or abs(change) < _SMALLEST_CHANGE for change in changes)


def _name(one: Difference) -> str:
    return str(one.endpoint) if one.presence is Presence.BOTH else f"{one.presence}: {one.endpoint}"


def _cells(one: Difference) -> Iterable[Text]:
    yield _cell(one, _count(one.before), _count(one.now), _change(one.change_of_requests, "%"))
    for metric in METRICS:
        unit = "points" if metric is Metric.ERROR_RATE else "%"
        yield _cell(one, _value(one.before, metric), _value(one.now, metric), _change(one.change(metric), unit))


def _cell(one: Difference, before: str, now: str, change: str) -> Text:
    """`120 ms -> 180 ms` above `+50.0 %`; only one value where there is no other, or where they are alike."""
    if one.presence is not Presence.BOTH:
        return Text(before if one.now is None else now)
    if change == _ALIKE or before == now == NOTHING:
        return Text(now)
    return Text(f"{before} -> {now}\n{change}".rstrip())


def _change(change: float | None, unit: str) -> str:
    if change is None:
        return ""
    return _ALIKE if abs(change) < _SMALLEST_CHANGE else f"{change * 100:+,.1f} {unit}"


def _count(figures: Figures | None) -> str:
    return NOTHING if figures is None or figures.requests is None else f"{figures.requests:,}"


def _value(figures: Figures | None, metric: Metric) -> str:
    return format_value(metric, figures.values.get(metric) if figures else None)
