"""The daemon, put together: its jobs, its soaks, its HTTP, and what it says of them."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path

from soakwatch.cli.daemon_http import daemon_server
from soakwatch.cli.daemon_jobs import report_job, soak_job
from soakwatch.cli.job_telling import JobTelling
from soakwatch.cli.terminal import notes, print_error
from soakwatch.core.configuration import Configuration
from soakwatch.core.errors import UsageError
from soakwatch.scheduler.daemon import Daemon
from soakwatch.scheduler.daemon_view import DetectionCounts
from soakwatch.scheduler.detection_report import DetectionReport
from soakwatch.scheduler.heap import give_back_large_blocks
from soakwatch.scheduler.job import Job
from soakwatch.scheduler.job_board import JobBoard
from soakwatch.scheduler.reporting import Reporting
from soakwatch.scheduler.soak_duty import SoakDuty
from soakwatch.scheduler.soak_keeper import SoakKeeper
from soakwatch.scheduler.tenure import Tenure
from soakwatch.store.ledger import Ledger

_LONGEST_END = 8.0
"""Seconds after which the process ends once somebody asked it to, whatever does not answer it."""


def do_until_stopped(
    jobs: Sequence[Job],
    configuration: Configuration,
    file: Path | None,
    ledger: Ledger,
    tenure: Tenure,
    detected: Callable[[], DetectionReport | None],
) -> None:
    """Do `jobs`, the first of which is the detector's, keep soaks running, and answer over HTTP.

    `file` is where the configuration was read, `detected` gives what the last pass found. Raises UsageError, also where
    HTTP cannot be listened on. Where a job does not come to its end in time, or the ledger takes no farewell, the
    process ends here.
    """
    give_back_large_blocks()
    telling, board = JobTelling(), JobBoard()
    keeper = SoakKeeper(configuration, ledger, file)
    reporting = Reporting(
        ledger, tenure, board, version("soakwatch"), time.time(), soaks=keeper.states, hears=telling.hear_all
    )
    server = daemon_server(
        configuration,
        ledger,
        lambda: reporting.report(time.time()),
        partial(_counts, detected),
        partial(_lease_trouble, tenure, telling),
    )
    soaks = [soak_job(SoakDuty(keeper, tenure))] if configuration.soak else []
    daemon = Daemon([*jobs, *soaks, report_job(reporting)], board, lambda: tenure.leads, telling.hear)
    daemon.heed_signals()
    with _ending_in_time(daemon), server:
        reporting.address = server.address
        watched = f"watching {configuration.store.address} {jobs[0].rhythm}, {server.address}"
        notes.print(watched, markup=False, soft_wrap=True)
        with tenure.beating(telling.hear_lease):
            left = _run(daemon)
            reporting.end()
    if left:
        _leave(left)


def _counts(detected: Callable[[], DetectionReport | None]) -> DetectionCounts | None:
    report = detected()
    return None if report is None else DetectionCounts.of(report)


def _lease_trouble(tenure: Tenure, telling: JobTelling) -> str:
    # a ledger that hangs has not even said that yet
    return "" if tenure.leads or tenure.waits_for else telling.lease_trouble or "the ledger does not answer"


def _run(daemon: Daemon) -> Sequence[str]:
    try:
        return daemon.run()
    except UsageError as error:
        if daemon.under_way():  # Python would wait for its thread, perhaps for ever
            print_error(error)
            sys.stdout.flush()
            os._exit(error.exit_code)
        raise


@contextmanager
def _ending_in_time(daemon: Daemon) -> Iterator[None]:
    """End the process where the block does not end in time after `daemon` was asked to: a ledger may answer never."""
    ended = threading.Event()

    def see_to_it() -> None:
        daemon.await_stop()
        if not ended.wait(_LONGEST_END):
            _leave(daemon.under_way())

    threading.Thread(target=see_to_it, daemon=True, name="end").start()
    try:
        yield
    finally:
        ended.set()


def _leave(left: Sequence[str]) -> None:
    """End the process. Nothing is lost: what was under way is either done or not, and the next daemon finds out."""
    at_work = f"left in the middle of what they were at: {', '.join(left)}"
    no_farewell = "the ledger does not answer, so it was not told; the lease expires by itself"
    notes.print(f"stopped; {at_work if left else no_farewell}", markup=False, soft_wrap=True)
    sys.stdout.flush()
    os._exit(0)
