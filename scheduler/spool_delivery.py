"""Spool delivery: what ended processes left on this machine, brought into the store by the daemon."""

from collections.abc import Callable, Sequence
from pathlib import Path

from soakwatch.collector.dead_letters import DeadLetters
from soakwatch.collector.replay import Delivered, deliver_batch, orphans_in
from soakwatch.collector.spool import Spool
from soakwatch.scheduler.job import Stopping
from soakwatch.store.contract import WindowStore


def deliver_left(folder: Path, open_store: Callable[[], WindowStore], stopping: Stopping) -> Sequence[str]:
    """Deliver what ended processes left in `folder`; sentences on what the store refused of it.

    What a process that is alive has there is left to it. Raises StoreUnavailable; then the rest goes on waiting.
    """
    if not folder.is_dir():
        return ()
    left_alone: list[str] = []
    with orphans_in(folder, left_alone.append) as spools:
        occupied = [spool for spool in spools if spool.oldest() is not None]
        reasons = _delivered(occupied, folder, open_store, stopping).reasons if occupied else ()
    return [*left_alone, *(f"the store refused what was left in {folder}: {reason}" for reason in reasons)]


def _delivered(
    spools: Sequence[Spool], folder: Path, open_store: Callable[[], WindowStore], stopping: Stopping
) -> Delivered:
    delivered, letters = Delivered(), DeadLetters(folder)
    with open_store() as store:
        for spool in spools:
            while not stopping() and (part := deliver_batch(spool, store, letters)) is not None:
                delivered += part
    return delivered
