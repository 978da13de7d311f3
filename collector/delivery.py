"""Delivery: closed windows by way of the spool into the store, without ever holding up the event loop."""

import logging
import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import gevent
from gevent.event import Event
from gevent.lock import Semaphore

from soakwatch.collector.native_thread import NativeThread
from soakwatch.collector.spool import Spool
from soakwatch.core.errors import StoreRefused, StoreUnavailable
from soakwatch.core.window import Window
from soakwatch.store import rows
from soakwatch.store.contract import Point, WindowStore

logger = logging.getLogger(__name__)

T = TypeVar("T")

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds between two tries while the store cannot be reached; doubled each time, with jitter."""

SHORTEST_PAUSE = 1e-5
"""Seconds between two steps of a flush. Not 0: gevent's sleep(0) lets other greenlets run that are ready, but no timers
and no sockets, so all steps together would be one stall of the event loop (13 ms with 200 series, now 2)."""

MAX_UNSPOOLED = 64
"""Records kept in memory while the spool's disk is full."""

MAX_FRESH = 32
"""Records whose points are kept in memory as well, so that those just spooled need not be decoded for the store."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of one record: how many requests it holds, and how many of them the store refuses for good."""

    requests: int
    refused: int


class Delivery:
    """Takes points, writes them to the spool, and from there into the store.

    All disk work and all of the store's work runs in one native thread each, so that neither an fsync nor a locked
    store stalls the load. A payload that the store refuses goes to the dead letters beside the spool. `dropped`
    counts requests that are lost; `waiting` those that are not in the store yet.
    """

    def __init__(self, open_store: Callable[[], WindowStore], folder: Path, source: str, spool_limit: int) -> None:
        """Nothing is opened before the first points come."""
        self.dropped = 0
        self.waiting = 0
        self._open_store = open_store
        self._store: WindowStore | None = None
        self._folder = folder
        self._spool = Spool(folder, source, spool_limit)
        self._disk = NativeThread()
        self._database = NativeThread()
        self._unspooled: deque[bytes] = deque()
        self._fresh: dict[bytes, Sequence[Point]] = {}
        self._spooled = Event()
        self._one_at_a_time = Semaphore()
        self._trouble = ""
        self._orphans_delivered = False
        self._greenlet: gevent.Greenlet | None = None

    def start(self) -> None:
        """Deliver in the background from now on, first what earlier processes left behind."""
        self._greenlet = gevent.spawn(self._deliver_for_ever)

    def submit(self, steps: Iterable[Sequence[Point]]) -> None:
        """Write points ahead to the spool; returns when they are on the disk. Lets others run between the steps."""
        payloads = []
        for points in steps:
            if points:
                payloads.append(self._encode(points))
                self.waiting += requests_in(points)
            gevent.sleep(SHORTEST_PAUSE)
        if payloads:
            self._write_ahead(payloads)
            self._spooled.set()

    def _encode(self, points: Sequence[Point]) -> bytes:
        payload = rows.encode(points)
        self._fresh[payload] = points
        if len(self._fresh) > MAX_FRESH:
            self._fresh.pop(next(iter(self._fresh)))
        return payload

    def _write_ahead(self, payloads: list[bytes]) -> None:
        pending = [*self._unspooled, *payloads]
        self._unspooled.clear()
        try:
            dropped = self._disk.run(self._spool.append, pending)
        except OSError as error:
            self._note(f"the spool in {self._folder} cannot be written: {error}")
            self._unspooled.extend(pending)
            dropped = [self._unspooled.popleft() for _ in range(len(self._unspooled) - MAX_UNSPOOLED)]
        self._drop(dropped)

    def _drop(self, payloads: Iterable[bytes]) -> None:
        lost = sum(requests_in(rows.decode(payload)) for payload in payloads)
        if lost:
            logger.error("%d requests were dropped: the store is not reachable and the spool is full", lost)
        self.dropped += lost
        self.waiting -= lost

    def _deliver_for_ever(self) -> None:
        pause = FIRST_PAUSE
        self._spooled.set()
        while True:
            self._spooled.wait()
            self._spooled.clear()
            try:
                self._deliver_orphans()
                self._deliver_what_waits()
            except (StoreUnavailable, OSError) as error:
                self._note(f"{error}. Windows wait in {self._folder}")
            except Exception:
                logger.exception("soakwatch could not deliver, and will try again; windows wait in %s", self._folder)
            else:
                pause = FIRST_PAUSE
                continue
            self._spooled.set()
            gevent.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  (jitter)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _deliver_orphans(self) -> None:
        if self._orphans_delivered:
            return
        try:
            orphans = self._disk.run(Spool.orphans, self._folder, self._spool.limit)
            try:
                for spool in orphans:
                    self._deliver_orphan(spool)
            finally:
                # also when the store is not reachable: a spool that stays locked is nobody's orphan at the next try
                for spool in orphans:
                    self._disk.run(spool.close)
        except OSError as error:
            self._note(f"what earlier processes left in {self._folder} cannot be read: {error}")
        self._orphans_delivered = True

    def _deliver_orphan(self, spool: Spool) -> None:
        while (record := self._disk.run(spool.oldest)) is not None:
            # what the store refuses of another run is no loss of this one
            self._put(record.payload)
            self._disk.run(spool.acknowledge, record)
        logger.info("delivered what the process %s had left in the spool", spool.source)

    def _deliver_what_waits(self) -> None:
        with self._one_at_a_time:
            while (record := self._disk.run(self._spool.oldest)) is not None:
                outcome = self._put(record.payload)
                self.dropped += outcome.refused
                if self._disk.run(self._spool.acknowledge, record):
                    self.waiting -= outcome.requests
                else:  # the spool was full and dropped it, counted, while the store was taking it
                    self.dropped -= outcome.requests
            while self._unspooled:
                self._deliver_unspooled()
            if self._trouble:
                logger.info("all windows are in the store again")
                self._trouble = ""

    def _deliver_unspooled(self) -> None:
        # taken out first: while the store is at work, `submit` may bring the others to the spool after all
        payload = self._unspooled.popleft()
        try:
            outcome = self._put(payload)
        except BaseException:
            self._unspooled.appendleft(payload)
            raise
        self.dropped += outcome.refused
        self.waiting -= outcome.requests

    def _put(self, payload: bytes) -> _Outcome:
        try:
            points = self._fresh.pop(payload, None) or rows.decode(payload)
        except ValueError as error:
            logger.error(
                "a record in %s is not of this version of soakwatch, it goes to the dead letters: %s",
                self._folder,
                error,
            )
            self._bury(payload)
            return _Outcome(0, 0)
        try:
            self.in_database(lambda store: store.write(points))
        except StoreRefused as error:
            logger.error("the store refuses these windows for good, they go to the dead letters: %s", error)
            self._bury(payload)
            return _Outcome(requests_in(points), requests_in(points))
        return _Outcome(requests_in(points), 0)

    def _bury(self, payload: bytes) -> None:
        try:
            self._disk.run(self._append_dead_letter, payload)
        except OSError as error:
            # what will never be stored must not hold up what can be
            logger.error("the dead letters in %s cannot be written: %s", self._folder, error)

    def _append_dead_letter(self, payload: bytes) -> None:
        with (self._folder / "dead-letters.jsonl").open("ab") as file:
            file.write(payload + b"\n")

    def in_database(self, work: Callable[[WindowStore], T]) -> T:
        """Run `work` on the store, in the store's thread. Raises what it raises."""
        result: T = self._database.run(self._with_store, work)
        return result

    def _with_store(self, work: Callable[[WindowStore], T]) -> T:
        if self._store is None:
            self._store = self._open_store()
        try:
            return work(self._store)
        except StoreUnavailable:
            self._store.close()
            self._store = None
            raise

    def waiting_points(self, sources: Iterable[str]) -> list[Point]:
        """What waits in the spools of other processes, those of `sources`; it may have been stored meanwhile."""
        spools = [Spool(self._folder, source, self._spool.limit) for source in sorted(sources)]
        try:
            return [point for spool in spools for point in self._disk.run(_points_in, spool)]
        except (OSError, ValueError) as error:
            self._note(f"the spools in {self._folder} cannot be read: {error}")
            return []

    def drain(self, seconds: float) -> bool:
        """Deliver what waits, for at most so long; whether nothing waits any more."""
        try:
            with gevent.Timeout(seconds):
                self._deliver_what_waits()
        except gevent.Timeout:
            pass
        except Exception as error:  # noqa: BLE001  (what waits stays in the spool, and the run is concluded all the same)
            self._note(str(error))
        return not self.waiting

    def close(self) -> None:
        """Stop delivering. What waits stays in the spool; what could not even be spooled is lost, and counted."""
        if self._greenlet is not None:
            self._greenlet.kill()
        self._drop(self._unspooled)
        self._unspooled.clear()
        self._disk.run(self._spool.close)
        if self._store is not None:
            self._database.run(self._store.close)

    def _note(self, trouble: str) -> None:
        if trouble != self._trouble:
            logger.warning("%s", trouble)
        self._trouble = trouble


def _points_in(spool: Spool) -> list[Point]:
    return [point for payload in spool.waiting() for point in rows.decode(payload)]


def requests_in(points: Sequence[Point]) -> int:
    """How many requests the windows among `points` hold."""
    return sum(point.count for point in points if isinstance(point, Window))
