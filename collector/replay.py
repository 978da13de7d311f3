"""Replay: what waits in a spool, or was refused before, into a store, at once and in this thread."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from soakwatch.collector.dead_letters import DeadLetters, Letter
from soakwatch.collector.shipping import BATCH_BYTES, Shipment
from soakwatch.collector.spool import NO_LIMIT, Spool
from soakwatch.store import rows
from soakwatch.store.contract import WindowStore

logger = logging.getLogger(__name__)

LETTERS_TOGETHER = 500
"""Dead letters that are tried in one write; most of them hold one point."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of some records: how many of their requests were stored, how many refused, and why."""

    records: int = 0
    stored: int = 0
    refused: int = 0
    reasons: tuple[str, ...] = ()

    @classmethod
    def by(cls, shipment: Shipment) -> "Delivered":
        """What a shipment that is through has done."""
        reasons = dict.fromkeys(letter.reason for letter in shipment.letters)
        stored = sum(shipment.requests) - shipment.refused
        return cls(len(shipment.requests), stored, shipment.refused, tuple(reasons))

    def __add__(self, other: "Delivered") -> "Delivered":
        """Both together."""
        reasons = dict.fromkeys([*self.reasons, *other.reasons])
        return Delivered(
            self.records + other.records, self.stored + other.stored, self.refused + other.refused, tuple(reasons)
        )


@contextmanager
def orphans_in(folder: Path, not_opened: Callable[[str], None] = logger.warning) -> Iterator[Sequence[Spool]]:
    """The spools in `folder` whose process has ended, taken while the block runs; `not_opened` hears of the others."""
    with ExitStack() as stack:
        yield [stack.enter_context(closing(spool)) for spool in Spool.orphans(folder, NO_LIMIT, not_opened)]


def deliver_batch(spool: Spool, store: WindowStore, refused: DeadLetters) -> Delivered | None:
    """Bring the oldest records of a spool that is taken into the store; None when nothing waits.

    What the store refuses goes to the dead letters `refused`. Raises StoreUnavailable and OSError; then
    the whole batch still waits.
    """
    records = spool.oldest_together(BATCH_BYTES)
    if not records:
        return None
    shipment = Shipment([record.payload for record in records])
    shipment.into(store)
    refused.append(shipment.letters)
    for record in records:
        spool.acknowledge(record)
    return Delivered.by(shipment)


def deliver_letters(letters: DeadLetters, store: WindowStore) -> Iterator[Delivered]:
    """Try all dead letters again, part by part; what is refused again is a dead letter again.

    Raises StoreUnavailable, OSError, and BlockingIOError when somebody else does the same now; then all of them stay.
    """
    with letters.in_hand() as held:
        refused: list[Letter] = []
        for first in range(0, len(held), LETTERS_TOGETHER):
            shipment = _again(held[first : first + LETTERS_TOGETHER])
            shipment.into(store)
            refused += shipment.letters
            yield Delivered.by(shipment)
        letters.append(refused)


def _again(letters: Sequence[Letter]) -> Shipment:
    # what was not readable may be so for this version
    return Shipment([letter.unreadable or rows.encode(letter.points) for letter in letters])
