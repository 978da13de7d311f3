"""Writing a simulated history into a store, as if it had been recorded and rolled up."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from math import inf

from soakwatch.core.retention import Retention, kept_from
from soakwatch.core.roll_up import MINUTE, TEN_MINUTES, RollUp
from soakwatch.core.run import Run
from soakwatch.core.window import LoadSample
from soakwatch.demo.history_points import load_samples, roll_ups, run_of
from soakwatch.demo.simulated_day import SimulatedDay
from soakwatch.demo.simulated_history import SimulatedHistory
from soakwatch.store.contract import WindowStore
from soakwatch.store.portions import portions

Progress = Callable[[float, float], None]
"""Is told how many seconds of the history are written, and how many there are."""

_HOUR, _TEN = 60, 10
"""Minutes that become points at once, because a day of them would take a gigabyte; and that become one roll-up."""


@dataclass(frozen=True, slots=True)
class Horizon:
    """From when on a store takes each kind of data, in seconds since the epoch; what is older is left out."""

    raw: float = -inf
    minutes: float = -inf
    ten_minutes: float = -inf

    @classmethod
    def of(cls, retention: Retention, now: float) -> "Horizon":
        """Of a store that refuses what has expired at `now`."""
        return cls(*(kept_from(each, now) for each in (retention.raw, retention.minutes, retention.ten_minutes)))


@dataclass(frozen=True, slots=True)
class Written:
    """How many points were written: roll-ups of a minute and of ten, samples of the load, deploys."""

    minutes: int
    ten_minutes: int
    load_samples: int
    deploys: int


def write_history(
    history: SimulatedHistory, store: WindowStore, horizon: Horizon, progress: Progress = lambda _done, _all: None
) -> Written:
    """Write the whole of `history`: its run, deploys, load and roll-ups. Written again, it is the same.

    Raises StoreUnavailable, StoreRefused.
    """
    run, deploys, span = run_of(history.plan), history.deploys(), history.plan.span
    store.write([run, *deploys])
    written: Counter[float] = Counter()
    for hour in _hours(history):
        for portion in portions(_points(hour, run, horizon)):
            store.write(portion)
            written.update(_kind(point) for point in portion)
        progress(hour.start + _HOUR * MINUTE - span.start, span.end - span.start)
    return Written(written[MINUTE], written[TEN_MINUTES], written[_LOAD], len(deploys))


_LOAD = 0.0


def _kind(point: RollUp | LoadSample) -> float:
    return point.window.width if isinstance(point, RollUp) else _LOAD


def _hours(history: SimulatedHistory) -> Iterator[SimulatedDay]:
    for day in history.days():
        for first in range(0, len(day.users), _HOUR):
            yield day.part(first, first + _HOUR).with_whole_services()


def _points(hour: SimulatedDay, run: Run, horizon: Horizon) -> Iterator[RollUp | LoadSample]:
    return chain(
        (sample for sample in load_samples(hour, run) if sample.start >= horizon.raw),
        roll_ups(hour) if hour.start >= horizon.minutes else (),
        roll_ups(hour.merged(_TEN)) if hour.start >= horizon.ten_minutes else (),
    )
