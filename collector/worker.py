"""WorkerSession: soakwatch in a Locust process that makes load for a master."""

import logging
import time
from typing import Any

import locust.log
from locust.exception import RPCError
from locust.runners import STATE_INIT, STATE_STOPPED

from soakwatch.collector.guard import quietly
from soakwatch.collector.interrupts import forgive_one_interrupt
from soakwatch.collector.locust_counts import Totals
from soakwatch.collector.machine import machine_id
from soakwatch.collector.recording import Recording
from soakwatch.collector.session import NO_RUN, Session
from soakwatch.core.store_settings import StoreKind

logger = logging.getLogger(__name__)

RUN_IN_REPORT = "soakwatch_run"
"""Key in a worker's report to its master: the run that the worker records."""


class WorkerSession(Session):
    """Records under the run that the master began, and sees to it that the master gets the last report."""

    def listen(self) -> None:
        """Follow the reports; leave in order when a signal ends this worker rather than the master."""
        events = self.environment.events
        events.report_to_master.add_listener(quietly(self._note_report))
        events.quitting.add_listener(quietly(self._leave))
        if self.runner.state != STATE_INIT or getattr(self.runner, "worker_state", STATE_INIT) != STATE_INIT:
            # a master that is running a test already tells a new worker to spawn as soon as it connects, before `init`
            quietly(self.begin)(time.time())

    def next_run(self, now: float) -> str:  # noqa: ARG002  (the leader's id has the time in it)
        """The master's run, unless this is another machine: an SQLite file serves only one."""
        options = self.environment.parsed_options
        run = getattr(options, "soakwatch_run", None) or NO_RUN
        master = getattr(options, "soakwatch_machine", None)
        if run == NO_RUN:
            logger.error("the master does not run soakwatch, so this worker records nothing; load the plugin there too")
        elif self.configuration.store.kind is StoreKind.SQLITE and master != machine_id():
            logger.error(
                "this worker runs on another machine than its master, and SQLite (%s) takes the workers of one machine "
                "only: its requests are not stored. Workers on several machines need InfluxDB",
                self.configuration.store.address,
            )
            return NO_RUN
        return str(run)

    def begun(self, now: float) -> None:
        """Nothing: the master writes the run down."""

    def conclude(self, recording: Recording, now: float) -> None:
        """Nothing: the master reconciles."""

    def last_totals(self, recording: Recording) -> Totals:
        """What was not reported before the next test begins never will be."""
        return recording.totals.cleared()

    def own_counts(self, recording: Recording) -> tuple[int, int]:
        """All that reached the entries of this process, and what it discarded."""
        return recording.totals.reached, recording.totals.discarded

    def _note_report(self, client_id: str, data: dict[str, Any], **_: Any) -> None:  # noqa: ARG002  (Locust's name)
        self.recording.counts.note_report(data.get("stats", ()))
        if self.recording.run != NO_RUN:
            data[RUN_IN_REPORT] = self.recording.run

    def _test_stopped(self, **_: Any) -> None:
        # Locust reports only when the master quits, and then within half a second: report before anything else
        self._report()
        if self.recording.run != NO_RUN:
            self.end_soon(self.recording)

    def _report(self) -> None:
        if not self.recording.counts.totals.standing:
            return
        data: dict[str, Any] = {}
        self.environment.events.report_to_master.fire(client_id=self.client_id, data=data)
        try:
            self.runner.send_message("stats", data)
        except RPCError as error:
            logger.warning("the last report did not reach the master: %s", error)

    def _leave(self, **_: Any) -> None:
        # a worker that gets a signal itself tells its master "quit", and the master then stops reading its reports
        unhandled = locust.log.unhandled_greenlet_exception
        if self.runner.state in {STATE_INIT, STATE_STOPPED}:
            forgive_one_interrupt()
        else:
            self.runner.stop()
        self._report()
        # this took time, in which a greenlet that the signal interrupted could come to change Locust's exit code
        locust.log.unhandled_greenlet_exception = unhandled
