"""The clock of a history: time that never goes back."""


class HistoryClock:
    """While the file's clock is behind, it goes on as fast as that one. `setbacks` counts how often that was."""

    def __init__(self) -> None:
        """Begin before all stamps."""
        self.now = self._last = 0
        self.setbacks = 0

    def at(self, stamp: int) -> int:
        """The time of a row with this stamp, in seconds since the epoch."""
        if stamp < self._last:
            self.setbacks += 1
        self.now = stamp if stamp >= self.now else self.now + max(0, stamp - self._last)
        self._last = stamp
        return self.now
