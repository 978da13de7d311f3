"""The daemon, put together: its jobs, its soaks, its HTTP, and what it says of them."""

import os
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from soakwatch.cli.daemon_http import daemon_server
from soakwatch.cli.daemon_jobs import report_job, soak_job
from soakwatch.cli.job_telling import JobTelling
from soakwatch.cli.terminal import notes
from soakwatch.core.configuration import Configuration
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
    HTTP cannot be listened on. Where a job does not come to its end in time, the process ends here.
    """
    give_back_large_blocks()
    telling, board = JobTelling(), JobBoard()
    keeper = SoakKeeper(configuration, ledger, file)
    reporting = Reporting(
        ledger, tenure, board, version("soakwatch"), time.time(), soaks=keeper.states, hears=telling.hear_all
    )

    def counts() -> DetectionCounts | None:
        report = detected()
        return None if report is None else DetectionCounts.of(report)

    def lease_trouble() -> str:
        return "" if tenure.leads or tenure.waits_for else telling.lease_trouble

    server = daemon_server(configuration, ledger, lambda: reporting.report(time.time()), counts, lease_trouble)
    with server:
        reporting.address = server.address
        soaks = [soak_job(SoakDuty(keeper, tenure))] if configuration.soak else []
        daemon = Daemon([*jobs, *soaks, report_job(reporting)], board, lambda: tenure.leads, telling.hear)
        watched = f"watching {configuration.store.address} {jobs[0].rhythm}, {server.address}"
        notes.print(watched, markup=False, soft_wrap=True)
        with tenure.beating(telling.hear_lease):
            left = daemon.run()
            reporting.end()
    if left:
        # nothing is lost: whatever they were at is either done or not, and the next daemon finds out
        notes.print(f"stopped; left in the middle of what they were at: {', '.join(left)}", markup=False)
        sys.stdout.flush()
        os._exit(0)
