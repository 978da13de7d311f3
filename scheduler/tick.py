"""Ticks: what is done each minute, roll-ups first, then detection over them."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

from soakwatch.core.pass_account import PassName
from soakwatch.scheduler.accounting import Accounting
from soakwatch.scheduler.detection import Detection, Told
from soakwatch.scheduler.detection_report import DetectionReport
from soakwatch.store.contract import WindowStore
from soakwatch.store.roll_up_pass import RollUpReport, expire_rolled_up, roll_up_stored

Progress = Callable[[str, float, float], None]
"""Is told what is being done, how much of it is, and how much there is; may raise, to end the tick early."""


@dataclass(frozen=True, slots=True)
class TickReport:
    """What one tick did; `trouble` is what could not be shown of it."""

    roll_ups: RollUpReport
    detection: DetectionReport
    trouble: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RollUps:
    """Rolls up, and forgets what has expired, in `store`; `alone` keeps other such passes away meanwhile."""

    store: WindowStore
    alone: Callable[[], AbstractContextManager[None]]

    def keep(self, now: float, progress: Progress) -> RollUpReport:
        """Roll up what is due. Raises StoreUnavailable."""
        with self.alone():
            return roll_up_stored(self.store, now, partial(progress, "rolling up"))

    def expire(self, now: float) -> int:
        """Forget what has expired, and say how many points that were. Raises StoreUnavailable."""
        with self.alone():
            return expire_rolled_up(self.store, now)


@dataclass(frozen=True, slots=True)
class Ticker:
    """Does what is due over one store and one ledger; `unshown` says what could not be shown of it lately."""

    roll_ups: RollUps
    detection: Detection
    fence: Callable[[], int]
    accounting: Accounting
    unshown: Callable[[], Sequence[str]] = tuple

    def tick(
        self,
        now: float,
        progress: Progress = lambda _what, _done, _all: None,
        told: Told = lambda _changes: None,
    ) -> TickReport:
        """Do what is due at `now`, and give to `told` what changes as soon as it is noted.

        Raises StoreUnavailable, and LeaseLost when another daemon has taken over; the next tick goes on from where this
        one came to. Without roll-ups there is no detection: it would take for silence what is only not rolled up.
        """
        self.fence()
        arrivals = self.detection.arrivals(now)
        with self.accounting.of(PassName.ROLL_UP, now):
            rolled_up = self.roll_ups.keep(now, progress)
        with self.accounting.of(PassName.DETECTION, now) as account:
            detected = self.detection.detect(now, arrivals, partial(progress, "detecting"), self.fence, told)
            account.note_detection(detected)
        return TickReport(rolled_up, detected, tuple(self.unshown()))
