"""Last records: what store and spools know of a run at its end, when each of its workers has left its last record."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import gevent

from soakwatch.collector.delivery import Delivery
from soakwatch.core.errors import StoreError
from soakwatch.core.run import Tally

logger = logging.getLogger(__name__)

POLL_INTERVAL = 0.2
"""Seconds between two looks for the last records of the workers."""

ANSWER_TIME = 3.0
"""Seconds that the store may take to say what it has of a run."""

LOCAL_WAIT = 1.0
"""Seconds to wait for the spools of this machine's workers, where there is no store to look into."""


LOOK_TIME = 0.5
"""Seconds to read in spools before the store is asked again: a full one takes longer than a run may take to end."""


@dataclass(frozen=True, slots=True)
class LastRecords:
    """What is known of a run; requests by source. `stored` is None when the store could not be asked."""

    tallies: Sequence[Tally] = ()
    spooled: Mapping[str, int] = field(default_factory=dict)
    stored: Mapping[str, int] | None = None

    @property
    def final(self) -> set[str]:
        """The sources that have left their last record."""
        return {tally.source for tally in self.tallies if tally.final}


@dataclass(frozen=True, slots=True)
class Search:
    """For the last records of `run`, by way of this process's `delivery`, for at most `seconds`."""

    delivery: Delivery
    run: str
    seconds: float

    def until_complete(self, expected: Callable[[], set[str]], known: Iterable[str]) -> LastRecords:
        """Look until all sources that are `expected` have left their last record; `known` are all that were heard of.

        While the store takes nothing, the last records are in the spools, which only this machine's can be looked at.
        """
        begin = time.monotonic()
        spooled = self.delivery.spooled(self.run)
        while True:
            stored = self._stored_tallies()
            missing = expected() - {tally.source for tally in stored or () if tally.final}
            sources = sorted({*missing, *known} if stored is None else missing)
            all_read = self.delivery.look_into(spooled, sources, LOOK_TIME)
            found = LastRecords([*(stored or ()), *spooled.tallies(sources)], spooled.requests(sources))
            patience = min(self.seconds, LOCAL_WAIT) if stored is None and all_read else self.seconds
            late = time.monotonic() - begin > patience
            if late or (all_read and not missing - found.final):
                if not all_read:
                    logger.warning("more waits in the spools than could be read in %g s; not all is counted", patience)
                return self._with_stored(found) if stored is not None else found
            gevent.sleep(POLL_INTERVAL)

    def _stored_tallies(self) -> Sequence[Tally] | None:
        if self.delivery.in_trouble:
            return None
        try:
            return self.delivery.in_database(lambda store: store.tallies(self.run), ANSWER_TIME)
        except StoreError as error:
            logger.warning("%s", error)
            return None

    def _with_stored(self, found: LastRecords) -> LastRecords:
        try:
            stored = self.delivery.in_database(lambda store: store.requests_stored(self.run), self.seconds)
        except StoreError as error:
            logger.warning("%s", error)
            return found
        return LastRecords(found.tallies, found.spooled, stored)
