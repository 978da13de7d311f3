"""LeaderSession: soakwatch in the Locust process that leads the test, a master or a single process."""

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice, takewhile
from typing import Any

import gevent
from locust.env import Environment
from locust.runners import STATE_MISSING, MasterRunner, Runner

from soakwatch.collector.guard import quietly
from soakwatch.collector.last_records import LastRecords, Search
from soakwatch.collector.locust_counts import keep_when_serialised, requests_in_report
from soakwatch.collector.machine import machine_id
from soakwatch.collector.metadata import deploy_of, describe_run, new_run_id, source_of
from soakwatch.collector.options import with_options
from soakwatch.collector.reconciliation import Evidence, reconcile
from soakwatch.collector.recording import LoadNow, Recording
from soakwatch.collector.session import DRAIN_TIME, NO_RUN, Session
from soakwatch.collector.soak_companion import SoakCompanion
from soakwatch.collector.version_watch import VersionWatch
from soakwatch.collector.worker import RUN_IN_REPORT
from soakwatch.core.configuration import Configuration
from soakwatch.core.errors import StoreError
from soakwatch.core.run import Outcome, Reconciliation, Run
from soakwatch.core.run_series import condense
from soakwatch.core.soak_pulse import Pulse
from soakwatch.store.contract import Point, WindowStore

logger = logging.getLogger(__name__)

MOST_WINDOWS = 20_000
"""Windows of a run that is condensed at its end; a larger one is left to the pass over what is stored."""

READING_TIME, CONDENSING_TIME = 2.0, 5.0
"""Seconds that reading these windows may take, and all of it."""

IDLE_INTERVAL = 1.0
"""Seconds between two looks whether a test has begun, while nothing is tested and versions do not matter."""


