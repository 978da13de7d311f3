"""SoakCompanion: what a Locust that a daemon keeps running does for it: a pulse each second, and an end without it."""

import logging
import os
import signal
from collections.abc import Callable, Mapping
from math import inf
from pathlib import Path
from time import monotonic
from typing import Self

import gevent
from locust.env import Environment
from locust.runners import MasterRunner, Runner

from soakwatch.collector.failures import is_unanswered
from soakwatch.collector.guard import quietly
from soakwatch.collector.leash import Leash
from soakwatch.collector.native_thread import NativeThread
from soakwatch.core.environment_variables import LEASH_VARIABLE, SOAK_FOLDER_VARIABLE, SOAK_TOKEN_VARIABLE
from soakwatch.core.soak_pulse import HEARTBEAT_FILE, PULSE_FILE, Pulse

logger = logging.getLogger(__name__)

_EVERY = 1.0

_FINISHING = 30.0
"""Seconds that Locust has to end when nobody looks after it; a locustfile may have it ignore that it should."""


class SoakCompanion:
    """Runs beside the leading process of a soak."""

    def __init__(
        self, environment: Environment, runner: Runner, told: Callable[[], Pulse], folder: Path, leash: Leash
    ) -> None:
        """Prepare; `told` gives what of the pulse only the session knows."""
        self._environment = environment
        self._runner = runner
        self._told = told
        self._pulse = folder / PULSE_FILE
        self._leash = leash
        self._number = 0
        self._thread = NativeThread()

    @classmethod
    def wanted(
        cls,
        environment: Environment,
        runner: Runner,
        told: Callable[[], Pulse],
        variables: Mapping[str, str] = os.environ,
    ) -> Self | None:
        """The companion that environment variables ask for, if they do."""
        folder = variables.get(SOAK_FOLDER_VARIABLE)
        if not folder:
            return None
        leash = Leash(Path(folder) / HEARTBEAT_FILE, float(variables.get(LEASH_VARIABLE) or "inf"))
        return cls(environment, runner, told, Path(folder), leash)

    def start(self) -> None:
        """Begin."""
        self._environment.events.quit.add_listener(quietly(lambda **_: self._thread.run(self._beat, self.pulse())))
        gevent.spawn(self._beat_for_ever)

    def pulse(self) -> Pulse:
        """How Locust is now."""
        self._number += 1
        told, stats = self._told(), self._environment.stats
        return Pulse(
            start=os.environ.get(SOAK_TOKEN_VARIABLE, ""),
            number=self._number,
            windows=told.windows,
            run=told.run,
            state=self._runner.state,
            users=self._runner.user_count,
            workers=self._runner.worker_count if isinstance(self._runner, MasterRunner) else 0,
            requests=stats.total.num_requests,
            unanswered=sum(one.occurrences for one in stats.errors.values() if is_unanswered(str(one.error))),
            ended=told.ended,
        )

    def _beat_for_ever(self) -> None:
        asked = inf
        while True:
            quietly(lambda: self._thread.run(self._beat, self.pulse()))()
            if monotonic() > asked + _FINISHING:
                _end_at_once()
            if asked == inf and self._thread.run(self._leash.is_over):
                asked = monotonic()
                logger.warning("the daemon that keeps this soak running says nothing any more, so it ends")
                # the way on which the daemon would end it
                os.kill(os.getpid(), signal.SIGINT)
            gevent.sleep(_EVERY)

    def _beat(self, pulse: Pulse) -> None:
        aside = self._pulse.with_suffix(".new")
        try:
            aside.write_text(pulse.encode(), encoding="utf-8")
            aside.replace(self._pulse)
        except OSError:
            # a full disk is no reason to be taken for dead
            self._pulse.touch()


def _end_at_once() -> None:
    """Kill this process, and its workers where it leads them: nobody else would, and another machine may go on."""
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
