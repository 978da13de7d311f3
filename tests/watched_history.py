"""A history that a daemon could have watched: a quiet day, then one endpoint gets slower; made once, copied often."""

import atexit
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from soakwatch.core.configuration import Configuration
from soakwatch.core.deploy import Deploy
from soakwatch.core.detector_settings import DetectorSection, LedgerSection
from soakwatch.core.histogram import Histogram
from soakwatch.core.roll_up import MINUTE, RollUp, roll_up
from soakwatch.core.run import Run
from soakwatch.core.series import Series
from soakwatch.core.store_settings import StoreSection
from soakwatch.core.window import LoadSample, Window
from soakwatch.scheduler.detection import Detection
from soakwatch.scheduler.detection_report import DetectionReport
from soakwatch.store.contract import WindowStore
from soakwatch.store.ledger import Ledger
from soakwatch.store.ledger_opening import create_ledger
from soakwatch.store.opening import create_store
from soakwatch.store.sqlite import SqliteStore

END = 1_795_000_200.0
"""When the history ends: 2026-11-18 11:10 UTC."""

ONSET = END - 90 * MINUTE
LEARNT = END - 120 * MINUTE
"""Up to here a first pass has come in `learnt_folder`."""

SERIES = tuple(Series("staging", "soak", "rag_service", "POST", f"/{name}") for name in ("query", "search"))
SETTINGS = DetectorSection(learning=0.5, history=1.0)

_LEVEL, _SLOWER = 50.0, 1.6  # beyond what is critical, whatever the hour is


def windows_at(start: float, factor: float = 1.0, series: Series = SERIES[0], requests: int = 300) -> Window:
    """A minute of a series at the usual level, times `factor`."""
    chance = np.random.default_rng([int(start), SERIES.index(series)])
    level = _LEVEL * factor * np.exp(chance.normal(0, 0.03))
    times = np.exp(chance.normal(np.log(level), 0.4, requests))
    return Window(
        *(series, "run", "one", start, MINUTE, requests, 0, float(times.sum()), 0.0),
        *(float(times.min()), float(times.max()), Histogram.of(times.tolist())),
    )


def minute_at(start: float, onset: float = ONSET, requests: int = 300) -> list[RollUp]:
    """What is kept of a minute; from `onset` on the first endpoint is half as slow again."""
    factors = (_SLOWER if start >= onset else 1.0, 1.0)
    return roll_up(
        [windows_at(start, factor, one, requests) for factor, one in zip(factors, SERIES, strict=True)], MINUTE
    )


def load_at(start: float) -> LoadSample:
    return LoadSample("staging", "soak", "run", "one", start, MINUTE, 10, 20.0, saturated=False)


@dataclass(frozen=True)
class Place:
    """A folder with a store and a ledger, and the settings for both."""

    folder: Path
    settings: DetectorSection = SETTINGS

    @property
    def configuration(self) -> Configuration:
        return Configuration(
            environment="staging",
            store=StoreSection(path=self.folder / "soakwatch.db"),
            detector=self.settings,
            ledger=LedgerSection(path=self.folder / "soakwatch-ledger.db"),
        )

    @contextmanager
    def opened(self) -> Iterator[tuple[SqliteStore, Ledger, Detection]]:
        """As a daemon that was just started opens it."""
        with create_store(self.configuration) as store, create_ledger(self.configuration) as ledger:
            assert isinstance(store, SqliteStore)
            yield store, ledger, Detection(store, ledger, self.configuration)

    def tick(self, now: float) -> DetectionReport:
        """One tick of a daemon that was just started."""
        with self.opened() as (_, _, detection):
            return detection.detect(now, detection.arrivals(now))

    def copy(self, folder: Path) -> "Place":
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return replace(self, folder=folder)


def write_history(place: Place, end: float, onset: float) -> None:
    """`write_minutes` into the store of `place`."""
    with create_store(place.configuration) as store:
        write_minutes(store, end, onset)


def write_minutes(store: WindowStore, end: float, onset: float) -> None:
    """Write a day and two hours up to `end`, with the deploy shortly before `onset`."""
    minutes = [end - back * MINUTE for back in range(1_560, 0, -1)]
    store.write([Run("run", "staging", "soak", minutes[0], users=10)])
    store.write([Deploy("staging", "rag_service", onset - 120, "2.4.1", "3f9a2c1")])
    for begin in range(0, len(minutes), 500):
        some = minutes[begin : begin + 500]
        store.write([one for start in some for one in minute_at(start, onset)])
        store.write([load_at(start) for start in some])


@cache
def stored() -> Place:
    """All of the history in a store, no ledger yet. Not to be changed: `copy` it."""
    place = Place(_folder())
    write_history(place, END, ONSET)
    return place


@cache
def learnt() -> Place:
    """The same with a ledger, after a first pass when nothing had happened yet. Not to be changed: `copy` it."""
    place = stored().copy(_folder())
    place.tick(LEARNT + 30)
    return place


def _folder() -> Path:
    """A folder until the tests of this process have ended."""
    folder = mkdtemp(prefix="soakwatch-history-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
