"""Daemon health: whether a daemon is alive, and whether it can do its work, from what it says of itself.

Anybody may ask that, so the sentences name jobs and times, and not what went wrong with them: that may name servers
and folders, and is in the log and in `soakwatch status`.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from soakwatch.scheduler.daemon_report import DaemonReport
from soakwatch.scheduler.job_board import JobState

_MORE = "`soakwatch status` and the log say why"


@dataclass(frozen=True, slots=True)
class Health:
    """Whether all is well in the sense that was asked for, and sentences on it."""

    is_well: bool
    sentences: tuple[str, ...]


def liveness(report: DaemonReport, vital: Collection[str]) -> Health:
    """Whether the daemon should be left running: it should not where a vital job hangs, which only a restart ends."""
    hanging = [job for job in _of(report, vital) if job.hangs]
    if hanging:
        return Health(is_well=False, sentences=tuple(_hangs(job) for job in hanging))
    return Health(is_well=True, sentences=("alive",))


def readiness(report: DaemonReport, vital: Collection[str], lease_trouble: str) -> Health:
    """Whether the daemon can do its work: by the last rounds of its vital jobs, or by waiting for its turn to work."""
    wrong = [_hangs(job) for job in _of(report, vital) if job.hangs]
    if lease_trouble:
        wrong.append(f"the ledger does not say which daemon works; {_MORE}")
    if report.leads:
        wrong.extend(_unready(report, vital))
    if wrong:
        return Health(is_well=False, sentences=tuple(wrong))
    # what failed while it worked is out of date while another daemon does
    remarks = _remarks(report) if report.leads else ()
    turn = "ready, and at work" if report.leads else "ready; waits while another daemon works"
    return Health(is_well=True, sentences=(turn, *remarks))


def _unready(report: DaemonReport, vital: Collection[str]) -> Iterator[str]:
    for job in _of(report, vital):
        if job.in_a_row:
            yield f"{_failed(job)}; {_MORE}"
        elif job.succeeded is None and not job.hangs:
            yield f"the first round of {job.name} is not over yet"


def _remarks(report: DaemonReport) -> Iterator[str]:
    for job in report.jobs:
        if job.hangs:
            yield _hangs(job)
        elif job.in_a_row:
            yield f"{_failed(job)}; {_MORE}"
        elif job.trouble:
            yield f"{job.name} was done, but not all of it went well; {_MORE}"


def _of(report: DaemonReport, names: Collection[str]) -> list[JobState]:
    return [job for job in report.jobs if job.name in names]


def _hangs(job: JobState) -> str:
    return f"{job.name} hangs since {_clock(job.begun)}; the daemon is to be restarted"


def _failed(job: JobState) -> str:
    times = "" if job.in_a_row == 1 else f" {job.in_a_row:,} times in a row, the last time"
    return f"{job.name} failed{times} at {_clock(job.ended)}"


def _clock(moment: float | None) -> str:
    return "?" if moment is None else f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S} UTC"
