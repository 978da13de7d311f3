"""The daemon: each job at its own times, in threads of their own, until somebody asks to stop."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from soakwatch.scheduler.job import Job
from soakwatch.scheduler.job_board import JobBoard, JobState
from soakwatch.scheduler.rhythm_trigger import RhythmTrigger
from soakwatch.scheduler.rounds import Rounds
from soakwatch.scheduler.stop_signals import on_stop_signal

LAST_WORDS = 7.0
"""Seconds that jobs which are under way have to come to an end, when the daemon was asked to."""

_CLOCK_LOOKED_AT, _CLOCK_JUMPED = 2.0, 1.5
"""Seconds between two looks at the clock, and by how much it may be off then before the next times are set anew."""

Hears = Callable[[JobState], None]
"""Is told how a job is after each of its rounds, in any thread."""


class Daemon:
    """Does `jobs` until somebody asks to stop; those that are exclusive while `leads` says so.

    Each one begins at once, and then at its times; one round at a time, and what was missed only once. A job that fails
    or hangs stops no other one. SIGINT and SIGTERM let what is under way come to its end, once `heed_signals` was
    called; the second time they end the process at once. Wrong usage or configuration that a job finds at first ends
    all.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        board: JobBoard,
        leads: Callable[[], bool],
        hears: Hears = lambda _state: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Prepare; nothing runs yet."""
        # it would warn of each round that takes longer than usual, such as the first one
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        board.enlist(jobs)
        self._jobs = jobs
        self._board = board
        self._hears = hears
        self._clock = clock
        self._rounds = {job.name: Rounds(job, board, leads, clock) for job in jobs}
        self._stopping = threading.Event()
        self._ending: set[str] = set()
        self._error: Exception | None = None
        self._scheduler = BackgroundScheduler(
            executors={_lane(job): ThreadPoolExecutor(1) for job in jobs}, timezone=UTC
        )

    def heed_signals(self) -> None:
        """From now on SIGINT and SIGTERM end it in order, also before it runs. Only the main thread can do that."""
        on_stop_signal(self._stopping.set)

    def await_stop(self) -> None:
        """Wait, in another thread, until it is to stop."""
        self._stopping.wait()

    def run(self) -> list[str]:
        """Work until somebody asks to stop; gives the jobs that did not come to an end in time.

        Raises UsageError that a job raised.
        """
        for job in self._jobs:
            options = {"max_instances": 1, "coalesce": True, "misfire_grace_time": None, "executor": _lane(job)}
            trigger, first = RhythmTrigger(job.rhythm, job.jitter), datetime.fromtimestamp(self._clock(), UTC)
            self._scheduler.add_job(self._do, trigger, args=[job], id=job.name, next_run_time=first, **options)
        self._scheduler.start()
        self._until_stopped()
        self._scheduler.remove_all_jobs()
        for job in self._jobs:
            if job.end is not None:
                self._ending.add(job.name)
                self._scheduler.add_job(self._end, args=[job], executor=_lane(job), misfire_grace_time=None)
        left = self._left_after(LAST_WORDS)
        self._scheduler.shutdown(wait=not left)
        if self._error is not None:
            raise self._error
        return left

    def under_way(self) -> list[str]:
        """The jobs that are in the middle of what they do."""
        under_way = {one.name for one in self._board.states(self._clock()) if one.begun is not None}
        return sorted(under_way | self._ending)

    def _do(self, job: Job) -> None:
        try:
            if self._rounds[job.name].do(self._stopping.is_set):
                self._hears(self._board.state(job.name, self._clock()))
        except Exception as error:  # noqa: BLE001  (it is raised where people see it)
            self._error = error
            self._stopping.set()
        self._board.due(job.name, job.rhythm.after(self._clock()))

    def _end(self, job: Job) -> None:
        try:
            if job.end is not None:
                job.end()
        finally:
            self._ending.discard(job.name)

    def _until_stopped(self) -> None:
        """Wait, and set all times anew when the clock was set or the machine has slept: timers know nothing of it."""
        ahead = self._clock() - time.monotonic()
        while not self._stopping.wait(_CLOCK_LOOKED_AT):
            now = self._clock() - time.monotonic()
            if abs(now - ahead) > _CLOCK_JUMPED:
                self._set_times_anew(self._clock())
            ahead = now

    def _set_times_anew(self, now: float) -> None:
        self._board.clock_was_set(now)
        for job in self._jobs:
            due = self._board.state(job.name, now).due
            # by its rhythm alone, what was due once a day would be left out for that day
            moment = now if due is not None and due <= now else job.rhythm.after(now)
            self._board.due(job.name, moment)
            self._scheduler.modify_job(job.name, next_run_time=datetime.fromtimestamp(moment, UTC))

    def _left_after(self, seconds: float) -> list[str]:
        end = time.monotonic() + seconds
        while (left := self.under_way()) and time.monotonic() < end:
            time.sleep(0.02)
        return left


def _lane(job: Job) -> str:
    return job.lane or job.name
