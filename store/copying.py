"""Copying all that one store keeps into another, part by part; what is known better there is left as it is."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from soakwatch.core.roll_up import MINUTE, TEN_MINUTES
from soakwatch.core.run import Run
from soakwatch.core.span import Span
from soakwatch.core.spans import stretches, widened
from soakwatch.store.contract import Point, WindowStore
from soakwatch.store.copied_parts import (
    Amount,
    Bounds,
    Compared,
    Runs,
    compare_deploys,
    compare_roll_ups,
    compare_run,
    compare_whole_services,
    tells_more,
)
from soakwatch.store.portions import portions
from soakwatch.store.refusals import Refusals
from soakwatch.store.roll_up_pass import roll_up_stored

_STRETCHES_AT_ONCE = 360
"""Roll-ups of each series that are compared at once: six hours of minutes, or two and a half days."""

_DAY = 86_400.0

Part = Callable[[Runs], Compared]
"""Compares a part of the source with the target, which knows these runs."""

Progress = Callable[[int, int], None]
"""Is told how many parts are done, and how many there are."""


@dataclass(frozen=True, slots=True)
class CopyReport:
    """What the source has and the target can keep, what of that was copied or would be, and what differs afterwards.

    `differences` are sentences; with none, the target has all that it should have.
    """

    wanted: Amount
    copied: Amount
    differences: tuple[str, ...] = ()


def copy_store(source: WindowStore, target: WindowStore, now: float, progress: Progress) -> CopyReport:
    """Copy deploys, roll-ups and runs, as far as `target` keeps them at `now`, and look whether all has arrived.

    The source's roll-ups are brought up to date before. Copied roll-ups replace those with fewer requests; where raw
    windows come to others that are there, the target's next pass rolls them up together. What has expired at the
    target is counted and left out; what it refuses is left out and told. Begun again, it goes on where it was. Raises
    StoreUnavailable.
    """
    differences = [f"roll-ups of the store that is copied: {reason}" for reason in roll_up_stored(source, now).refused]
    runs = source.runs()
    there, assumed = _by_id(target.runs()), _by_id(runs)
    parts = _parts(source, target, runs, now)
    wanted = copied = Amount()
    refusals = Refusals()
    left = []
    for part in _told_of(parts, progress):
        found = part(there)
        wanted += found.wanted
        copied += found.lacking
        if not found.complete:
            refusals.write(target, found.points())
            # at once, because more may come to the source; records are read all together in the end
            left.append(part(assumed))
    differences += [*refusals.sentences, *(_told(one) for one in left if not one.complete)]
    return CopyReport(wanted, copied, (*differences, *_records_missing(runs, _by_id(target.runs()))))


def _records_missing(runs: Sequence[Run], there: Runs) -> Iterator[str]:
    for run in runs:
        if tells_more(run, there.get(run.id)):
            yield f"run {run.id}: its record is missing"


def plan_copy(source: WindowStore, target: WindowStore, now: float, progress: Progress) -> CopyReport:
    """What `copy_store` would copy, of what is rolled up already. Raises StoreUnavailable."""
    runs = source.runs()
    there = _by_id(target.runs())
    found = [part(there) for part in _told_of(_parts(source, target, runs, now), progress)]
    return CopyReport(
        sum((one.wanted for one in found), start=Amount()), sum((one.lacking for one in found), start=Amount())
    )


def _by_id(runs: Sequence[Run]) -> Runs:
    return {run.id: run for run in runs}


def _told_of(parts: Sequence[Part], progress: Progress) -> Iterator[Part]:
    for number, part in enumerate(parts):
        progress(number, len(parts))
        yield part
    progress(len(parts), len(parts))


def _parts(source: WindowStore, target: WindowStore, runs: Sequence[Run], now: float) -> Sequence[Part]:
    """Roll-ups before raw windows: those that the target makes of raw windows itself afterwards are the better ones."""
    bounds = Bounds.of(target.retention, now)
    first = min((run.start for run in runs if run.start), default=now) - _DAY
    return [
        _same_for_all(partial(compare_deploys, source, target, Span(0.0, now + _DAY))),
        *_roll_ups(source, target, TEN_MINUTES, Span(max(first, bounds.ten_minutes), now)),
        *_roll_ups(source, target, MINUTE, Span(max(first, bounds.minutes), now)),
        *(partial(compare_run, source, target, run, bounds) for run in runs),
    ]


def _same_for_all(compare: Callable[[], Compared]) -> Part:
    """A part that is no run."""
    return lambda _known: compare()


def _roll_ups(source: WindowStore, target: WindowStore, width: float, span: Span) -> Iterator[Part]:
    at_once = _STRETCHES_AT_ONCE * width
    for stretch in (part for whole in widened([span], at_once) for part in stretches(whole, at_once)):
        # those before the span have expired at the target
        kept = Span(max(stretch.start, span.start), stretch.end)
        yield _same_for_all(partial(compare_roll_ups, source, target, width, kept))
        yield _same_for_all(partial(compare_whole_services, target, width, kept))


def write_in_batches(target: WindowStore, points: Iterator[Point]) -> None:
    """Write any number of points, in their order. Raises StoreUnavailable and StoreRefused."""
    for portion in portions(points):
        target.write(portion)


def _told(left: Compared) -> str:
    lacking = left.lacking
    requests = lacking.requests + lacking.minutes + lacking.ten_minutes
    return f"{left.name}: {requests:,} requests are missing" if requests else f"{left.name}: not as it was written"
