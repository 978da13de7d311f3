"""Interruption: Ctrl-C or SIGTERM, noticed between two looks at what runs."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_LOOK_INTERVAL = 0.05


class Interruption:
    """How often somebody has asked to stop.

    The handler only counts: whoever runs something stops it in order, and hurries from the second time on.
    """

    def __init__(self) -> None:
        self.count = 0
        self.name = ""

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Count SIGINT and SIGTERM while the block runs, in the place of what they did before."""
        before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.count += 1
        self.name = signal.Signals(number).name

    def pause(self, seconds: float) -> None:
        """Wait for `seconds`, or until somebody asks to stop."""
        until = time.monotonic() + seconds
        while not self.count and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, _LOOK_INTERVAL))

    def __bool__(self) -> bool:
        """Whether somebody has asked to stop."""
        return self.count > 0
