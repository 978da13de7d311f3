"""Orphans: what ended processes left in the spool's folder, on its way into the store."""

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import gevent

from soakwatch.collector.dead_letters import DeadLetters
from soakwatch.collector.native_thread import NativeThread
from soakwatch.collector.patience import until_done
from soakwatch.collector.replay import deliver_batch
from soakwatch.collector.spool import Spool
from soakwatch.collector.store_thread import StoreThread
from soakwatch.collector.trouble import Trouble
from soakwatch.store.contract import WindowStore

logger = logging.getLogger(__name__)

RESCAN_INTERVAL = 60.0
"""Seconds between two looks for further ones: a worker may be killed in the middle of a run."""


class Orphans:
    """Delivers the spools of ended processes in the background, beside the spool of this one.

    It has a connection and threads of its own, and rests after each batch for as long as that took, so that it never
    holds up what is measured now.
    """

    def __init__(self, open_store: Callable[[], WindowStore], folder: Path, limit: int, letters_limit: int) -> None:
        """Touch nothing yet."""
        self._folder = folder
        self._limit = limit
        self._store = StoreThread(open_store)
        self._dead_letters = DeadLetters(folder, letters_limit)
        self._disk = NativeThread()
        self._left_alone: set[str] = set()
        self._trouble = Trouble(logger, "what earlier processes left in the spool can be delivered again")
        self._greenlet: gevent.Greenlet | None = None

    def start(self) -> None:
        """Begin."""
        self._greenlet = gevent.spawn(self._deliver_for_ever)

    def _deliver_for_ever(self) -> None:
        while True:
            until_done(self._deliver_all, self._failed)
            self._trouble.over()
            gevent.sleep(RESCAN_INTERVAL)

    def _failed(self, error: Exception) -> None:
        self._trouble.note(f"what earlier processes left in {self._folder} waits there: {error}")

    def _deliver_all(self) -> None:
        left_alone: list[str] = []
        spools = self._disk.run(Spool.orphans, self._folder, self._limit, left_alone.append)
        self._tell(left_alone)
        try:
            for spool in spools:
                self._deliver(spool)
        finally:
            # also when the store is not reachable: a spool that stays locked is nobody's orphan at the next try
            for spool in spools:
                self._disk.run(spool.close)
            self._store.close()

    def _tell(self, left_alone: Sequence[str]) -> None:
        for sentence in left_alone:
            if sentence not in self._left_alone:  # once, not at each look
                self._left_alone.add(sentence)
                logger.warning("%s", sentence)

    def _deliver(self, spool: Spool) -> None:
        begin = time.monotonic()
        delivered = 0
        while (batch := self._store.run(lambda store: deliver_batch(spool, store, self._dead_letters))) is not None:
            delivered += batch.stored
            gevent.sleep(time.monotonic() - begin)
            begin = time.monotonic()
        logger.info("delivered %d requests that the process %s had left in the spool", delivered, spool.source)

    def close(self) -> None:
        """Stop where it is; what is left stays in the spool."""
        if self._greenlet is not None:
            self._greenlet.kill(block=False)
