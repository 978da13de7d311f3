"""Delivery: closed windows by way of the spool into the store, without ever holding up the event loop."""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import TypeVar

import gevent
from gevent.event import Event
from gevent.lock import Semaphore

from soakwatch.collector.dead_letters import DeadLetters, Letter
from soakwatch.collector.native_thread import NativeThread
from soakwatch.collector.orphans import Orphans
from soakwatch.collector.patience import requested_pause, until_done
from soakwatch.collector.shipping import BATCH_BYTES, Shipment, moment_of, requests_in
from soakwatch.collector.spool import Record, Spool
from soakwatch.collector.spooled_run import SpooledRun
from soakwatch.collector.store_thread import StoreThread
from soakwatch.collector.trouble import Trouble
from soakwatch.core.errors import SoakwatchError
from soakwatch.store import rows
from soakwatch.store.contract import Point, WindowStore

logger = logging.getLogger(__name__)

T = TypeVar("T")

SHORTEST_PAUSE = 1e-5
"""Seconds between two steps of a flush. Not 0: gevent's sleep(0) lets other greenlets run that are ready, but no timers
and no sockets, so all steps together would be one stall of the event loop (13 ms with 200 series, now 2)."""

MAX_UNSPOOLED = 64
"""Records kept in memory while the spool's disk is full; or those of the two largest flushes, when they are more."""

LETTERS_SHARE = 4
"""The dead letters may take one part in so many of the bytes that the spool may."""

MAX_FRESH = 32
"""Records whose points are kept in memory as well, so that those just spooled need not be decoded for the store."""

SILENCE, SILENCE_IN_TROUBLE = 1.5, 0.7
"""Seconds without anything delivered after which the end of a run waits no longer; less when it failed before."""

MOST_REASONS = 20
"""Different reasons for refusals that are logged; all are in the dead letters."""


@dataclass(frozen=True, slots=True)
class _Load:
    """Records on their way to the store, together."""

    records: Sequence[Record]
    shipment: Shipment


