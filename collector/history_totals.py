"""Totals of a run from its history, for a run whose statistics are not at hand."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from soakwatch.collector.history_entry import TOTAL, Part
from soakwatch.collector.history_import import StagedHistory
from soakwatch.collector.history_points import Curves
from soakwatch.collector.percentile_columns import between_bounds
from soakwatch.collector.stats_csv import Entry
from soakwatch.core.histogram import Histogram
from soakwatch.core.run_summary import EndpointTotals

_SHARES = (0.01, 0.05, 0.1, 0.25)
"""Shares that merged windows tell of beside those of the columns."""


@dataclass(slots=True)
class _Whole:
    """What one entry did since Locust last reset its statistics; `last` is its latest part."""

    last: Part
    failures: int = 0
    hist: Histogram = field(default_factory=Histogram)


def totals_of(history: StagedHistory) -> Mapping[Entry, EndpointTotals]:
    """The counts of the last rows, as Locust's own statistics would have them.

    Percentiles of a history with endpoints look back ten seconds: they are those of its windows merged. Without
    endpoints they are those of the last row, where that covers the whole run. Empty where no request was counted.
    """
    names = {number: entry for entry, number in history.facts.entries.items()} or {TOTAL: ("", "Aggregated")}
    curves = Curves(history.settings)
    found: dict[int, _Whole] = {}
    for stretch in history.stretches():
        for part in stretch.parts:
            if part.sofar:
                _add(found, part, curves)
    return {names[number]: _totals(whole, history) for number, whole in found.items()}


def _add(found: dict[int, _Whole], part: Part, curves: Curves) -> None:
    whole = found.get(part.entry)
    if whole is None or part.sofar == part.requests:
        whole = found[part.entry] = _Whole(part)
    rebuilt = curves.rebuilt(part)
    whole.last = part
    whole.failures += part.failures
    whole.hist = Histogram.merge((whole.hist, *rebuilt.hists, *rebuilt.fail_hists))


def _totals(whole: _Whole, history: StagedHistory) -> EndpointTotals:
    last, shares = whole.last, history.settings.shares
    if history.settings.cumulative and last.percentiles:
        times = [float(text) for text in last.percentiles.split(",")]
        percentiles = dict(zip(shares, times, strict=True))
    else:
        merged = sorted({*_SHARES, *shares})
        percentiles = {share: time or 0.0 for share, time in zip(merged, whole.hist.quantiles(merged), strict=True)}
    return EndpointTotals(last.sofar, whole.failures, last.mean, between_bounds(percentiles, last.low, last.high))
