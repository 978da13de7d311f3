"""Condensing: what is kept of runs for long, made of their raw windows once they have ended."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf

from soakwatch.core.retention import kept_from
from soakwatch.core.run import Run, settled
from soakwatch.core.run_series import RunLoad, RunSeries, condense
from soakwatch.core.span import Span
from soakwatch.core.spans import Spans, within
from soakwatch.core.window import Window
from soakwatch.store.contract import WindowStore
from soakwatch.store.portions import portions
from soakwatch.store.refusals import Refusals

SLACK = 600.0
"""Seconds by which windows may lie outside of their run: clocks differ."""

_ALIVE = 86_400.0
"""Seconds after its last tally for which a run without an end may still go on."""


@dataclass(frozen=True, slots=True)
class Condensed:
    """The ids of runs that were condensed, and of those of which more is stored than their reconciliation had said."""

    condensed: tuple[str, ...] = ()
    settled: tuple[str, ...] = ()


def condense_finished(store: WindowStore, now: float, arrived: Spans, refusals: Refusals) -> Condensed:
    """Condense the runs that have ended and are not, or of which windows came since; `arrived` is where windows did.

    A run without an end, because it was killed, ended with its last tally. A reconciliation that waited for these
    windows is settled. What is refused is noted in `refusals`, and the next run follows. Raises StoreUnavailable.
    """
    keep = kept_from(store.retention.ten_minutes, now)
    over = [(run, end) for run in store.runs() if (end := _end(store, run, now)) is not None]
    concerned = [
        run for run, end in over if end >= keep and _is_concerned(store, run, Span(run.start, end), now, arrived)
    ]
    stored = {run.id: sum(store.requests_stored(run.id).values()) for run in concerned}
    return Condensed(
        tuple(run.id for run in concerned if _condensed(store, run, stored[run.id], refusals)),
        tuple(run.id for run in concerned if _settled(store, run, stored[run.id], refusals)),
    )


def goes_on(store: WindowStore, run: Run, now: float) -> bool:
    """Whether a run may still go on: it has no end, and has been heard of within a day."""
    return run.end is None and _heard_of(store, run) > now - _ALIVE


def _end(store: WindowStore, run: Run, now: float) -> float | None:
    """When a run ended; None where nobody knows, or it has not yet."""
    if run.end is not None:
        return run.end
    heard_of = _heard_of(store, run)
    return heard_of if -inf < heard_of <= now - _ALIVE else None


def _heard_of(store: WindowStore, run: Run) -> float:
    return max((tally.at for tally in store.tallies(run.id)), default=-inf)


def requests_condensed(store: WindowStore, run: str) -> int:
    """How many requests are in what is kept of a run for long."""
    return sum(block.count for series in store.run_series(run) for block in series.blocks)


def write_condensed(store: WindowStore, condensed: Sequence[RunSeries | RunLoad]) -> None:
    """Write what `condense` made of a run; the load generator last: where that is, the rest is, too.

    Of an imported run nothing may be known of it. Raises StoreUnavailable or StoreRefused.
    """
    for portion in portions(_telling(condensed)):
        store.write(portion)


def _telling(condensed: Sequence[RunSeries | RunLoad]) -> list[RunSeries | RunLoad]:
    telling = [one for one in condensed if one.blocks or isinstance(one, RunSeries)]
    return sorted(telling, key=lambda one: isinstance(one, RunLoad))


@dataclass(frozen=True, slots=True)
class _StoredWindows:
    """The raw windows of a run, read from the store each time that they are asked for."""

    store: WindowStore
    run: str

    def __iter__(self) -> Iterator[Window]:
        """By start."""
        return self.store.windows(self.run)


def _is_concerned(store: WindowStore, run: Run, lasted: Span, now: float, arrived: Spans) -> bool:
    if within(arrived, Span(lasted.start - SLACK, lasted.end + SLACK)):
        return True
    if lasted.end + SLACK < now - store.retention.raw:
        return False
    known = run.reconciled
    return store.run_load(run.id) is None or (known is not None and bool(known.waiting or known.silent_sources))


def _condensed(store: WindowStore, run: Run, stored: int, refusals: Refusals) -> bool:
    """Whether there was more to condense than had been; fewer windows than before means that some have expired."""
    if stored <= requests_condensed(store, run.id):
        return False
    windows = _StoredWindows(store, run.id)
    refusals.write(store, _telling(condense(run, windows, store.errors(run.id), store.load(run.id))))
    return True


def _settled(store: WindowStore, run: Run, stored: int, refusals: Refusals) -> bool:
    if run.reconciled is None:
        return False
    ended = [tally.source for tally in store.tallies(run.id) if tally.final]
    result = settled(run.reconciled, stored, ended)
    if result == run.reconciled:
        return False
    refusals.write(store, [replace(run, reconciled=result)])
    return True
