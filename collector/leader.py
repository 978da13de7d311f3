"""LeaderSession: soakwatch in the Locust process that leads the test, a master or a single process."""

import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import gevent
from locust.env import Environment
from locust.runners import STATE_MISSING, MasterRunner, Runner

from soakwatch.collector.guard import quietly
from soakwatch.collector.locust_counts import keep_when_serialised, requests_in_report
from soakwatch.collector.machine import machine_id
from soakwatch.collector.metadata import describe_run, new_run_id, source_of
from soakwatch.collector.options import with_options
from soakwatch.collector.reconciliation import Evidence, reconcile
from soakwatch.collector.recording import LoadNow, Recording
from soakwatch.collector.session import DRAIN_TIME, NO_RUN, Session
from soakwatch.collector.worker import RUN_IN_REPORT
from soakwatch.core.configuration import Configuration
from soakwatch.core.errors import StoreError
from soakwatch.core.run import Outcome, Reconciliation, Run, Tally
from soakwatch.core.window import Window
from soakwatch.store.contract import Point

logger = logging.getLogger(__name__)

POLL_INTERVAL = 0.2
"""Seconds between two looks at the store for the last records of the workers."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What the store and the spools know of a run; requests by source."""

    tallies: Sequence[Tally]
    stored: Mapping[str, int] = field(default_factory=dict)
    spooled: Mapping[str, int] = field(default_factory=dict)

    @property
    def final(self) -> set[str]:
        """The sources that have left their last record."""
        return {tally.source for tally in self.tallies if tally.final}

    def with_spooled(self, points: Sequence[Point], run: str) -> "_Known":
        """Add what waits in the spools."""
        tallies = [point for point in points if isinstance(point, Tally) and point.run == run]
        spooled: Counter[str] = Counter()
        for point in points:
            if isinstance(point, Window) and point.run == run:
                spooled[point.source] += point.count
        return replace(self, tallies=[*self.tallies, *tallies], spooled=spooled)


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
        logger.info("soakwatch records this test as run %s in %s", run.id, self.configuration.store.path)
        gevent.spawn(quietly(self.delivery.submit), [[run]])

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
        """Reconcile, write it down, and say so."""
        known = self._wait_for_workers(recording)
        result = reconcile(self._evidence(recording, known, now)) if known else None
        run = replace(
            self._runs[recording.run],
            end=recording.stopped_at or now,
            outcome=Outcome.FINISHED,
            reconciled=result,
        )
        self.delivery.submit([[run]])
        self.delivery.drain(DRAIN_TIME)
        self._announce(recording.run, result)

    def _evidence(self, recording: Recording, known: _Known, now: float) -> Evidence:
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

    def _wait_for_workers(self, recording: Recording) -> _Known | None:
        deadline = time.monotonic() + self.configuration.collector.quit_wait
        while True:
            try:
                known = self.delivery.in_database(lambda store: _Known(store.tallies(recording.run)))
            except StoreError as error:
                logger.warning("%s", error)
                return None
            # while the store takes nothing, the last records of the workers are in their spools
            silent = self._expected(recording) - known.final
            known = known.with_spooled(self.delivery.waiting_points(silent), recording.run)
            if not silent - known.final or time.monotonic() > deadline:
                return self._with_stored(known, recording)
            gevent.sleep(POLL_INTERVAL)

    def _with_stored(self, known: _Known, recording: Recording) -> _Known | None:
        try:
            return replace(known, stored=self.delivery.in_database(lambda store: store.requests_stored(recording.run)))
        except StoreError as error:
            logger.warning("%s", error)
            return None

    def _expected(self, recording: Recording) -> set[str]:
        if not isinstance(self.runner, MasterRunner):
            return set()
        missing = {source_of(client.id) for client in self.runner.clients.get_by_state(STATE_MISSING)}
        return recording.reporting - missing

    def _announce(self, run: str, result: Reconciliation | None) -> None:
        if result is None:
            logger.warning("run %s could not be reconciled: the store is not reachable", run)
        elif result.exact or not (result.unexplained or result.lost or result.silent_sources):
            logger.info("run %s: %s", run, result)
        else:
            logger.warning("run %s: %s", run, result)
