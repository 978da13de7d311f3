"""Parts of a store that are copied: what one store has of each, and what another lacks."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass
from math import inf
from typing import Self

from soakwatch.core.retention import Retention, kept_from
from soakwatch.core.roll_up import MINUTE, RollUp, whole_service
from soakwatch.core.run import Run
from soakwatch.core.run_series import RunLoad, RunSeries
from soakwatch.core.series import Series
from soakwatch.core.span import Span
from soakwatch.store.contract import Column, Point, WindowStore

_SLACK = 600.0
"""Seconds by which windows may lie outside of their run: clocks differ."""


@dataclass(frozen=True, slots=True)
class Amount:
    """How much there is of what is copied.

    All but `deploys` and `runs` are requests: in raw windows, in raw windows that are too old for the other store, in
    roll-ups of one minute, and of ten.
    """

    deploys: int = 0
    runs: int = 0
    requests: int = 0
    expired: int = 0
    minutes: int = 0
    ten_minutes: int = 0

    def __add__(self, other: Self) -> Self:
        """Of two parts together."""
        return type(self)(*map(sum, zip(astuple(self), astuple(other), strict=True)))

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return any(astuple(self))


@dataclass(frozen=True, slots=True)
class Compared:
    """A part: how much of it the source has, how much of that the target lacks, and points that would complete it."""

    name: str
    wanted: Amount
    lacking: Amount
    points: Callable[[], Iterator[Point]]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Moments from which on a store keeps raw windows, roll-ups of a minute, those of ten, and what is kept of runs."""

    raw: float
    minutes: float
    ten_minutes: float

    @classmethod
    def of(cls, retention: Retention, now: float) -> Self:
        """What will not expire while it is copied."""
        kept = (retention.raw, retention.minutes, retention.ten_minutes)
        return cls(*(kept_from(seconds, now) for seconds in kept))


EVERYTHING = Bounds(-inf, -inf, -inf)


def compare_deploys(source: WindowStore, target: WindowStore, span: Span) -> Compared:
    """The deploys of a span."""
    wanted = source.deploys(span)
    known = set(target.deploys(span))
    lacking = [deploy for deploy in wanted if deploy not in known]
    return Compared("deploys", Amount(deploys=len(wanted)), Amount(deploys=len(lacking)), lambda: iter(lacking))


def compare_roll_ups(source: WindowStore, target: WindowStore, width: float, span: Span) -> Compared:
    """The roll-ups of a span; the target lacks those that it does not have or that have fewer requests there."""
    wanted = _counts(source, width, span)
    known = _counts(target, width, span) if wanted else {}
    lacking = {
        series: {start for start, count in counts.items() if known.get(series, {}).get(start, -1.0) < count}
        for series, counts in wanted.items()
    }

    def points() -> Iterator[RollUp]:
        for one in source.roll_ups(width, span):
            if one.window.start in lacking.get(one.window.series, ()):
                yield one

    missing = {series: {start: wanted[series][start] for start in starts} for series, starts in lacking.items()}
    name = "roll-ups of a minute" if width == MINUTE else "roll-ups of ten minutes"
    return Compared(name, _amount(width, wanted), _amount(width, missing), points)


Counts = Mapping[Series, Mapping[float, float]]
"""Requests by series and start."""


def _counts(store: WindowStore, width: float, span: Span) -> Counts:
    return {
        series: dict(zip(history.starts.tolist(), history.values[Column.COUNT].tolist(), strict=True))
        for series, history in store.history(width, span, [Column.COUNT]).items()
    }


def _amount(width: float, counts: Counts) -> Amount:
    # rows of whole services hold the same requests once more
    own = (starts for series, starts in counts.items() if series != whole_service(series))
    requests = round(sum(sum(starts.values()) for starts in own))
    return Amount(minutes=requests) if width == MINUTE else Amount(ten_minutes=requests)


def compare_run(source: WindowStore, target: WindowStore, run: Run, bounds: Bounds) -> Compared:
    """A run: its raw windows with all that belongs to them, and what is kept of it for long."""
    known = next((one for one in target.runs() if one.id == run.id), None)
    kept, expired = _requests(source, run, bounds.raw)
    there = target.requests_stored(run.id)
    missing = sum(max(0, count - there.get(origin, 0)) for origin, count in kept.items())
    parts: list[Iterable[Point]] = []
    # raw windows after the rest: a copy that was cut short is known by their number
    if known is None or missing or not _is_condensed_there(source, target, run, bounds):
        parts.append(_condensed(source, run, bounds))
    if known is None or missing:
        parts.append(_raw(source, run, bounds))
    if parts or known != run:
        parts.append([run])
    wanted = Amount(runs=1, requests=sum(kept.values()), expired=expired)
    lacking = Amount(runs=1 if parts else 0, requests=missing)
    return Compared(f"run {run.id}", wanted, lacking, lambda: (point for part in parts for point in part))


def _is_condensed_there(source: WindowStore, target: WindowStore, run: Run, bounds: Bounds) -> bool:
    # the load generator is written last, and is one point; not all runs have one
    load = source.run_load(run.id)
    if load is not None:
        return not _is_kept(load, bounds) or target.run_load(run.id) == load
    kept = [series for series in source.run_series(run.id) if _is_kept(series, bounds)]
    return not kept or kept == target.run_series(run.id)


def points_of_run(store: WindowStore, run: Run, bounds: Bounds = EVERYTHING) -> Iterator[Point]:
    """All that `store` knows of a run; the run itself comes last, so that half a copy is not taken for a whole one."""
    yield from _condensed(store, run, bounds)
    yield from _raw(store, run, bounds)
    yield run


def _requests(store: WindowStore, run: Run, since: float) -> tuple[Mapping[str, int], int]:
    """Requests in raw windows that start at `since` or later, by source, and how many are in older ones."""
    stored = store.requests_stored(run.id)
    if run.start - _SLACK >= since or not stored:
        return stored, 0
    kept = dict.fromkeys(stored, 0)
    if run.end is None or run.end + _SLACK >= since:
        for window in store.windows(run.id):
            if window.start >= since:
                kept[window.source] += window.count
    return kept, sum(stored.values()) - sum(kept.values())


def _raw(store: WindowStore, run: Run, bounds: Bounds) -> Iterator[Point]:
    yield from (tally for tally in store.tallies(run.id) if tally.at >= bounds.raw)
    for parts in (store.errors(run.id), store.load(run.id), store.windows(run.id)):
        yield from (part for part in parts if part.start >= bounds.raw)


def _condensed(store: WindowStore, run: Run, bounds: Bounds) -> Iterator[Point]:
    # the load generator last: where that is, the rest is, too
    load = store.run_load(run.id)
    yield from (series for series in store.run_series(run.id) if _is_kept(series, bounds))
    if load is not None and _is_kept(load, bounds):
        yield load


def _is_kept(condensed: RunSeries | RunLoad, bounds: Bounds) -> bool:
    return all(block.start >= bounds.ten_minutes for block in condensed.blocks[:1])
