"""The job board: how each of the daemon's jobs is doing, for whoever asks from any thread."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

from soakwatch.core.rhythm import Cron, Rhythm
from soakwatch.scheduler.job import Job

_LONGEST_REST = 5
"""Rounds that a job rests at most after it has failed again and again: what was wrong is over one day."""


@dataclass(frozen=True, slots=True)
class JobState:
    """One job at a moment. Times are seconds since the epoch, and None where there is none.

    It is `due` next, has `begun` what is under way, and `ended` the last time after `took` seconds. Since the daemon
    began, it went well so many `rounds`, and failed `failed` times, `in_a_row` of them since it last went well.
    It last went well at `succeeded`. `trouble` is what went wrong the last time. It `hangs` when what is under way
    gives no sign of life.
    """

    name: str
    rhythm: str
    due: float | None = None
    begun: float | None = None
    ended: float | None = None
    took: float | None = None
    rounds: int = 0
    failed: int = 0
    in_a_row: int = 0
    trouble: str = ""
    hangs: bool = False
    succeeded: float | None = None

    @property
    def is_well(self) -> bool:
        """Whether nothing is wrong with it."""
        return not (self.hangs or self.trouble)


class JobBoard:
    """Is told what happens to each job, and tells how all of them are."""

    def __init__(self) -> None:
        """Know of no job yet."""
        self._jobs: dict[str, Job] = {}
        self._states: dict[str, JobState] = {}
        self._seen: dict[str, float] = {}
        self._lock = threading.Lock()

    def enlist(self, jobs: Sequence[Job]) -> None:
        """Know of `jobs` from now on; nothing has happened to them yet."""
        with self._lock:
            self._jobs |= {job.name: job for job in jobs}
            self._states |= {job.name: JobState(job.name, str(job.rhythm)) for job in jobs}

    def due(self, name: str, at: float) -> None:
        """Note that it is to be done at `at`."""
        with self._lock:
            self._states[name] = replace(self._states[name], due=at)

    def begun(self, name: str, now: float) -> None:
        """Note that it is under way."""
        with self._lock:
            # together: whoever looks in between would take the sign of life of the round before for the last one
            self._seen[name] = now
            self._states[name] = replace(self._states[name], begun=now)

    def alive(self, name: str, now: float) -> None:
        """Note that what is under way goes on."""
        with self._lock:
            self._seen[name] = now

    def clock_was_set(self, now: float) -> None:
        """Note that the clock shows `now` all at once: what it showed before says nothing of how long anything took."""
        with self._lock:
            self._seen = dict.fromkeys(self._seen, now)

    def went_well(self, name: str, now: float, took: float, trouble: str = "") -> None:
        """Note that it was done; `trouble` is what went wrong all the same."""
        with self._lock:
            before = self._states[name]
            rounds = before.rounds + 1
            self._states[name] = replace(
                before, begun=None, ended=now, took=took, rounds=rounds, in_a_row=0, trouble=trouble, succeeded=now
            )

    def failed(self, name: str, now: float, took: float, trouble: str) -> None:
        """Note that it was not done, and why."""
        with self._lock:
            before = self._states[name]
            failed, in_a_row = before.failed + 1, before.in_a_row + 1
            self._states[name] = replace(
                before, begun=None, ended=now, took=took, failed=failed, in_a_row=in_a_row, trouble=trouble
            )

    def states(self, now: float) -> tuple[JobState, ...]:
        """All jobs as they are at `now`, in the order in which they were given."""
        with self._lock:
            return tuple(replace(one, hangs=self._hangs(one, now)) for one in self._states.values())

    def state(self, name: str, now: float) -> JobState:
        """One job as it is at `now`."""
        return next(one for one in self.states(now) if one.name == name)

    def _hangs(self, state: JobState, now: float) -> bool:
        return state.begun is not None and now - self._seen[state.name] > self._jobs[state.name].patience


def rest_after(failures: int, rhythm: Rhythm) -> float:
    """Seconds that a job rests after so many failures in a row.

    None after the first one, then for a round, two, and four, up to five. What is done at given times of the day is
    done at its next one.
    """
    if failures <= 1 or isinstance(rhythm, Cron):
        return 0.0
    return rhythm.seconds * min(_LONGEST_REST, 1 << min(failures - 2, _LONGEST_REST))
