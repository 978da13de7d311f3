"""Session: soakwatch in one Locust process, from `init` to `quit`."""

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any
from uuid import uuid4

import gevent
from gevent.lock import RLock
from locust.env import Environment
from locust.runners import Runner

from soakwatch.collector.cpu_meter import CpuMeter
from soakwatch.collector.delivery import Delivery
from soakwatch.collector.guard import quietly
from soakwatch.collector.interrupts import deliver_interrupts_in_order
from soakwatch.collector.locust_counts import LocustCounts, Totals, watch_resets
from soakwatch.collector.metadata import source_of, test_name
from soakwatch.collector.naming import Naming
from soakwatch.collector.options import with_options
from soakwatch.collector.punctuality import Punctuality
from soakwatch.collector.recorder import Hook, Recorder, RecorderSettings, make_hook
from soakwatch.collector.recording import LoadNow, Recording
from soakwatch.core.configuration import Configuration
from soakwatch.core.health import Health
from soakwatch.core.run import Tally
from soakwatch.core.store_settings import StoreSection
from soakwatch.store.contract import Point
from soakwatch.store.opening import create_store

logger = logging.getLogger(__name__)

STORE_PATIENCE = 1.0
"""Seconds that a write waits for other processes before the windows go on waiting in the spool."""

DRAIN_TIME = 5.0
"""Seconds that the end of a run gives its last windows to reach the store."""

_LOCUSTS_OWN = "Runner.__init__.<locals>.on_request"

NO_RUN = ""
"""The run of requests made before the first test began: Locust clears them away, so nothing is stored."""


