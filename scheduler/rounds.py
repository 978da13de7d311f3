"""Rounds: one job done once, whatever comes of it, and how long it is left alone after it failed."""

import time
import traceback
from collections.abc import Callable, Sequence

from soakwatch.core.errors import LeaseLost, SoakwatchError, UsageError
from soakwatch.scheduler.job import Job, Stopped, Stopping
from soakwatch.scheduler.job_board import JobBoard, rest_after


class Rounds:
    """Does one job, again and again; `leads` says whether this daemon is the one that works.

    What goes wrong is noted on `board`. Wrong usage or configuration is raised, until the job went well once: nobody
    would mend it by waiting.
    """

    def __init__(self, job: Job, board: JobBoard, leads: Callable[[], bool], clock: Callable[[], float]) -> None:
        self._job = job
        self._board = board
        self._leads = leads
        self._clock = clock
        self._rests_until = 0.0

    def do(self, stopping: Stopping) -> bool:
        """Do the job, unless it rests, or another daemon does it; whether it was tried."""
        if stopping() or time.monotonic() < self._rests_until or (self._job.is_exclusive and not self._leads()):
            return False
        name, now, begin = self._job.name, self._clock(), time.monotonic()
        self._board.begun(name, now)

        def alive() -> bool:
            self._board.alive(name, self._clock())
            return stopping()

        try:
            trouble = self._job.work(now, alive)
        except Stopped:
            self._board.went_well(name, self._clock(), time.monotonic() - begin)
        except Exception as error:
            self._board.failed(name, self._clock(), time.monotonic() - begin, _sentence(error))
            # whatever else it is, the others go on, and the next round may do without
            if isinstance(error, UsageError) and not self._board.state(name, now).rounds:
                raise
            self._rest(error)
        else:
            self._board.went_well(name, self._clock(), time.monotonic() - begin, _together(trouble))
            self._rests_until = 0.0
        return True

    def _rest(self, error: Exception) -> None:
        asked = getattr(error, "retry_after", None) or 0.0
        failures = self._board.state(self._job.name, self._clock()).in_a_row
        rest = 0.0 if isinstance(error, LeaseLost) else rest_after(failures, self._job.rhythm)
        self._rests_until = time.monotonic() + max(asked, rest)


def _sentence(error: Exception) -> str:
    if isinstance(error, SoakwatchError):
        return _storable(str(error))
    told = "".join(traceback.format_exception(error))
    return _storable(f"this is a defect of soakwatch, please report it: {told}")


def _together(trouble: Sequence[str]) -> str:
    return _storable("; ".join(dict.fromkeys(trouble)))


def _storable(text: str) -> str:
    """Without what no ledger takes: names of files may be no UTF-8."""
    return text.encode(errors="backslashreplace").decode()
