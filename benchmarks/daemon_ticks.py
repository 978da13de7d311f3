"""Daemon ticks: a daemon that has learnt for some days over many tests, and what each of its next ticks costs."""

import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

import numpy as np
from many_tests import ManyTests, Minute
from measuring import resident
from replayed_histories import observations

from soakwatch.cli.ticking import opened_ticker
from soakwatch.core.configuration import Configuration
from soakwatch.core.detector_settings import LedgerSection
from soakwatch.core.roll_up import RollUp
from soakwatch.core.span import Span
from soakwatch.core.store_settings import StoreSection
from soakwatch.core.window import LoadSample, Window
from soakwatch.demo.history_events import DAY, MINUTE
from soakwatch.detector.engine import Engine
from soakwatch.detector.memory import STEPS
from soakwatch.detector.timing import Timing
from soakwatch.scheduler.detection import grace
from soakwatch.scheduler.detection_position import NAME, DetectionPosition
from soakwatch.scheduler.engine_memory import changed_parts
from soakwatch.store.contract import WindowStore
from soakwatch.store.ledger_opening import create_ledger
from soakwatch.store.opening import create_store
from soakwatch.store.portions import portions


@dataclass(frozen=True, slots=True)
class Daemon:
    """One that has ended after `days` of learning, and left a ledger in `folder` and a store there or `elsewhere`."""

    tests: ManyTests
    folder: Path
    days: int
    elsewhere: StoreSection | None = None

    @property
    def configuration(self) -> Configuration:
        """With the settings that it has when nobody sets any."""
        store = self.elsewhere or StoreSection(path=self.folder / "soakwatch.db")
        return Configuration(store=store, ledger=LedgerSection(path=self.folder / "soakwatch-ledger.db"))

    @property
    def until(self) -> float:
        """When it had ended."""
        return self.tests.plan.start + self.days * DAY


@dataclass(frozen=True, slots=True)
class Costs:
    """CPU seconds of going on again, and of each tick after that; MiB that all of it took, and incidents in the end."""

    again: float
    ticks: list[float] = field(default_factory=list)
    memory: float = 0.0
    incidents: int = 0


def learnt(tests: ManyTests, folder: Path, days: tuple[int, ...]) -> Iterator[Daemon]:
    """What daemons leave that have learnt for so many `days`; of the store only the last hours: they are read again."""
    settings = Configuration().detector
    engine, parts = Engine.begin(settings), dict[str, bytes]()
    for number, observation in enumerate(observations(tests.plan), 1):
        engine.observe(tests.observation(observation))
        if number in {round(day * DAY / MINUTE) for day in days}:
            parts |= changed_parts(engine)
            daemon = Daemon(tests, folder / str(number), round(number * MINUTE / DAY))
            daemon.folder.mkdir()
            _remember(daemon, parts)
            _write_last_hours(daemon)
            yield daemon
        if number == max(days) * round(DAY / MINUTE):
            break


def moved(daemon: Daemon, store: StoreSection) -> Daemon:
    """The same, not started since, with its last hours in `store`, which is empty, and a ledger of its own."""
    ledger = daemon.folder / "soakwatch-ledger.db"
    elsewhere = replace(daemon, folder=daemon.folder.with_name(f"{daemon.folder.name}-moved"), elsewhere=store)
    elsewhere.folder.mkdir()
    shutil.copy(ledger, elsewhere.folder)
    _write_last_hours(elsewhere)
    return elsewhere


def _remember(daemon: Daemon, parts: dict[str, bytes]) -> None:
    identity = Engine.identity(daemon.configuration.detector)
    position = DetectionPosition(daemon.until, judged_from=daemon.tests.plan.start, identity=identity, arrivals="")
    with create_ledger(daemon.configuration) as ledger, ledger.transaction() as work:
        work.remember(parts)
        work.set_cursor(NAME, position.encode())


def _write_last_hours(daemon: Daemon) -> None:
    with create_store(daemon.configuration) as store:
        store.write(daemon.tests.runs)
        for minute in daemon.tests.minutes(Span(daemon.until - STEPS * MINUTE, daemon.until)):
            write(store, chain(minute.roll_ups(), minute.load()))


def write(store: WindowStore, points: Iterable[RollUp | Window | LoadSample]) -> None:
    """Write all of `points`, some at a time."""
    for portion in portions(points):
        store.write(portion)


def tick_through(daemon: Daemon, minutes: Sequence[Minute]) -> Costs:
    """Start it again, and let it tick as each of `minutes` has come; in a process of its own, because of its memory."""
    late, imported = grace(Timing.of(daemon.configuration.detector)), resident()
    chance = np.random.default_rng(1)
    costs, incidents = [], 0
    with opened_ticker(daemon.configuration) as ticker, create_store(daemon.configuration) as collectors:
        begin = time.process_time()
        ticker.tick(daemon.until + late)
        again = time.process_time() - begin
        for minute in minutes:
            write(collectors, chain(minute.windows(chance), minute.load()))
            begin = time.process_time()
            report = ticker.tick(minute.day.start + MINUTE + late)
            costs.append(time.process_time() - begin)
            incidents = len(report.detection.incidents)
    return Costs(again, costs, resident() - imported, incidents)