class Delivery:
    """Takes points, writes them to the spool, and from there into the store.

    All disk work and all of the store's work runs in one native thread each, so that neither an fsync nor a locked
    store stalls the load. Points that the store refuses go to the dead letters beside the spool. In requests:
    `written` reached the store, `waiting` are not in it yet, `dropped` are lost. `retried` counts tries that failed.
    """

    def __init__(self, open_store: Callable[[], WindowStore], folder: Path, source: str, spool_limit: int) -> None:
        """Nothing is opened before the first points come."""
        self.written = 0
        self.dropped = 0
        self.waiting = 0
        self.retried = 0
        self._store = StoreThread(open_store)
        self._folder = folder
        self._spool = Spool(folder, source, spool_limit)
        self._dead_letters = DeadLetters(folder, spool_limit // LETTERS_SHARE)
        self._disk = NativeThread()
        self._orphans = Orphans(open_store, folder, spool_limit, spool_limit // LETTERS_SHARE)
        self._unspooled: deque[bytes] = deque()
        self._most_unspooled = MAX_UNSPOOLED
        self._fresh: dict[bytes, Sequence[Point]] = {}
        self._under_way: _Load | None = None
        self._oldest: float | None = None
        self._records_delivered = 0
        self._leave_alone_until = 0.0
        self._spooled = Event()
        self._one_at_a_time = Semaphore()
        self._store_trouble = Trouble(logger, "all windows are in the store again")
        self._spool_trouble = Trouble(logger, f"the spool in {folder} can be written again")
        self._reasons: set[str] = set()
        self._greenlets: list[gevent.Greenlet] = []
        self._given_up: gevent.Greenlet | None = None
        self._delivered_then = 0

    @property
    def in_trouble(self) -> bool:
        """Whether the store took nothing when it was last tried."""
        return bool(self._store_trouble)

    def start(self) -> None:
        """Deliver in the background from now on, and what earlier processes left behind."""
        self._greenlets.append(gevent.spawn(self._deliver_for_ever))
        self._orphans.start()

    def submit(self, steps: Iterable[Sequence[Point]]) -> None:
        """Write points ahead to the spool; returns when they are on the disk. Lets others run between the steps."""
        payloads = []
        for points in steps:
            if points:
                payloads.append(self._encode(points))
                self.waiting += requests_in(points)
                self._oldest = self._oldest or moment_of(points)
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
        # of what is closed at once nothing is dropped before the store was tried
        self._most_unspooled = max(self._most_unspooled, 2 * len(payloads))
        reason = "the store took nothing for so long that the spool is full"
        try:
            dropped = self._disk.run(self._spool.append, pending)
            self._spool_trouble.over()
        except OSError as error:
            self._spool_trouble.note(f"the spool in {self._folder} cannot be written: {error}")
            self._unspooled.extend(pending)
            reason = f"the store has not taken them, and the spool in {self._folder} cannot be written: {error}"
            dropped = [self._unspooled.popleft() for _ in range(len(self._unspooled) - self._most_unspooled)]
        self._drop(dropped, reason)

    def _drop(self, payloads: Sequence[bytes], reason: str) -> None:
        # one at a time: a whole segment would keep the thread from the flushes, and the interpreter from the load
        lost = sum(self._disk.run(_requests_of, payload) for payload in payloads)
        if lost:
            logger.error("%d requests were dropped: %s", lost, reason)
        self.dropped += lost
        self.waiting -= lost

    def _deliver_for_ever(self) -> None:
        while True:
            self._spooled.wait()
            self._spooled.clear()
            until_done(self._deliver_what_waits, self._failed)

    def _failed(self, error: Exception) -> None:
        self.retried += 1
        self._leave_alone_until = time.monotonic() + requested_pause(error)
        if isinstance(error, SoakwatchError | OSError):
            self._store_trouble.note(f"{error}. Windows wait in {self._folder}")
        else:
            logger.error("soakwatch could not deliver, and will try again", exc_info=error)

    def _deliver_what_waits(self) -> None:
        with self._one_at_a_time:
            while (load := self._under_way or self._next_load()) is not None:
                self._under_way = load
                self._deliver(load)
                self._under_way = None
            while self._unspooled:
                self._deliver_unspooled()
            if not self.waiting:
                self._oldest = None
            self._store_trouble.over()

    def _next_load(self) -> _Load | None:
        records = self._disk.run(self._spool.oldest_together, BATCH_BYTES)
        return self._loaded(records) if records else None

    def _loaded(self, records: Sequence[Record]) -> _Load:
        payloads = [record.payload for record in records]
        known = {payload: self._fresh.pop(payload) for payload in payloads if payload in self._fresh}
        load = _Load(records, self._disk.run(Shipment, payloads, known))
        self._oldest = load.shipment.moment or self._oldest
        return load

    def _deliver(self, load: _Load) -> None:
        self._ship(load.shipment)
        acknowledged = self._disk.run(self._acknowledge, load.records)
        for requests, was_there in zip(load.shipment.requests, acknowledged, strict=True):
            if was_there:
                self.waiting -= requests
            else:  # the spool was full and dropped it, counted, while the store was taking it
                self.dropped -= requests

    def _acknowledge(self, records: Sequence[Record]) -> list[bool]:
        return [self._spool.acknowledge(record) for record in records]

    def _deliver_unspooled(self) -> None:
        # taken out first: while the store is at work, `submit` may bring the others to the spool after all
        payload = self._unspooled.popleft()
        try:
            shipment = Shipment([payload])
            self._ship(shipment)
        except BaseException:
            self._unspooled.appendleft(payload)
            raise
        self.waiting -= sum(shipment.requests)

    def _ship(self, shipment: Shipment) -> None:
        self.in_database(shipment.into)
        self._records_delivered += len(shipment.requests)
        self._bury(shipment.letters)
        self.dropped += shipment.refused
        self.written += sum(shipment.requests) - shipment.refused

    def _bury(self, letters: Sequence[Letter]) -> None:
        for reason in dict.fromkeys(letter.reason for letter in letters):
            if reason not in self._reasons and len(self._reasons) < MOST_REASONS:
                self._reasons.add(reason)
                logger.error("the store refuses windows for good, they go to %s: %s", self._dead_letters.file, reason)
        try:
            self._disk.run(self._dead_letters.append, letters)
        except OSError as error:
            # what will never be stored must not hold up what can be
            logger.error("the dead letters in %s cannot be written: %s", self._folder, error)

    def in_database(self, work: Callable[[WindowStore], T], seconds: float = inf) -> T:
        """Run `work` on the store, in the store's thread.

        Raises what it raises, and StoreUnavailable when it is not done in `seconds`.
        """
        result: T = self._store.run(work, seconds)
        return result

    def spooled(self, run: str) -> SpooledRun:
        """What waits of `run` in the spools beside this one; nothing is read yet."""
        return SpooledRun(self._folder, run)

    def look_into(self, spooled: SpooledRun, sources: Sequence[str], seconds: float) -> bool:
        """Read on in the spools of `sources`, for at most so long; whether all that waits there was read."""
        all_read = self._disk.run(spooled.look, sources, seconds)
        for sentence in spooled.troubles.values():
            self._spool_trouble.note(sentence)
        return all_read

    def age_of_oldest(self, now: float) -> float:
        """Seconds for which the oldest window has waited that is not in the store; 0 when none waits."""
        return max(0.0, now - self._oldest) if self._oldest else 0.0

    def drain(self, seconds: float) -> bool:
        """Deliver what waits, for at most so long; whether all that was submitted is in the store.

        A store that asked to be left alone is, and one that does not take anything is given up sooner.
        """
        if self._hanging() or time.monotonic() < self._leave_alone_until:
            return False
        attempt = gevent.spawn(self._try_once)
        self._greenlets = [greenlet for greenlet in [*self._greenlets, attempt] if not greenlet.dead]
        end = time.monotonic() + seconds
        while not attempt.ready() and (left := end - time.monotonic()) > 0:
            before = self._records_delivered
            silence = SILENCE_IN_TROUBLE if self.in_trouble else SILENCE
            attempt.join(min(left, silence))
            if self._records_delivered == before and not attempt.ready():
                self._store_trouble.note(f"the store does not answer. Windows wait in {self._folder}")
                self._given_up, self._delivered_then = attempt, before  # it goes on, but nobody waits for it
                return False
        return bool(attempt.value)

    def _hanging(self) -> bool:
        """Whether the store has taken nothing since it was given up."""
        silent = self._records_delivered == self._delivered_then
        return silent and self._given_up is not None and not self._given_up.ready()

    def _try_once(self) -> bool:
        try:
            self._deliver_what_waits()
        except Exception as error:  # noqa: BLE001  (what waits stays in the spool, and the run is concluded all the same)
            self._failed(error)
            return False
        return True

    def close(self) -> bool:
        """Stop delivering; whether nothing is left in the spool.

        What could not even be spooled is lost, and counted. A store that hangs is not waited for.
        """
        for greenlet in self._greenlets:
            greenlet.kill(block=False)
        self._orphans.close()
        self._drop_unspooled()
        emptied = self._disk.run(self._spool.oldest) is None
        if emptied:  # a batch may have been on its last step
            self.waiting = 0
        self._disk.run(self._spool.close)
        self._store.close()
        return emptied

    def _drop_unspooled(self) -> None:
        while self._unspooled:  # one that was under way to the store comes back, when its greenlet ends meanwhile
            left = list(self._unspooled)
            self._unspooled.clear()
            self._drop(left, f"the run ends, and neither the store nor the spool in {self._folder} took them")


def _requests_of(payload: bytes) -> int:
    return requests_in(rows.decode(payload))
