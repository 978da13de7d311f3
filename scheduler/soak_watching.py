"""Soak watching: what one look after the other shows of a soak's Locust, by its pulse."""

from dataclasses import dataclass

from soakwatch.core.soak_pulse import Pulse

UNWATCHED = 30.0
"""Seconds between two looks after which nothing is known of the time between: this machine slept, or its clock was set.
"""

BEGINNING = 60.0
"""Seconds that Locust may take until its first pulse: it loads the users' file."""

_COMPARED = 20.0
"""Seconds of requests that must all have gone without an answer."""

_IDLE = 300.0
"""Seconds without a request after which users that are there do something else than to make load."""

_RUNNING = frozenset({"spawning", "running"})


@dataclass(slots=True)
class SoakWatching:
    """Looks at the pulse of the start `token` again and again; begins to count when the first look is taken."""

    token: str
    pulse: Pulse | None = None
    is_unanswered: bool = False
    """Whether nobody has answered for a while."""

    _looked: float | None = None
    _written: int = 0
    _windows: int = -1
    _beat: float = 0.0
    _moved: float = 0.0
    _full: float = 0.0
    _busy: float = 0.0
    _requests: int = -1
    _compared: tuple[float, Pulse] | None = None

    def look(self, written: int, pulse: Pulse | None, now: float, *, is_complete: bool) -> None:
        """Take in the pulse that was written at `written`, and whether all workers were there at `now`."""
        if self._looked is None or not 0 <= now - self._looked <= UNWATCHED:
            self._beat = self._moved = self._full = self._busy = now
            self._compared = None
        self._looked = now
        if pulse is None or pulse.start == self.token:
            # one that cannot be read was written all the same
            if written != self._written and (pulse or self.pulse):
                self._written, self._beat = written, now
            if pulse is not None:
                self._take(pulse, now)
        if is_complete:
            self._full = now

    @property
    def silent(self) -> float:
        """Seconds without a pulse, or without a window since the test began."""
        return max(0.0, (self._looked or 0.0) - min(self._beat, self._moved))

    @property
    def short(self) -> float:
        """Seconds since all workers were there."""
        return max(0.0, (self._looked or 0.0) - self._full)

    @property
    def is_idle(self) -> bool:
        """Whether it has users, and none of them has made a request for a while."""
        return (self._looked or 0.0) - self._busy >= _IDLE

    @property
    def is_testing(self) -> bool:
        """Whether it makes load."""
        return self.pulse is not None and self.pulse.state in _RUNNING

    def patience(self, window: float) -> float:
        """Seconds that it may be silent, with windows of so many."""
        return max(BEGINNING if self.pulse is None else 30.0, 3 * window + 10.0)

    def _take(self, pulse: Pulse, now: float) -> None:
        self.pulse = pulse
        # a test that has stopped by itself, as for want of workers, is none that is yet to begin
        if pulse.windows != self._windows or not (self.is_testing or pulse.ended):
            self._windows, self._moved = pulse.windows, now
        if pulse.requests != self._requests or not (self.is_testing and pulse.users):
            self._requests, self._busy = pulse.requests, now
        if self._compared is None or pulse.run != self._compared[1].run:
            self._compared = now, pulse
        since, before = self._compared
        if now - since >= _COMPARED:
            requests = pulse.requests - before.requests
            self.is_unanswered = 0 < requests <= pulse.unanswered - before.unanswered
            self._compared = now, pulse
