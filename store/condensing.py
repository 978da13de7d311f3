"""Condensing: what is kept of runs for long, made of their raw windows once they have ended."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from soakwatch.core.retention import kept_from
from soakwatch.core.run import Run, settled
from soakwatch.core.run_series import RunLoad, RunSeries, condense
from soakwatch.core.span import Span
from soakwatch.core.spans import Spans, within
from soakwatch.core.window import Window
from soakwatch.store.contract import WindowStore

_SLACK = 600.0
"""Seconds by which windows may lie outside of their run: clocks differ."""

_AT_ONCE = 100
"""Series of one write."""


@dataclass(frozen=True, slots=True)
class Condensed:
    """The ids of runs that were condensed, and of those of which more is stored than their reconciliation had said."""

    condensed: tuple[str, ...] = ()
    settled: tuple[str, ...] = ()


def condense_finished(store: WindowStore, now: float, arrived: Spans) -> Condensed:
    """Condense the runs that have ended and are not, or of which windows came since; `arrived` is where windows did.

    A reconciliation that waited for these windows is settled. Raises StoreUnavailable or StoreRefused.
    """
    keep = kept_from(store.retention.ten_minutes, now)
    ended = [(run, run.end) for run in store.runs() if run.end is not None and run.end >= keep]
    concerned = [run for run, end in ended if _is_concerned(store, run, Span(run.start, end), now, arrived)]
    stored = {run.id: sum(store.requests_stored(run.id).values()) for run in concerned}
    return Condensed(
        tuple(run.id for run in concerned if _condensed(store, run, stored[run.id])),
        tuple(run.id for run in concerned if _settled(store, run, stored[run.id])),
    )


def requests_condensed(store: WindowStore, run: str) -> int:
    """How many requests are in what is kept of a run for long."""
    return sum(block.count for series in store.run_series(run) for block in series.blocks)


def write_condensed(store: WindowStore, condensed: Sequence[RunSeries | RunLoad]) -> None:
    """Write what `condense` made of a run; the load generator last: where that is, the rest is, too.

    Of an imported run nothing may be known of it. Raises StoreUnavailable or StoreRefused.
    """
    telling = [one for one in condensed if one.blocks or isinstance(one, RunSeries)]
    telling.sort(key=lambda one: isinstance(one, RunLoad))
    for start in range(0, len(telling), _AT_ONCE):
        store.write(telling[start : start + _AT_ONCE])


@dataclass(frozen=True, slots=True)
class _StoredWindows:
    """The raw windows of a run, read from the store each time that they are asked for."""

    store: WindowStore
    run: str

    def __iter__(self) -> Iterator[Window]:
        """By start."""
        return self.store.windows(self.run)


def _is_concerned(store: WindowStore, run: Run, lasted: Span, now: float, arrived: Spans) -> bool:
    if within(arrived, Span(lasted.start - _SLACK, lasted.end + _SLACK)):
        return True
    if lasted.end + _SLACK < now - store.retention.raw:
        return False
    known = run.reconciled
    return store.run_load(run.id) is None or (known is not None and bool(known.waiting or known.silent_sources))


def _condensed(store: WindowStore, run: Run, stored: int) -> bool:
    """Whether there was more to condense than had been; fewer windows than before means that some have expired."""
    if stored <= requests_condensed(store, run.id):
        return False
    windows = _StoredWindows(store, run.id)
    write_condensed(store, condense(run, windows, store.errors(run.id), store.load(run.id)))
    return True


def _settled(store: WindowStore, run: Run, stored: int) -> bool:
    if run.reconciled is None:
        return False
    ended = [tally.source for tally in store.tallies(run.id) if tally.final]
    result = settled(run.reconciled, stored, ended)
    if result == run.reconciled:
        return False
    store.write([replace(run, reconciled=result)])
    return True
