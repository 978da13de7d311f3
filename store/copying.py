"""Copying all that one store keeps into another, part by part; what is there already is left as it is."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

from soakwatch.core.roll_up import MINUTE, TEN_MINUTES
from soakwatch.core.span import Span
from soakwatch.core.spans import stretches, widened
from soakwatch.store.contract import Point, WindowStore
from soakwatch.store.copied_parts import Amount, Bounds, Compared, compare_deploys, compare_roll_ups, compare_run
from soakwatch.store.roll_up_pass import POINTS_AT_ONCE, roll_up_stored

_STRETCHES_AT_ONCE = 360
"""Roll-ups of each series that are compared at once: six hours of minutes, or two and a half days."""

_DAY = 86_400.0

Part = Callable[[], Compared]
"""Compares a part of the source with the target, once more each time."""

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
    target is counted and left out. Begun again, it goes on where it was. Raises StoreUnavailable and StoreRefused.
    """
    roll_up_stored(source, now)
    wanted = copied = Amount()
    differences = []
    for found, part in _compared(source, target, now, progress):
        wanted += found.wanted
        copied += found.lacking
        if found.lacking:
            write_in_batches(target, found.points())
            left = part()
            differences += [_told(left)] if left.lacking else []
    return CopyReport(wanted, copied, tuple(differences))


def plan_copy(source: WindowStore, target: WindowStore, now: float, progress: Progress) -> CopyReport:
    """What `copy_store` would copy, of what is rolled up already. Raises StoreUnavailable and StoreRefused."""
    found = [compared for compared, _ in _compared(source, target, now, progress)]
    return CopyReport(
        sum((one.wanted for one in found), start=Amount()), sum((one.lacking for one in found), start=Amount())
    )


def _compared(
    source: WindowStore, target: WindowStore, now: float, progress: Progress
) -> Iterator[tuple[Compared, Part]]:
    parts = _parts(source, target, now)
    for number, part in enumerate(parts):
        progress(number, len(parts))
        yield part(), part
    progress(len(parts), len(parts))


def _parts(source: WindowStore, target: WindowStore, now: float) -> Sequence[Part]:
    """Roll-ups before raw windows: those that the target makes of raw windows itself afterwards are the better ones."""
    bounds = Bounds.of(target.retention, now)
    runs = source.runs()
    first = min((run.start for run in runs if run.start), default=now) - _DAY
    return [
        partial(compare_deploys, source, target, Span(0.0, now + _DAY)),
        *_roll_ups(source, target, TEN_MINUTES, Span(max(first, bounds.ten_minutes), now)),
        *_roll_ups(source, target, MINUTE, Span(max(first, bounds.minutes), now)),
        *(partial(compare_run, source, target, run, bounds) for run in runs),
    ]


def _roll_ups(source: WindowStore, target: WindowStore, width: float, span: Span) -> Iterator[Part]:
    at_once = _STRETCHES_AT_ONCE * width
    for stretch in (part for whole in widened([span], at_once) for part in stretches(whole, at_once)):
        # those before the span have expired at the target
        yield partial(compare_roll_ups, source, target, width, Span(max(stretch.start, span.start), stretch.end))


def write_in_batches(target: WindowStore, points: Iterator[Point]) -> None:
    """Write any number of points, in their order. Raises StoreUnavailable and StoreRefused."""
    while batch := list(islice(points, POINTS_AT_ONCE)):
        target.write(batch)


def _told(left: Compared) -> str:
    lacking = left.lacking
    requests = lacking.requests + lacking.minutes + lacking.ten_minutes
    return f"{left.name}: {requests:,} requests are missing" if requests else f"{left.name}: not as it was written"
