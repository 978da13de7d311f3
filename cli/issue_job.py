"""The issue job: what the daemon does about issues in each round, or tells of them in a dry run."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from soakwatch.cli.issue_sync import opened_keeping, tell_change
from soakwatch.cli.terminal import notes, printable
from soakwatch.core.configuration import Configuration
from soakwatch.reporter.change_words import describe
from soakwatch.reporter.issue_changes import Change
from soakwatch.scheduler.accounting import Accounting
from soakwatch.scheduler.fence import Fence
from soakwatch.scheduler.issue_keeping import IssueKeeping
from soakwatch.scheduler.job import Stopped, Stopping
from soakwatch.store.opening import open_projection


@dataclass
class IssueJob:
    """Keeps the issues; without an account of what is written nothing is written."""

    keeping: IssueKeeping
    accounting: Accounting | None
    _told: Sequence[str] = field(default=(), init=False)

    def keep(self, now: float, stopping: Stopping) -> Sequence[str]:
        """One pass, which may end after any change. Raises SurfaceError, StoreError, Stopped."""

        def hear(change: Change) -> None:
            tell_change(change)
            if stopping():
                raise Stopped

        if self.accounting is not None:
            return self.keeping.keep(now, self.accounting, hear).trouble
        wishes = [f"would {describe(change)}" for change in self.keeping.look(now).changes]
        for wish in wishes:
            if wish not in self._told:
                notes.print(printable(wish, longest=400), soft_wrap=True)
        self._told = wishes
        return ()


@contextmanager
def opened_issue_job(configuration: Configuration, fence: Fence, *, writes: bool) -> Iterator[IssueJob]:
    """Open the store, the ledger and the way to GitHub, for the daemon that `fence` is of.

    Raises ConfigurationError, StoreUnavailable.
    """
    with (
        opened_keeping(configuration, fence, writes=writes) as (keeping, _),
        open_projection(configuration) as projection,
    ):
        yield IssueJob(keeping, Accounting(projection, configuration.environment) if writes else None)
