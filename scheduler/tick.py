"""Ticks: what is done each minute, roll-ups first, then detection over them."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

from soakwatch.core.pass_account import PassName
from soakwatch.scheduler.accounting import Accounting
from soakwatch.scheduler.detection import Detection, Told
from soakwatch.scheduler.detection_report import DetectionReport
from soakwatch.scheduler.tenure import Tenure
from soakwatch.store.contract import WindowStore
from soakwatch.store.roll_up_pass import RollUpReport, expire_rolled_up, roll_up_stored

Progress = Callable[[str, float, float], None]
"""Is told what is being done, how much of it is, and how much there is; may raise, to end the tick early."""


@dataclass(frozen=True, slots=True)
class TickReport:
    """What one tick did; `expired` points are gone from the store."""

    roll_ups: RollUpReport
    expired: int
    detection: DetectionReport


class Ticker:
    """Does what is due over one store and one ledger. `alone` keeps other roll-up passes away meanwhile."""

    def __init__(
        self,
        store: WindowStore,
        detection: Detection,
        tenure: Tenure,
        accounting: Accounting,
        alone: Callable[[], AbstractContextManager[None]],
    ) -> None:
        """Do nothing yet."""
        self._accounting = accounting
        self._store = store
        self._detection = detection
        self._tenure = tenure
        self._alone = alone

    def tick(
        self,
        now: float,
        progress: Progress = lambda _what, _done, _all: None,
        told: Told = lambda _changes: None,
    ) -> TickReport:
        """Do what is due at `now`, and give to `told` what changes as soon as it is noted.

        Raises StoreUnavailable; the next tick goes on from where this one came to. Without roll-ups there is no
        detection: it would take for silence what is only not rolled up.
        """
        self._tenure.take()
        arrivals = self._detection.arrivals(now)
        with self._accounting.of(PassName.ROLL_UP, now), self._alone():
            roll_ups = roll_up_stored(self._store, now, partial(progress, "rolling up"))
            expired = expire_rolled_up(self._store, now)
        with self._accounting.of(PassName.DETECTION, now) as account:
            detected = self._detection.detect(now, arrivals, partial(progress, "detecting"), self._tenure.fence, told)
            account.note_detection(detected)
        return TickReport(roll_ups, expired, detected)
