"""Refusals: what a store does not take, found among points that it takes."""

from collections import Counter
from collections.abc import Iterable, Sequence

from soakwatch.core.errors import StoreRefused
from soakwatch.store.contract import Point, WindowStore
from soakwatch.store.portions import portions

_MOST_REASONS = 20
"""Reasons that are told apart."""

_MOST_LOOKED_FOR = 100
"""Refused points that are looked for in one portion: what is left of one that is all refused is given up at once."""


class Refusals:
    """What a store refused of all that was to be written; the rest is kept."""

    def __init__(self) -> None:
        self._reasons: Counter[str] = Counter()

    def write(self, store: WindowStore, points: Iterable[Point]) -> None:
        """Write all of `points` that are not refused. Raises StoreUnavailable."""
        for portion in portions(points):
            self._write(store, portion, 0)

    def _write(self, store: WindowStore, points: Sequence[Point], found: int) -> int:
        """Write a part of a portion in which so many refused points were `found`; how many there are by then."""
        try:
            store.write(points)
        except StoreRefused as error:
            if len(points) > 1 and found < _MOST_LOOKED_FOR:
                middle = len(points) // 2
                return self._write(store, points[middle:], self._write(store, points[:middle], found))
            self._note(str(error), len(points))
            return found + 1
        return found

    def _note(self, reason: str, points: int) -> None:
        is_told = reason in self._reasons or len(self._reasons) < _MOST_REASONS
        self._reasons[reason if is_told else "other reasons"] += points

    @property
    def sentences(self) -> tuple[str, ...]:
        """Why, and how many points at most, the most first."""
        return tuple(
            f"{count:,} {'point was' if count == 1 else 'points were'} refused: {reason}"
            for reason, count in self._reasons.most_common()
        )
