"""Stores that fail when a test wants them to, as a process fails that is killed between two writes."""

from collections.abc import Callable, Sequence

from soakwatch.core.errors import StoreRefused
from soakwatch.core.window import Window
from soakwatch.store.contract import Point
from soakwatch.store.sqlite import SqliteStore


class Killed(BaseException):
    """Nothing catches it, as nothing catches kill -9."""


class DyingStore(SqliteStore):
    """Takes `left` writes and positions, then dies; counts those that it took."""

    left = 1_000_000
    taken = 0

    def write(self, points: Sequence[Point]) -> None:
        self._take()
        super().write(points)

    def set_position(self, name: str, position: str) -> None:
        self._take()
        super().set_position(name, position)

    def _take(self) -> None:
        if not self.left:
            raise Killed
        self.left -= 1
        self.taken += 1


class ForgetfulStore(SqliteStore):
    """Says that it has taken windows, and has not."""

    def write(self, points: Sequence[Point]) -> None:
        super().write([point for point in points if not isinstance(point, Window)])


class RefusingStore(SqliteStore):
    """Refuses all points of one write when one of them is not to its taste, as a server refuses a text too long."""

    refuses: Callable[[Point], bool] = staticmethod(lambda _point: False)

    def write(self, points: Sequence[Point]) -> None:
        if any(self.refuses(point) for point in points):
            raise StoreRefused("a text is too long")
        super().write(points)
