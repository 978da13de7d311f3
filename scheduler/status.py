"""Status: how all of soakwatch is at a moment, read from the ledger, the store and this machine's spool."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from soakwatch.collector.spool import Spool
from soakwatch.core.configuration import Configuration
from soakwatch.core.errors import SoakwatchError
from soakwatch.core.health import Health
from soakwatch.core.incident import Incident
from soakwatch.core.judgement import Judgement
from soakwatch.core.run import Run
from soakwatch.core.span import Span
from soakwatch.core.verdict import Metric
from soakwatch.core.window import LoadSample, Window
from soakwatch.scheduler.daemon_report import DaemonReport, daemon_reports
from soakwatch.scheduler.detection import Detection
from soakwatch.scheduler.detection_position import NAME, DetectionPosition
from soakwatch.store.contract import WindowStore
from soakwatch.store.ledger import Ledger

_LATELY = 120.0
"""Seconds: a test of which no window came for so long does not run; a window may be ten seconds, and late."""

_UNHEARD = 60.0
"""Seconds after which a daemon that says nothing more is not at work: it says something four times meanwhile."""


@dataclass(frozen=True, slots=True)
class RunningTest:
    """A test under way: its users, what it had of requests a second lately, and when its last window ended."""

    run: Run
    users: int
    per_second: float
    seen: float


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the store has not taken, or will never take.

    Bytes in this machine's spool; requests that load generators told of, the oldest of which is `lag` seconds old; and
    requests that they have lost.
    """

    size: int = 0
    requests: int = 0
    lag: float = 0.0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Status:
    """Everything at `at`, in seconds since the epoch; `judged` is up to when the detector has looked, None for never.

    `normal` has what is said of the 95th percentile of each endpoint, the worst first. `trouble` says what could not
    be read.
    """

    at: float
    environment: str
    daemons: Sequence[DaemonReport] = ()
    incidents: Sequence[Incident] = ()
    judged: float | None = None
    normal: Sequence[Judgement] = ()
    tests: Sequence[RunningTest] = ()
    waiting: Waiting = Waiting()
    trouble: Sequence[str] = ()

    @property
    def daemon(self) -> DaemonReport | None:
        """The one that is at work; None where there is none."""
        return next((one for one in self._heard if one.leads), None)

    @property
    def others(self) -> Sequence[DaemonReport]:
        """Those that were heard of lately, besides the one that is at work."""
        return [one for one in self._heard if one is not self.daemon]

    @property
    def _heard(self) -> Sequence[DaemonReport]:
        return [one for one in self.daemons if self.at - one.at < _UNHEARD]


def status_of_ledger(ledger: Ledger, environment: str, now: float) -> Status:
    """What the ledger knows. Raises StoreUnavailable."""
    position = DetectionPosition.decode(ledger.cursor(NAME))
    incidents = [one for one in ledger.incidents(now) if one.is_open]
    judged = None if position is None else position.until
    return Status(now, environment, tuple(daemon_reports(ledger)), tuple(incidents), judged)


def status_of_store(known: Status, store: WindowStore, detection: Detection) -> Status:
    """With what the store has of the tests that run, and what is said of it. Raises StoreError."""
    lately = Span(known.at - _LATELY, known.at + _LATELY)
    health = _newest(store.health(lately))
    waiting = replace(
        known.waiting,
        requests=sum(one.spooled for one in health),
        lag=max((one.lag for one in health), default=0.0),
        dropped=sum(one.dropped for one in health),
    )
    tests = _running(store.runs(), list(store.windows_between(lately)), list(store.load_between(lately)))
    tails = [one for one in detection.judgements(known.at) if one.metric is Metric.P95]
    tails.sort(key=lambda one: (-one.rank, one.series))
    return replace(known, tests=tuple(tests), waiting=waiting, normal=tuple(tails))


def status_of_machine(known: Status, configuration: Configuration) -> Status:
    """With what waits in the spool of this machine."""
    folder = configuration.store.spool_folder
    try:
        size = Spool.size_of_all(folder)
    except OSError as error:
        return in_trouble(known, f"the spool in {folder} cannot be read: {error}")
    return replace(known, waiting=replace(known.waiting, size=size))


def in_trouble(known: Status, error: SoakwatchError | str) -> Status:
    """With a sentence on what could not be read."""
    return replace(known, trouble=(*known.trouble, str(error)))


def _newest(health: Iterable[Health]) -> Collection[Health]:
    return {one.source: one for one in health}.values()


def _running(runs: Sequence[Run], windows: Sequence[Window], load: Sequence[LoadSample]) -> list[RunningTest]:
    found = []
    for run in runs:
        mine = [window for window in windows if window.run == run.id]
        if run.end is not None or not mine:
            continue
        newest = max(window.start + window.width for window in mine)
        length = newest - min(window.start for window in mine)
        users = {one.source: one.users for one in load if one.run == run.id}  # the last one of each process counts
        found.append(
            RunningTest(run, sum(users.values()), sum(window.count for window in mine) / max(length, 1.0), newest)
        )
    return found
