"""CpuMeter: how busy this process is."""

import time
from collections.abc import Callable


class CpuMeter:
    """CPU of this process, all its threads, in percent of one core, from one reading to the next.

    Locust's own figure is 0 for the first ten seconds of a process, and up to ten seconds old after that.
    """

    def __init__(
        self, cpu: Callable[[], float] = time.process_time, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin now."""
        self._cpu, self._clock = cpu, clock
        self._last = (cpu(), clock())

    def read(self) -> float:
        """Percent of one core since the last reading."""
        (cpu, at), self._last = self._last, (self._cpu(), self._clock())
        elapsed = self._last[1] - at
        return 100 * (self._last[0] - cpu) / elapsed if elapsed > 0 else 0.0
