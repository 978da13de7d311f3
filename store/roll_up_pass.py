"""The roll-up pass: from raw windows to roll-ups of one and ten minutes, as far as windows have arrived."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf

from soakwatch.core.retention import kept_from
from soakwatch.core.roll_up import MINUTE, TEN_MINUTES, is_whole_service, roll_up
from soakwatch.core.span import Span
from soakwatch.core.spans import Spans, stretches, within
from soakwatch.store.condensing import Condensed, condense_finished, goes_on
from soakwatch.store.contract import WindowStore
from soakwatch.store.refusals import Refusals
from soakwatch.store.roll_up_position import RollUpPosition

NAME = "roll-ups"
"""Under this name the store remembers how far the pass has come."""

_WIDE = 3_600.0
"""Seconds of windows that arrived together and in which there may be gaps worth looking for."""

Progress = Callable[[float, float], None]
"""Is told how many seconds of time are rolled up, and how many there are."""


@dataclass(frozen=True, slots=True)
class RollUpReport:
    """What a pass did: how many roll-ups of each width it made, and which runs it condensed or settled.

    `refused` are sentences on what the store did not take of it; the rest was written.
    """

    minutes: int
    ten_minutes: int
    runs: Condensed
    refused: tuple[str, ...] = ()


def roll_up_stored(store: WindowStore, now: float, progress: Progress = lambda _done, _all: None) -> RollUpReport:
    """Roll up every closed stretch in which windows arrived since the last pass, and condense runs that have ended.

    May be killed at any moment and begins again where it was; what was rolled up twice is the same as once. One pass at
    a time: of two, the slower may write what it read before a window arrived. What the store refuses is left out and
    told. Raises StoreUnavailable.
    """
    refusals = Refusals()
    position = _position(store)
    position = position.arrived(store.arrivals(position.arrivals, now))
    # before anything is taken off the position: a pass that is killed must find these runs again
    runs = condense_finished(store, now, position.minutes, refusals)
    written = {MINUTE: 0, TEN_MINUTES: 0}
    due = position.due(now)
    for stretch in _occupied(store, position, due):
        written[MINUTE] += _roll_up_minutes(store, position.due_minutes(stretch, now), now, refusals)
        if stretch.end <= now:
            written[TEN_MINUTES] += _roll_up_ten_minutes(store, stretch, now, refusals)
        position = position.done(stretch.end, now)
        store.set_position(NAME, position.encode())
        progress(_length(within(due, Span(-inf, stretch.end))), _length(due))
    end = position.done(inf, now).encode()
    if end != store.position(NAME):
        store.set_position(NAME, end)
    return RollUpReport(written[MINUTE], written[TEN_MINUTES], runs, refusals.sentences)


def expire_rolled_up(store: WindowStore, now: float) -> int:
    """`WindowStore.expire`, but no raw windows that are not rolled up yet, and none of a run that still goes on."""
    position = _position(store)
    position = position.arrived(store.arrivals(position.arrivals, now))
    kept = store.retention.raw
    unfinished = [run for run in store.runs() if run.end is None and run.start < now - kept]
    going_on = [run.start for run in unfinished if goes_on(store, run, now)]
    return store.expire(min(now, *(start + kept for start in (position.oldest, *going_on))))


def _position(store: WindowStore) -> RollUpPosition:
    return RollUpPosition.decode(store.position(NAME))


def _occupied(store: WindowStore, position: RollUpPosition, due: Spans) -> Iterator[Span]:
    """Ten minutes after ten minutes of what is due; gaps in wide spans are left out.

    Windows of last night and of now that arrived together make a wide span. Where ten minutes are empty, twice as many
    are looked at next.
    """
    for span in due:
        if span.end - span.start <= _WIDE:
            yield from stretches(span, TEN_MINUTES)
            continue
        start, look = span.start, TEN_MINUTES
        while start < span.end:
            ahead = Span(start, min(start + look, span.end))
            if _is_empty(store, position, ahead):
                start, look = ahead.end, 2 * look
            elif look > TEN_MINUTES:
                look = max(TEN_MINUTES, look / 2)
            else:
                yield ahead
                start = ahead.end


def _is_empty(store: WindowStore, position: RollUpPosition, span: Span) -> bool:
    return not within(position.ten_minutes, span) and next(store.windows_between(span), None) is None


def _roll_up_minutes(store: WindowStore, spans: Spans, now: float, refusals: Refusals) -> int:
    oldest = kept_from(store.retention.minutes, now)
    minutes = (minute for span in spans for minute in stretches(span, MINUTE) if minute.start >= oldest)
    count = 0
    for minute in minutes:
        made = roll_up(store.windows_between(minute), MINUTE)
        refusals.write(store, made)
        count += len(made)
    return count


def _roll_up_ten_minutes(store: WindowStore, stretch: Span, now: float, refusals: Refusals) -> int:
    """Made of roll-ups of a minute, which are fewer than raw windows, unless those are kept for a shorter time."""
    if stretch.start < kept_from(store.retention.ten_minutes, now):
        return 0
    if stretch.start < kept_from(store.retention.minutes, now):
        windows = store.windows_between(stretch)
    else:
        windows = (one.window for one in store.roll_ups(MINUTE, stretch) if not is_whole_service(one.window.series))
    made = roll_up(windows, TEN_MINUTES)
    refusals.write(store, made)
    return len(made)


def _length(spans: Spans) -> float:
    return sum(span.end - span.start for span in spans)
