"""Punctuality: how late the load generator's event loop is."""

import time

import gevent

from soakwatch.core.histogram import Histogram

INTERVAL = 0.05
"""Seconds between two looks at the clock."""


class Punctuality:
    """Sleeps for a short time again and again, and notes how late it woke up.

    The generator's CPU says little where other processes take the cores away; this says how much of a response time may
    be its own delay. The cost is 20 wake-ups a second, about 0.05 % of a core.
    """

    def __init__(self) -> None:
        """Look at nothing yet."""
        self._late: list[float] = []

    def start(self) -> None:
        """Look at the clock from now on, in a greenlet of its own."""
        gevent.spawn(self._look_for_ever)

    def _look_for_ever(self) -> None:
        while True:
            due = time.perf_counter() + INTERVAL
            gevent.sleep(INTERVAL)
            self._late.append(max(0.0, time.perf_counter() - due) * 1000)

    def take(self) -> Histogram:
        """Delays since the last call, in milliseconds."""
        late, self._late = self._late, []
        return Histogram.of(late)
