"""Leash: how long a soak goes on without a word of the daemon that keeps it."""

import time
from collections.abc import Callable
from pathlib import Path


class Leash:
    """Is over when nobody has touched the heartbeat for `seconds`.

    It counts by a clock that nobody sets, and not while the machine sleeps.
    """

    def __init__(self, heartbeat: Path, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin to wait."""
        self._heartbeat = heartbeat
        self._seconds = seconds
        self._clock = clock
        self._touched: int | None = None
        self._since = clock()

    def is_over(self) -> bool:
        """Look at the heartbeat; whether it was left alone for too long."""
        try:
            touched: int | None = self._heartbeat.stat().st_mtime_ns
        except OSError:
            touched = None
        if touched != self._touched:
            self._touched, self._since = touched, self._clock()
        return self._clock() - self._since > self._seconds
