"""Parts of a store that are copied: what one store has of each, and what another lacks."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass
from itertools import groupby
from math import inf
from typing import Self

from soakwatch.core.retention import Retention, kept_from
from soakwatch.core.roll_up import MINUTE, RollUp, is_whole_service, roll_up, whole_service
from soakwatch.core.run import Run, Tally
from soakwatch.core.run_series import RunLoad, RunSeries
from soakwatch.core.series import Series
from soakwatch.core.span import Span
from soakwatch.store.condensing import SLACK
from soakwatch.store.contract import Column, Point, WindowStore


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
    """A part: how much of it the source has, how much of that the target lacks, and points that would complete it.

    `complete` is whether there are none of these.
    """

    name: str
    wanted: Amount
    lacking: Amount
    complete: bool
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
    amounts = Amount(deploys=len(wanted)), Amount(deploys=len(lacking))
    return Compared("deploys", *amounts, not lacking, lambda: iter(lacking))


def compare_roll_ups(source: WindowStore, target: WindowStore, width: float, span: Span) -> Compared:
    """The roll-ups of endpoints in a span; the target lacks those that have fewer requests there, or are not there."""
    wanted = _of_endpoints(_counts(source, width, span))
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
    return Compared(_name(width), _amount(width, wanted), _amount(width, missing), not any(missing.values()), points)


def compare_whole_services(target: WindowStore, width: float, span: Span) -> Compared:
    """The roll-ups of whole services in a span, against those of their endpoints that are there.

    Copied, they would leave out what the target alone knows of the same service: they are made anew.
    """
    counts = _counts(target, width, span)
    wanted: defaultdict[tuple[float, Series], float] = defaultdict(float)
    for series, of_series in _of_endpoints(counts).items():
        for start, count in of_series.items():
            wanted[start, whole_service(series)] += count
    lacking = {(start, one) for (start, one), count in wanted.items() if counts.get(one, {}).get(start, -1.0) < count}

    def points() -> Iterator[RollUp]:
        starts = {start for start, _ in lacking}
        for start, stretch in groupby(target.roll_ups(width, span), lambda one: one.window.start):
            if start in starts:
                windows = (one.window for one in stretch if not is_whole_service(one.window.series))
                yield from (one for one in roll_up(windows, width) if (start, one.window.series) in lacking)

    # all of them before the first is written: they come from the store that they are written to
    return Compared(f"{_name(width)}, of whole services", Amount(), Amount(), not lacking, lambda: iter(list(points())))


def _name(width: float) -> str:
    return "roll-ups of a minute" if width == MINUTE else "roll-ups of ten minutes"


Counts = Mapping[Series, Mapping[float, float]]
"""Requests by series and start."""


def _counts(store: WindowStore, width: float, span: Span) -> Counts:
    return {
        series: dict(zip(history.starts.tolist(), history.values[Column.COUNT].tolist(), strict=True))
        for series, history in store.history(width, span, [Column.COUNT]).items()
    }


def _of_endpoints(counts: Counts) -> Counts:
    # rows of whole services hold the same requests once more
    return {series: starts for series, starts in counts.items() if not is_whole_service(series)}


def _amount(width: float, counts: Counts) -> Amount:
    requests = round(sum(sum(starts.values()) for starts in counts.values()))
    return Amount(minutes=requests) if width == MINUTE else Amount(ten_minutes=requests)


Runs = Mapping[str, Run]
"""Records of runs by id."""


def compare_run(source: WindowStore, target: WindowStore, run: Run, bounds: Bounds, there: Runs) -> Compared:
    """A run: its raw windows with all that belongs to them, and what is kept of it for long.

    `there` are the records of the target. What the target knows better stays: condensed parts with more requests, later
    tallies, an end or a reconciliation that the source has not heard of.
    """
    known = there.get(run.id)
    kept, expired = _requests(source, run, bounds.raw)
    stored = target.requests_stored(run.id)
    missing = sum(max(0, count - stored.get(origin, 0)) for origin, count in kept.items())
    condensed = _lacking_condensed(source, target, run, bounds)
    parts: list[Iterable[Point]] = []
    # raw windows after the rest: a copy that was cut short is known by their number
    if condensed:
        parts.append(condensed)
    if known is None or missing:
        parts.append(_raw(source, run, bounds, target.tallies(run.id)))
    if tells_more(run, known):
        parts.append([run])
    wanted = Amount(runs=1, requests=sum(kept.values()), expired=expired)
    lacking = Amount(runs=1 if parts else 0, requests=missing)
    return Compared(f"run {run.id}", wanted, lacking, not parts, lambda: (point for part in parts for point in part))


def tells_more(run: Run, known: Run | None) -> bool:
    """Whether a record has an end, or requests stored, of which the `known` one has not heard."""
    if known is None or (known.end is None and run.end is not None):
        return True
    if run.reconciled is None or (known.end is not None and run.end is None):
        return False
    return known.reconciled is None or known.reconciled.stored < run.reconciled.stored


def _lacking_condensed(source: WindowStore, target: WindowStore, run: Run, bounds: Bounds) -> list[Point]:
    """What is kept of a run for long and has fewer requests at the target; the load generator last."""
    theirs = {series.series: _requests_in([series]) for series in target.run_series(run.id)}
    ours = [series for series in source.run_series(run.id) if _is_kept(series, bounds)]
    lacking: list[Point] = [series for series in ours if theirs.get(series.series, -1) < _requests_in([series])]
    load = source.run_load(run.id)
    if load is None or not _is_kept(load, bounds) or sum(theirs.values()) > _requests_in(ours):
        return lacking
    return lacking if load == target.run_load(run.id) else [*lacking, load]


def _requests_in(condensed: Iterable[RunSeries]) -> int:
    return sum(block.count for series in condensed for block in series.blocks)


def points_of_run(store: WindowStore, run: Run, bounds: Bounds = EVERYTHING) -> Iterator[Point]:
    """All that `store` knows of a run; the run itself comes last, so that half a copy is not taken for a whole one."""
    yield from _condensed(store, run, bounds)
    yield from _raw(store, run, bounds, ())
    yield run


def _requests(store: WindowStore, run: Run, since: float) -> tuple[Mapping[str, int], int]:
    """Requests in raw windows that start at `since` or later, by source, and how many are in older ones."""
    stored = store.requests_stored(run.id)
    if run.start - SLACK >= since or not stored:
        return stored, 0
    kept = dict.fromkeys(stored, 0)
    if run.end is None or run.end + SLACK >= since:
        for window in store.windows(run.id):
            if window.start >= since:
                kept[window.source] += window.count
    return kept, sum(stored.values()) - sum(kept.values())


def _raw(store: WindowStore, run: Run, bounds: Bounds, known: Iterable[Tally]) -> Iterator[Point]:
    since = {tally.source: tally.at for tally in known}
    yield from (tally for tally in store.tallies(run.id) if tally.at >= max(bounds.raw, since.get(tally.source, -inf)))
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
