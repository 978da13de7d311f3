"""Daemon jobs: what `soakwatch watch` does, put together from the configuration."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import TypeVar

from soakwatch.cli.github_connection import repository_of
from soakwatch.cli.grafana_connection import connected, has_token
from soakwatch.cli.issue_job import IssueJob, opened_issue_job
from soakwatch.cli.options import open_store
from soakwatch.cli.pass_lock import one_pass_at_a_time
from soakwatch.cli.ticking import ticker_over
from soakwatch.core.configuration import Configuration
from soakwatch.core.rhythm import Cron, Every, Rhythm
from soakwatch.core.settings import DeploySection
from soakwatch.detector.maintenance import planned_by
from soakwatch.detector.timing import Timing
from soakwatch.grafana.annotation_shelf import AnnotationShelf
from soakwatch.scheduler.accounting import Accounting
from soakwatch.scheduler.annotating import Annotating
from soakwatch.scheduler.annotation_pass import AnnotationPass
from soakwatch.scheduler.detection import grace
from soakwatch.scheduler.fence import FencedLedger
from soakwatch.scheduler.heap import give_back_what_is_free
from soakwatch.scheduler.job import Job, Stopping
from soakwatch.scheduler.lasting import LastingWork
from soakwatch.scheduler.reporting import Reporting
from soakwatch.scheduler.soak_duty import SoakDuty
from soakwatch.scheduler.soak_state import SOAKS_JOB
from soakwatch.scheduler.spool_delivery import deliver_left
from soakwatch.scheduler.tenure import Tenure
from soakwatch.scheduler.tick import RollUps, Ticker
from soakwatch.scheduler.version_polling import VersionPolling
from soakwatch.store.contract import WindowStore
from soakwatch.store.ledger import Ledger
from soakwatch.store.opening import create_store, open_projection

T = TypeVar("T")
Tick = Callable[[Ticker, float, Stopping], Sequence[str]]

_STORE = "store"
"""The lane of those that must not be at work on an SQLite store at once."""

PATIENCE = 300.0
"""Seconds without a sign of life: a request may take a minute where nobody answers, and a round makes a few of them."""

_REPORT_EVERY, _SOAKS_EVERY = 15.0, 2.0


class DaemonJobs:
    """The jobs over one ledger, for the daemon that `tenure` is of; what they keep open is closed with `opened`."""

    def __init__(self, configuration: Configuration, ledger: Ledger, tenure: Tenure, opened: ExitStack) -> None:
        """Open nothing yet."""
        self._configuration = configuration
        self._ledger = ledger
        self._tenure = tenure
        self._fenced = FencedLedger(ledger, tenure.fence)
        self._opened = opened

    def all(self, tick: Tick, *, applies: bool) -> list[Job]:
        """In the order in which a single round does them. Issues are written where it `applies`, else only told.

        Raises ConfigurationError.
        """
        jobs = [self._detection(tick), self._retention()]
        if applies or repository_of(self._configuration):
            jobs.append(self._issues(applies=applies))
        if self._configuration.grafana.url and has_token(self._configuration):
            jobs.append(self._annotations())
        return [*jobs, self._spool(), *map(self._version, self._configuration.deploy)]

    def _detection(self, tick: Tick) -> Job:
        timing = Timing.of(self._configuration.detector)

        @contextmanager
        def opened() -> Iterator[Ticker]:
            with (
                open_store(self._configuration, None) as store,
                ticker_over(self._configuration, store, self._ledger, self._tenure.fence) as ticker,
            ):
                yield ticker

        def ticked(ticker: Ticker, now: float, stopping: Stopping) -> Sequence[str]:
            try:
                return tick(ticker, now, stopping)
            finally:
                give_back_what_is_free()

        return Job("detection", Every(timing.step, grace(timing)), self._lasting(opened, ticked), PATIENCE, lane=_STORE)

    def _retention(self) -> Job:
        def forget(store: WindowStore, now: float, _stopping: Stopping) -> Sequence[str]:
            RollUps(store, lambda: one_pass_at_a_time(self._configuration.store)).expire(now)
            return ()

        rhythm = self._rhythm(self._configuration.schedule.retention)
        work = self._lasting(partial(open_store, self._configuration, None), forget)
        return Job("retention", rhythm, work, PATIENCE, lane=_STORE)

    def _issues(self, *, applies: bool) -> Job:
        work = self._lasting(
            partial(opened_issue_job, self._configuration, self._tenure.fence, writes=applies), IssueJob.keep
        )
        return self._asking("issues", self._configuration.schedule.issues, work)

    def _annotations(self) -> Job:
        @contextmanager
        def opened() -> Iterator[Annotating]:
            with (
                open_store(self._configuration, None) as store,
                open_projection(self._configuration) as projection,
                connected(self._configuration) as api,
            ):
                planned = planned_by(self._configuration)
                annotations = AnnotationPass(store, self._fenced, AnnotationShelf(api), planned=planned)
                yield Annotating(annotations, Accounting(projection, self._configuration.environment))

        work = self._lasting(opened, lambda annotating, now, _stopping: annotating.keep(now))
        return self._asking("annotations", self._configuration.schedule.annotations, work)

    def _spool(self) -> Job:
        def deliver(_now: float, stopping: Stopping) -> Sequence[str]:
            folder = self._configuration.store.spool_folder
            return deliver_left(folder, partial(create_store, self._configuration), stopping)

        return Job("spool", self._rhythm(self._configuration.schedule.spool), deliver, PATIENCE, is_exclusive=False)

    def _version(self, section: DeploySection) -> Job:
        polling = VersionPolling(section, self._configuration.environment, time.time)
        work = self._lasting(partial(create_store, self._configuration), polling.look)
        return Job(f"version of {section.service}", Every(section.interval), work, PATIENCE)

    def _asking(self, name: str, times: float | str, work: LastingWork[T]) -> Job:
        """A job that asks a server of somebody else's, some seconds after the detector has looked."""
        delay = grace(Timing.of(self._configuration.detector))
        jitter = self._configuration.schedule.jitter
        return Job(name, self._rhythm(times, delay + jitter), work, PATIENCE, jitter=jitter)

    def _rhythm(self, times: float | str, delay: float = 0.0) -> Rhythm:
        if isinstance(times, str):
            return Cron(times, self._configuration.detector.time_zone)
        return Every(times, delay)

    def _lasting(
        self, open_: Callable[[], AbstractContextManager[T]], work: Callable[[T, float, Stopping], Sequence[str]]
    ) -> LastingWork[T]:
        lasting = LastingWork(open_, work)
        self._opened.callback(lasting.close)
        return lasting


def soak_job(duty: SoakDuty) -> Job:
    """The job that keeps soaks running, and lets go of them in the end."""
    return Job(SOAKS_JOB, Every(_SOAKS_EVERY), duty.keep, PATIENCE, is_exclusive=False, end=duty.end)


def report_job(reporting: Reporting) -> Job:
    """The job by which a daemon tells how it is, also one that only waits."""
    return Job("report", Every(_REPORT_EVERY), reporting.keep, PATIENCE, is_exclusive=False)