class LeaderSession(Session):
    """Begins runs, writes them down, and reconciles Locust's own total with the store at the end."""

    def __init__(self, environment: Environment, runner: Runner, configuration: Configuration) -> None:
        """Prepare for `environment`; nothing is opened yet."""
        super().__init__(environment, runner, configuration)
        self._runs: dict[str, Run] = {}

    def listen(self) -> None:
        """Count what the workers report."""
        keep_when_serialised(self.environment.stats)
        self.environment.events.worker_report.add_listener(quietly(self._note_worker_report))
        for section in self.configuration.deploy:
            watch = VersionWatch(section, self.configuration.environment)
            gevent.spawn(quietly(self._follow), watch)
        companion = SoakCompanion.wanted(self.environment, self.runner, self._told)
        if companion is not None:
            companion.start()

    def _told(self) -> Pulse:
        """What of a soak's pulse is known here."""
        recording = self.recording
        has_ended = recording.run != NO_RUN and recording.stopped_at is not None
        return Pulse("", windows=self.windows_closed, run=recording.run, ended=has_ended)

    def _follow(self, watch: VersionWatch) -> None:
        while True:
            if self._is_testing and (deploy := watch.look(time.time)) is not None:
                self.delivery.submit([[deploy]])
            gevent.sleep(watch.interval if self._is_testing else IDLE_INTERVAL)

    @property
    def _is_testing(self) -> bool:
        return self.recording.run != NO_RUN and self.recording.stopped_at is None

    def next_run(self, now: float) -> str:
        """A new id, which Locust carries to the workers with its options."""
        run = new_run_id(now)
        options = self.environment.parsed_options
        if options is not None:
            options.soakwatch_run = run
            options.soakwatch_machine = machine_id()
        return run

    def begun(self, now: float) -> None:
        """Write the run down."""
        configuration = with_options(self.configuration, self.environment.parsed_options)
        run = describe_run(self.recording.run, now, configuration, self.environment)
        self._runs[run.id] = run
        logger.info("soakwatch records this test as run %s in %s", run.id, self.configuration.store.address)
        gevent.spawn(quietly(self.delivery.submit), [[run, *deploy_of(run)]])

    def load_of_this_process(self, load: LoadNow | None) -> LoadNow | None:
        """A master makes no load."""
        return None if isinstance(self.runner, MasterRunner) else load

    def own_counts(self, recording: Recording) -> tuple[int, int]:
        """What Locust knows of this process itself; what it discarded cannot be told from what workers had sent."""
        totals = recording.totals
        return totals.standing + totals.discarded - sum(recording.received.values()), 0

    def _note_worker_report(self, client_id: str, data: dict[str, Any], **_: Any) -> None:
        source = source_of(client_id)
        received = self.recording.received
        received[source] = received.get(source, 0) + requests_in_report(data.get("stats", ()))
        if data.get(RUN_IN_REPORT) == self.recording.run:
            self.recording.reporting.add(source)

    def _test_stopped(self, **_: Any) -> None:
        self.recording.stopped_at = self.recording.stopped_at or time.time()
        # without a web page the end of the test is the end of the process: the last reports come after this, and
        # `quit` will end the recording. With one, all workers have reported, and people want to know now
        headless = getattr(self.environment.parsed_options, "headless", False)
        if self.recording.run != NO_RUN and not headless:
            self.end_soon(self.recording)

    def conclude(self, recording: Recording, now: float) -> None:
        """Reconcile, write it down, say so, and keep the run for long."""
        known = self._last_records(recording)
        result = reconcile(self._evidence(recording, known, now))
        run = replace(
            self._runs[recording.run],
            end=recording.stopped_at or now,
            outcome=Outcome.FINISHED,
            reconciled=result,
        )
        self.delivery.submit([[run]])
        self.delivery.drain(DRAIN_TIME)
        self._announce(recording.run, result)
        # last, because it is what may fail: the pass over what is stored does it as well
        if condensed := self._condensed(run, recording):
            self.delivery.submit([point] for point in condensed)
            self.delivery.drain(DRAIN_TIME)

    def _last_records(self, recording: Recording) -> LastRecords:
        search = Search(self.delivery, recording.run, self.configuration.collector.quit_wait)
        return search.until_complete(lambda: self._expected(recording), recording.received)

    def _evidence(self, recording: Recording, known: LastRecords, now: float) -> Evidence:
        own, _ = self.own_counts(recording)
        return Evidence(
            locust=recording.totals.standing,
            discarded=recording.totals.discarded,
            received={**recording.received, self.source: own},
            # what this process counted is known here, also while the store does not take its tally
            tallies=[*known.tallies, self.tally(recording, now)],
            stored=known.stored,
            waiting={**known.spooled, self.source: self.delivery.waiting},
        )

    def _expected(self, recording: Recording) -> set[str]:
        if not isinstance(self.runner, MasterRunner):
            return set()
        missing = {source_of(client.id) for client in self.runner.clients.get_by_state(STATE_MISSING)}
        return recording.reporting - missing

    def _condensed(self, run: Run, recording: Recording) -> Sequence[Point]:
        duration = (run.end or run.start) - run.start
        windows = duration / recording.recorder.settings.width + 1
        most = windows * len(self.environment.stats.entries) * max(1, len(recording.received))
        incomplete = run.reconciled is None or run.reconciled.waiting
        if self.delivery.in_trouble or incomplete or most > MOST_WINDOWS:
            return ()
        try:
            return self.delivery.in_database(lambda store: _read_and_condense(store, run), CONDENSING_TIME)
        except StoreError as error:
            logger.warning("%s", error)
            return ()

    def _announce(self, run: str, result: Reconciliation) -> None:
        if result.exact or not (result.unexplained or result.lost or result.silent_sources):
            logger.info("run %s: %s", run, result)
        else:
            logger.warning("run %s: %s", run, result)


def _read_and_condense(store: WindowStore, run: Run) -> Sequence[Point]:
    end = time.monotonic() + READING_TIME
    windows = list(takewhile(lambda _: time.monotonic() < end, islice(store.windows(run.id), MOST_WINDOWS + 1)))
    if len(windows) > MOST_WINDOWS or time.monotonic() >= end:
        return ()
    kept = condense(run, windows, store.errors(run.id), store.load(run.id))
    return [part for part in kept if part.blocks]  # a run that ended within its first window has no load to speak of
