"""Random events: one for each series, to see of many how soon they are found."""

from math import inf

from soakwatch.core.truth import EventKind
from soakwatch.demo.history_events import DAY, MINUTE, Event
from soakwatch.demo.random_streams import Purpose, stream


def random_events(  # noqa: PLR0913  (the fields of an event)
    seed: int,
    series: int,
    days: tuple[float, float],
    kind: EventKind,
    size: float,
    *,
    length: float = inf,
    share: float = 0.02,
    slowest: bool = True,
) -> tuple[Event, ...]:
    """One event for each series, from a random minute between two days since the history's start."""
    first, last = (round(day * DAY / MINUTE) for day in days)
    minutes = stream(seed, Purpose.EVENTS).integers(first, last, size=series)
    return tuple(
        Event(kind, MINUTE * int(minute), (number,), size, length, share=share, slowest=slowest)
        for number, minute in enumerate(minutes)
    )
