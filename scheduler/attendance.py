"""Attendance: one Locust process, looked after from its start to its end."""

import subprocess
import time
from types import TracebackType
from typing import Self

from soakwatch.scheduler.generator import Generator
from soakwatch.scheduler.interruption import Interruption
from soakwatch.scheduler.scenario import SizedScenario
from soakwatch.scheduler.scenario_files import ScenarioFiles

GRACE = 120.0
"""Seconds beyond its own length that a scenario may take to start, to end and to be reconciled."""

PATIENCE_WITH_STOPPING = 45.0
"""Seconds from the request to stop until Locust is killed; Docker's own patience is shorter."""

_PATIENCE_WITH_KILLING = 10.0
"""A process that waits for a disk ends only after that, even when it is killed."""

_LOOK_INTERVAL = 0.5
"""Each look reads the ends of Locust's files, on a core that Locust may need."""

_HURRIED = 2


class Attendance:
    """A context in which Locust runs a scenario; nothing of it is left behind, however the context is left.

    `code` is the exit code of the process when it has ended. `late` says that it did not end by itself in time. `left`
    is a sentence about what could not be ended after all, because Docker or the kernel did not see to it.
    """

    def __init__(self, generator: Generator, sized: SizedScenario, files: ScenarioFiles) -> None:
        self.code: int | None = None
        self.late = False
        self.left = ""
        self._generator = generator
        self._sized = sized
        self._files = files
        self._began = time.monotonic()
        self._asked: float | None = None
        self._killed = False

    def __enter__(self) -> Self:
        """Start the process, in a session of its own: Ctrl-C shall reach it through us only. Raises OSError."""
        with self._files.log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603  (our own launcher, or the user's docker)
                self._generator.command(self._sized),
                env=self._generator.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill what still runs."""
        self._kill()
        try:
            self._process.wait(_PATIENCE_WITH_KILLING)
        except subprocess.TimeoutExpired:
            self.left = self.left or f"the process {self._process.pid} was killed, and has not ended"

    def goes_on(self, interruption: Interruption) -> bool:
        """Wait a moment, and see to what has to be done; whether the process still runs afterwards."""
        try:
            self.code = self._process.wait(_LOOK_INTERVAL)
        except subprocess.TimeoutExpired:
            self._see_to_it(interruption)
            return True
        return False

    def _see_to_it(self, interruption: Interruption) -> None:
        now = time.monotonic()
        self.late = self.late or (not interruption and now - self._began > self._sized.seconds + GRACE)
        if not interruption and not self.late:
            return
        self._asked = self._asked or now
        if interruption.count >= _HURRIED or now - self._asked > PATIENCE_WITH_STOPPING:
            self._kill()
        else:
            self._generator.ask_to_stop(self._process, self._sized)

    def _kill(self) -> None:
        # once: what does not go then is said, and not waited for again
        if not self._killed:
            self._killed = True
            self.left = self._generator.kill(self._process, self._sized)
