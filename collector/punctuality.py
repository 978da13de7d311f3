"""Punctuality: whether the load generator's event loop keeps time."""

import time

import gevent

INTERVAL = 0.05
"""Seconds between two looks at the clock."""

LATE = 0.010
"""Seconds by which a look is late when the event loop was busy, or another process had the core. What the generator
measures in such a moment is in part its own delay."""


class Punctuality:
    """Sleeps for a short time again and again, and counts how often it woke up late.

    The generator's CPU says little where other processes take the cores away; this says it directly. The cost is 20
    wake-ups a second, about 0.05 % of a core.
    """

    def __init__(self) -> None:
        """Look at nothing yet."""
        self._looks = 0
        self._late = 0

    def start(self) -> None:
        """Look at the clock from now on, in a greenlet of its own."""
        gevent.spawn(self._look_for_ever)

    def _look_for_ever(self) -> None:
        while True:
            due = time.perf_counter() + INTERVAL
            gevent.sleep(INTERVAL)
            self._looks += 1
            self._late += time.perf_counter() > due + LATE

    def take(self) -> float:
        """Share of late looks since the last call, between 0 and 1."""
        share = self._late / self._looks if self._looks else 0.0
        self._looks = self._late = 0
        return share
