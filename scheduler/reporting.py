"""Reporting: the daemon says in the ledger how it is, for `soakwatch status` in another process."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from soakwatch.core.errors import SoakwatchError
from soakwatch.scheduler.daemon_report import DaemonReport, forget_report, write_report
from soakwatch.scheduler.job import Stopping
from soakwatch.scheduler.job_board import JobBoard, JobState
from soakwatch.scheduler.soak_state import SoakState
from soakwatch.scheduler.tenure import Tenure
from soakwatch.store.ledger import Ledger


@dataclass(slots=True)
class Reporting:
    """Writes what `board` and `soaks` say into `ledger`; `hears` is told how all jobs are."""

    ledger: Ledger
    tenure: Tenure
    board: JobBoard
    version: str
    began: float
    address: str = ""
    soaks: Callable[[], tuple[SoakState, ...]] = tuple
    hears: Callable[[Sequence[JobState]], None] = lambda _states: None

    def report(self, now: float) -> DaemonReport:
        """How the daemon is at `now`."""
        return DaemonReport(
            holder=self.tenure.holder,
            at=now,
            began=self.began,
            version=self.version,
            leads=self.tenure.leads,
            address=self.address,
            jobs=self.board.states(now),
            soaks=self.soaks(),
        )

    def keep(self, now: float, _stopping: Stopping) -> Sequence[str]:
        """Write it. Raises StoreUnavailable."""
        report = self.report(now)
        self.hears(report.jobs)
        with self.ledger.transaction() as work:
            write_report(work, report)
        return ()

    def end(self) -> None:
        """Say no more; where the ledger does not take that, it is out of date soon."""
        with suppress(SoakwatchError), self.ledger.transaction() as work:
            forget_report(work, self.tenure.holder)
