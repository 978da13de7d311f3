"""Run series: what is kept of a run when its raw windows have expired, so that it can still be compared."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from soakwatch.core.gathering import Gathering
from soakwatch.core.histogram import Histogram
from soakwatch.core.run import Run
from soakwatch.core.series import OTHER, Series
from soakwatch.core.window import ErrorCount, LoadSample, Window

MOST_BLOCKS = 64
"""Blocks of a run: twice as many as are told apart when a run's own scatter is estimated, so that little is lost when
the one in which the warm-up ends is left out."""

MOST_KINDS = 20
"""Kinds of errors of a series that are told apart, the most frequent of the run; the others count as `other`.

In 64 blocks, with samples of 200 characters, they are some 400 KB of text at most, of which InfluxDB keeps 1 MiB.
"""

_MAJORITY = 0.5


@dataclass(frozen=True, slots=True)
class RunSeries:
    """One series over a whole run in at most 64 blocks, merged over its processes; `source` is "" in all of them.

    Blocks without requests are left out. Of errors, the most frequent kinds of the run are told apart.
    """

    series: Series
    run: str
    blocks: tuple[Window, ...]
    errors: tuple[ErrorCount, ...] = ()


@dataclass(frozen=True, slots=True)
class RunLoad:
    """The load generator over a whole run, in the same blocks.

    Users and CPU (of all processes together) are the largest of each block.
    """

    environment: str
    test: str
    run: str
    blocks: tuple[LoadSample, ...]


def condense(
    run: Run, windows: Iterable[Window], errors: Iterable[ErrorCount], load: Iterable[LoadSample]
) -> list[RunSeries | RunLoad]:
    """Condense a run to blocks: the load generator first, then each series in their order.

    A block is saturated when the load generator was in most of its windows. In other blocks the times of saturated
    windows are left out, because they are the generator's own; their requests and failures count. Windows that can be
    read again are read twice, and not kept in memory.
    """
    windows, load = list(windows) if iter(windows) is windows else windows, list(load)
    widths = {part.start: part.width for parts in (load, windows) for part in parts}
    starts = sorted(widths)
    per_block = max(1, -(-len(starts) // MOST_BLOCKS))
    block_of = {start: starts[place - place % per_block] for place, start in enumerate(starts)}
    width = per_block * max(widths.values(), default=0.0)
    samples = [_sample(start, width, group) for start, group in _groups(load, block_of)]
    own = {sample.start for sample in samples if sample.saturated}
    untimely = {sample.start for sample in load if sample.saturated and block_of[sample.start] not in own}
    timely = (_without_times(window) if window.start in untimely else window for window in windows)
    return [RunLoad(run.environment, run.test, run.id, tuple(samples)), *_series(run, timely, errors, block_of, width)]


def _groups(load: Iterable[LoadSample], block_of: dict[float, float]) -> list[tuple[float, list[LoadSample]]]:
    groups: defaultdict[float, list[LoadSample]] = defaultdict(list)
    for sample in load:
        groups[block_of[sample.start]].append(sample)
    return sorted(groups.items())


def _sample(start: float, width: float, samples: Sequence[LoadSample]) -> LoadSample:
    by_start: defaultdict[float, list[LoadSample]] = defaultdict(list)
    for sample in samples:
        by_start[sample.start].append(sample)
    moments = list(by_start.values())
    saturated = sum(any(sample.saturated for sample in moment) for moment in moments)
    return replace(
        samples[0],
        source="",
        start=start,
        width=width,
        users=max(sum(sample.users for sample in moment) for moment in moments),
        cpu=max(sum(sample.cpu for sample in moment) for moment in moments),
        saturated=saturated > _MAJORITY * len(moments),
        late=Histogram.merge(sample.late for sample in samples),
    )


def _without_times(window: Window) -> Window:
    return replace(window, sum=window.fail_sum, hist=Histogram())


def _series(
    run: Run, windows: Iterable[Window], errors: Iterable[ErrorCount], block_of: dict[float, float], width: float
) -> list[RunSeries]:
    blocks: defaultdict[Series, defaultdict[float, Gathering]] = defaultdict(lambda: defaultdict(Gathering))
    for window in windows:
        if window.start in block_of:  # else it has arrived since they were read for the first time
            blocks[window.series][block_of[window.start]].add(window)
    kinds = _kinds(errors, block_of)
    return [
        RunSeries(
            series,
            run.id,
            tuple(_block(start, width, group) for start, group in sorted(blocks[series].items())),
            _most_frequent([error for _, error in sorted(kinds[series].items())]),
        )
        for series in sorted({*blocks, *kinds})
    ]


def _block(start: float, width: float, windows: Gathering) -> Window:
    return replace(windows.merged(), source="", start=start, width=width)


def _kinds(
    errors: Iterable[ErrorCount], block_of: dict[float, float]
) -> defaultdict[Series, dict[tuple[float, str], ErrorCount]]:
    kinds: defaultdict[Series, dict[tuple[float, str], ErrorCount]] = defaultdict(dict)
    for error in errors:
        start = block_of.get(error.start, error.start)
        known = kinds[error.series].get((start, error.kind))
        total = error.count + (known.count if known else 0)
        kinds[error.series][start, error.kind] = replace(known or error, source="", start=start, count=total)
    return kinds


def _most_frequent(errors: Sequence[ErrorCount]) -> tuple[ErrorCount, ...]:
    """The same number of errors, those of rare kinds as `other`; by start, then kind."""
    counts: Counter[str] = Counter()
    for error in errors:
        counts[error.kind] += error.count
    if len(counts) <= MOST_KINDS:
        return tuple(errors)
    frequent = {kind for kind, _ in counts.most_common(MOST_KINDS)}
    kept: dict[tuple[float, str], ErrorCount] = {}
    for error in errors:
        kind = error.kind if error.kind in frequent else OTHER
        known = kept.get((error.start, kind))
        total = error.count + (known.count if known else 0)
        kept[error.start, kind] = replace(known or error, kind=kind, count=total)
    return tuple(error for _, error in sorted(kept.items()))
