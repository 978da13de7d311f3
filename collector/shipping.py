"""Shipping: records of a spool on their way into a store, some of which it may refuse."""

from collections.abc import Mapping, Sequence

from soakwatch.collector.dead_letters import Letter
from soakwatch.core.errors import StoreRefused
from soakwatch.core.run import Tally
from soakwatch.core.window import Window
from soakwatch.store import rows
from soakwatch.store.contract import Point, WindowStore

BATCH_BYTES = 192 * 1024
"""Size of the records that are written together: about 500 windows."""


class Shipment:
    """Some records, stored together. What the store refuses is narrowed down by halves, point by point.

    `requests` are those of each record, in order; `moment` is when the first of them was complete. `letters` are what
    the store refused so far, and what was no record at all. When the store cannot be reached in the middle, `into` may
    be called again, and goes on where it was.
    """

    def __init__(self, payloads: Sequence[bytes], known: Mapping[bytes, Sequence[Point]] | None = None) -> None:
        """Decode `payloads`, but for those whose points are `known`."""
        self.letters: list[Letter] = []
        contents = [(known or {}).get(payload) or self._decode(payload) for payload in payloads]
        self.requests = [requests_in(points) for points in contents]
        self.moment = min((moment for points in contents if (moment := moment_of(points))), default=None)
        self._parts: list[Sequence[Point]] = [[point for points in contents for point in points]]

    def _decode(self, payload: bytes) -> Sequence[Point]:
        try:
            return rows.decode(payload)
        except ValueError as error:
            self.letters.append(Letter(f"not of this version of soakwatch: {error}", unreadable=payload))
            return ()

    def into(self, store: WindowStore) -> None:
        """Store what is not stored yet. Raises StoreUnavailable; nothing is lost or refused by that."""
        while self._parts:
            part = self._parts[-1]
            try:
                if part:
                    store.write(part)
            except StoreRefused as error:
                self._parts.pop()
                self._set_aside(part, str(error))
            else:
                self._parts.pop()

    def _set_aside(self, refused: Sequence[Point], reason: str) -> None:
        if len(refused) == 1:
            self.letters.append(Letter(reason, tuple(refused)))
        else:
            middle = len(refused) // 2
            self._parts += [refused[middle:], refused[:middle]]

    @property
    def refused(self) -> int:
        """Requests that the store refused."""
        return sum(requests_in(letter.points) for letter in self.letters)


def requests_in(points: Sequence[Point]) -> int:
    """How many requests the windows among `points` hold."""
    return sum(point.count for point in points if isinstance(point, Window))


def moment_of(points: Sequence[Point]) -> float | None:
    """When the first of `points` was complete, in seconds since the epoch; None when they do not say."""
    ends = [point.start + point.width for point in points if isinstance(point, Window)]
    return min(ends + [point.at for point in points if isinstance(point, Tally)], default=None)