class Session(ABC):
    """What master, worker and single process have in common: a recorder, a flusher, and an orderly end."""

    def __init__(self, environment: Environment, runner: Runner, configuration: Configuration) -> None:
        """Prepare for `environment`; nothing is opened yet."""
        self.environment = environment
        self.runner = runner
        self.configuration = configuration
        # a master has no client id, as it is nobody's client
        self.client_id: str = getattr(runner, "client_id", None) or f"master_{uuid4().hex}"
        self.source = source_of(self.client_id)
        lasting = configuration.model_copy(update={"store": _wherever_we_are(configuration.store)})
        self.delivery = Delivery(
            partial(create_store, lasting, STORE_PATIENCE),
            lasting.store.spool_folder,
            self.source,
            configuration.collector.spool_limit,
        )
        self.recording = self._new_recording(NO_RUN)
        self._hook, self._use = make_hook(self.recording.recorder, time.time)
        self._flushing = RLock()
        self._cpu = CpuMeter()
        self._punctuality = Punctuality()
        self._ending: list[gevent.Greenlet] = []
        self._quitting: gevent.Greenlet | None = None
        self.windows_closed = 0

    def start(self) -> None:
        """Listen to Locust, and begin to flush."""
        deliver_interrupts_in_order()
        events = self.environment.events
        _insert_behind_locusts_own(events.request._handlers, self._hook)  # noqa: SLF001  (decision 0003)
        watch_resets(self.environment.stats, quietly(self._before_reset), quietly(self._before_clear))
        events.test_stop.add_listener(quietly(self._test_stopped))
        events.quit.add_listener(quietly(self._quit))
        self.listen()
        self.delivery.start()
        self._punctuality.start()
        gevent.spawn(self._flush_for_ever)

    @abstractmethod
    def listen(self) -> None:
        """Add the listeners of this kind of process."""

    @abstractmethod
    def next_run(self, now: float) -> str:
        """The id of the run that begins; NO_RUN when this process must not record it."""

    @abstractmethod
    def begun(self, now: float) -> None:
        """Do what follows when a run has begun."""

    @abstractmethod
    def own_counts(self, recording: Recording) -> tuple[int, int]:
        """Requests that reached Locust's entries in this process, and those of them that it discarded itself."""

    @abstractmethod
    def _test_stopped(self, **_: Any) -> None:
        """React to the end of a test."""

    @abstractmethod
    def conclude(self, recording: Recording, now: float) -> None:
        """Do what follows when the last window of a run is on its way."""

    def _before_reset(self) -> None:
        self.recording.counts.note_discard()

    def _before_clear(self) -> None:
        self.begin(time.time())

    def begin(self, now: float) -> None:
        """Begin to record another run, and end the one before."""
        previous, self.recording = self.recording, self._new_recording(self.next_run(now))
        self.recording.dropped_before = self.delivery.dropped
        self._use(self.recording.recorder)
        previous.close(self.last_totals(previous))
        if previous.run != NO_RUN:
            self.end_soon(previous)
        self.begun(now)

    def last_totals(self, recording: Recording) -> Totals:
        """What Locust says of a run, now that it is about to clear it away."""
        return recording.totals

    def _new_recording(self, run: str) -> Recording:
        effective = with_options(self.configuration, self.environment.parsed_options)
        collector = effective.collector
        settings = RecorderSettings(run, self.source, collector.window, collector.max_series, collector.max_error_kinds)
        naming = Naming(
            effective.environment,
            test_name(effective, self.environment),
            self.environment.host or "",
            effective.service,
        )
        return Recording(run, Recorder(settings, naming, time.time()), LocustCounts(self.environment.stats))

    def _flush_for_ever(self) -> None:
        while True:
            recording = self.recording
            gevent.sleep(max(0.05, recording.recorder.time_left(time.time())))
            if recording is self.recording:
                quietly(self._flush)(recording)

    def _flush(self, recording: Recording) -> None:
        # taken between two tests as well, so that it does not pile up there
        load = LoadNow(self.runner.user_count, self._cpu.read(), self._punctuality.take())
        if recording.ended:
            self._end(recording)  # requests that came late; without any, this does nothing
            return
        running = recording.stopped_at is None
        if not running and not recording.has_news:
            return
        with self._flushing:
            now = time.time()
            steps = recording.windows(now, self.load_of_this_process(load) if running else None)
            if recording.run == NO_RUN:
                _discard(steps)
                return
            self.delivery.submit(self._with_counts(steps, recording, now))
            self.windows_closed += 1

    def _with_counts(
        self, windows: Iterable[Sequence[Point]], recording: Recording, now: float
    ) -> Iterator[Sequence[Point]]:
        # as it is before: the windows that are closed now do not wait for anything yet
        health = self.health(recording, now)
        yield from windows
        yield [self.tally(recording, now), health]

    def load_of_this_process(self, load: LoadNow | None) -> LoadNow | None:
        """`load` where this process makes load itself."""
        return load

    def tally(self, recording: Recording, now: float) -> Tally:
        """What this process counted in a run so far."""
        reached, reset = self.own_counts(recording)
        return recording.tally(now, reached, reset, self.delivery.dropped)

    def health(self, recording: Recording, now: float) -> Health:
        """How delivery is doing in this process."""
        naming, delivery = recording.recorder.naming, self.delivery
        return Health(
            environment=naming.environment,
            test=naming.test,
            source=self.source,
            at=now,
            written=delivery.written,
            spooled=delivery.waiting,
            dropped=delivery.dropped,
            retried=delivery.retried,
            lag=delivery.age_of_oldest(now),
        )

    def end_soon(self, recording: Recording) -> None:
        """End a recording in the background."""
        self._ending = [greenlet for greenlet in self._ending if not greenlet.dead]
        self._ending.append(gevent.spawn(quietly(self._end), recording))

    def _end(self, recording: Recording) -> None:
        with self._flushing:
            if recording.ended and not recording.has_news:
                return
            now = time.time()
            recording.stopped_at = recording.stopped_at or now
            recording.ended = True
            self.delivery.submit(recording.windows(now, None))
            self.delivery.submit([[self.tally(recording, now)]])
        if recording.recorder.over_guard:
            logger.warning("%d requests were counted together as the endpoint 'other'", recording.recorder.over_guard)
        # without the lock: what follows may take seconds, and the next test's windows close on time
        drained = self.delivery.drain(DRAIN_TIME)
        self.delivery.submit([[self.health(recording, time.time())]])
        if drained:
            self.delivery.drain(DRAIN_TIME)
        self.conclude(recording, now)

    def _quit(self, **_: Any) -> None:
        # SIGTERM fires `quit` twice at once; the second one ends the process, so it waits for the first
        if self._quitting is None:
            self._quitting = gevent.spawn(quietly(self._end_all))
        self._quitting.join()

    def _end_all(self) -> None:
        if self.recording.run != NO_RUN:
            self._end(self.recording)
        gevent.joinall(self._ending)
        emptied = self.delivery.close()
        if self.delivery.waiting or not emptied:
            logger.warning(
                "%s in %s; the next run delivers them, or `soakwatch spool replay`",
                f"{self.delivery.waiting} requests wait"
                if self.delivery.waiting
                else "the last records of the run wait",
                self.configuration.store.spool_folder,
            )


def _wherever_we_are(store: StoreSection) -> StoreSection:
    """The same with absolute paths: somebody may change the working directory."""
    paths = {"path": store.path, "spool": store.spool_folder, "token_file": store.token_file}
    return store.model_copy(update={name: path.absolute() for name, path in paths.items() if path is not None})


def _insert_behind_locusts_own(handlers: list[Callable[..., None]], hook: Hook) -> None:
    # directly behind, so that no other listener that yields or raises StopUser can come between what Locust counts
    # and what we count
    own = [i for i, handler in enumerate(handlers) if _name_of(handler) == _LOCUSTS_OWN]
    handlers.insert(own[-1] + 1 if own else len(handlers), hook)


def _name_of(handler: object) -> str:
    return getattr(handler, "__qualname__", "")


def _discard(steps: Iterable[object]) -> None:
    for _ in steps:
        pass
