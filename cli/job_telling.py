"""Job telling: what the daemon says of its jobs; a trouble that lasts is told once."""

import sys
import threading
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from soakwatch.cli.terminal import notes, printable

if TYPE_CHECKING:
    from soakwatch.scheduler.job_board import JobState


class JobTelling:
    """Hears of jobs and of the lease, in any thread, and says what is news."""

    def __init__(self) -> None:
        """Nothing has been said yet."""
        self._troubles: dict[str, str] = {}
        self._hanging: Collection[str] = ()
        self._waits_for = ""
        self._lock = threading.Lock()

    @property
    def lease_trouble(self) -> str:
        """Why this daemon does not work, as it was said last; empty while it does."""
        with self._lock:
            return self._waits_for

    def hear(self, state: "JobState") -> None:
        """Say what went wrong with a job, where that is not what went wrong before; and that it is well again."""
        with self._lock:
            before, self._troubles[state.name] = self._troubles.get(state.name, ""), state.trouble
        if state.trouble and state.trouble != before:
            _say(f"{state.name}: {state.trouble}", "red")
        elif before and not state.trouble:
            _say(f"{state.name}: all is well again")

    def hear_lease(self, why_not: str) -> None:
        """Say why this daemon does not work, or that it does now."""
        with self._lock:
            before, self._waits_for = self._waits_for, why_not
        if why_not and why_not != before:
            _say(f"waiting: {why_not}", "yellow")
        elif before and not why_not:
            _say("this daemon is at work now")

    def hear_all(self, states: Sequence["JobState"]) -> None:
        """Say which jobs give no sign of life."""
        hanging = {one.name for one in states if one.hangs}
        with self._lock:
            before, self._hanging = self._hanging, hanging
        for name in sorted(hanging.difference(before)):
            _say(f"{name}: gives no sign of life; the others go on", "red")


def _say(sentence: str, style: str = "default") -> None:
    # a full disk below the log is no reason to end; a defect comes with many lines
    with suppress(OSError):
        for line in sentence.splitlines():
            notes.print(printable(line, longest=sys.maxsize), soft_wrap=True, style=style)
