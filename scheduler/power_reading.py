"""Power reading: what the detector remembers and the last day before it, as `power` needs them; nothing is written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from soakwatch.core.configuration import Configuration
from soakwatch.core.errors import UsageError
from soakwatch.core.roll_up import is_whole_service
from soakwatch.core.series import Series
from soakwatch.core.span import Span
from soakwatch.detector.detection import Surroundings, learn
from soakwatch.detector.engine import Engine
from soakwatch.detector.memory import STEPS
from soakwatch.detector.minutes_of_a_day import MinutesOfADay
from soakwatch.detector.power import PowerStudy
from soakwatch.detector.reading import observations
from soakwatch.detector.timing import Timing
from soakwatch.scheduler.detection_position import NAME, DetectionPosition
from soakwatch.scheduler.engine_memory import remembered_engine
from soakwatch.scheduler.mute_book import known_mutes
from soakwatch.store.contract import WindowStore
from soakwatch.store.ledger import LedgerReading

Choose = Callable[[Sequence[Series]], Sequence[Series]]
"""Which of the endpoints that are known are asked about."""

Progress = Callable[[int, int], None]
"""Is told how many steps are read, and how many there are."""


@dataclass(frozen=True, slots=True)
class PowerReading:
    """What is to be told of the `series`, by what was known at `until` (seconds since the epoch)."""

    study: PowerStudy
    series: tuple[Series, ...]
    until: float


def read_power(
    store: WindowStore,
    ledger: LedgerReading,
    configuration: Configuration,
    choose: Choose,
    progress: Progress = lambda _done, _all: None,
) -> PowerReading:
    """Resume what detection remembers, and read the day before the moment that it has come to.

    Raises UsageError where nothing was learnt yet, and StoreUnavailable.
    """
    settings = configuration.detector
    position, engine = DetectionPosition.decode(ledger.cursor(NAME)), remembered_engine(ledger, settings)
    if position is None or position.identity != Engine.identity(settings) or not engine.series:
        raise UsageError("nothing was learnt yet; `soakwatch detect` or `soakwatch watch` begins to")
    timing = Timing.of(settings)
    series = tuple(choose([one for one in engine.series if not is_whole_service(one)]))
    day = MinutesOfADay(series, position.until, timing)
    around = Surroundings.of(configuration, (), mutes=known_mutes(ledger))
    again = position.until - STEPS * timing.step
    span = Span(min(day.span.start, again), position.until)
    total = round((span.end - span.start) / timing.step)
    for done, observation in enumerate(observations(store, timing, span), 1):
        day.take(observation)
        if observation.start >= again:
            learn(engine, observation, around)
        progress(done, total)
    return PowerReading(engine.power(day), series, position.until)
