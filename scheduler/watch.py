"""Watching: a tick each minute, until somebody asks to stop."""

import logging
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from types import FrameType

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers import SchedulerNotRunningError
from apscheduler.schedulers.blocking import BlockingScheduler

from soakwatch.core.span import Span


class Watch:
    """Calls `tick` at once and then `delay` seconds after each multiple of `every`, when a step of so long is closed.

    One at a time, and what was missed only once.

    SIGINT and SIGTERM let the tick that is under way come to its end; what it is given tells it that it should find it
    soon. The second time they end the process at once. What `tick` raises ends the watch.
    """

    def __init__(self, tick: Callable[[Callable[[], bool]], None], every: float, delay: float) -> None:
        """Prepare; nothing runs yet."""
        self._tick = tick
        self._every = every
        self._delay = delay
        self._stopping = threading.Event()
        self._error: Exception | None = None
        # it would warn of each tick that takes longer than a minute, such as the first one
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        self._scheduler = BlockingScheduler(executors={"default": ThreadPoolExecutor(1)}, timezone=UTC)

    def run(self) -> None:
        """Watch until somebody asks to stop. Raises what a tick raised. Only the main thread can do it."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)
        now = time.time()
        first = Span.aligned(now, self._every).end + self._delay
        options = {"max_instances": 1, "coalesce": True, "misfire_grace_time": None}
        self._scheduler.add_job(self._run_tick, "date", run_date=_moment(now), **options)
        self._scheduler.add_job(self._run_tick, "interval", seconds=self._every, start_date=_moment(first), **options)
        self._scheduler.start()
        if self._error is not None:
            raise self._error

    def _run_tick(self) -> None:
        try:
            if not self._stopping.is_set():
                self._tick(self._stopping.is_set)
        except Exception as error:  # noqa: BLE001  (whatever it is, it is raised where people see it)
            self._error = error
            self._stopping.set()
        if self._stopping.is_set():
            self._end_soon()

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_DFL)
        self._stopping.set()
        self._end_soon()

    def _end_soon(self) -> None:
        # in a thread of its own: shutting down waits for the tick, which may be what asks for it
        threading.Thread(target=self._end, daemon=True).start()

    def _end(self) -> None:
        if not self._scheduler.running:
            return  # ended already, or not begun: then the first tick finds that it should stop
        # else the main thread might submit one more tick to a pool that takes none
        self._scheduler.remove_all_jobs()
        with suppress(SchedulerNotRunningError):
            self._scheduler.shutdown()


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
