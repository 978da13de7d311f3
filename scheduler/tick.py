"""Ticks: what is done each minute, roll-ups first, then detection over them, then the surfaces that show it."""

from collections.abc import Callable, Sequence
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

Surface = Callable[[float], Sequence[str]]
"""Brings a surface up to date at a moment, and gives sentences on what went wrong there; that ends no tick."""


@dataclass(frozen=True, slots=True)
class TickReport:
    """What one tick did; `expired` points are gone from the store. `trouble` is what went wrong with surfaces."""

    roll_ups: RollUpReport
    expired: int
    detection: DetectionReport
    trouble: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RollUps:
    """Rolls up and forgets what has expired in `store`; `alone` keeps other such passes away meanwhile."""

    store: WindowStore
    alone: Callable[[], AbstractContextManager[None]]

    def keep(self, now: float, progress: Progress) -> tuple[RollUpReport, int]:
        """Do what is due, and say how many points have expired. Raises StoreUnavailable."""
        with self.alone():
            return roll_up_stored(self.store, now, partial(progress, "rolling up")), expire_rolled_up(self.store, now)


class Ticker:
    """Does what is due over one store and one ledger."""

    def __init__(
        self,
        roll_ups: RollUps,
        detection: Detection,
        tenure: Tenure,
        accounting: Accounting,
        surfaces: Sequence[Surface] = (),
    ) -> None:
        """Do nothing yet."""
        self._roll_ups = roll_ups
        self._detection = detection
        self._tenure = tenure
        self._accounting = accounting
        self._surfaces = surfaces

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
        with self._accounting.of(PassName.ROLL_UP, now):
            rolled_up, expired = self._roll_ups.keep(now, progress)
        with self._accounting.of(PassName.DETECTION, now) as account:
            detected = self._detection.detect(now, arrivals, partial(progress, "detecting"), self._tenure.fence, told)
            account.note_detection(detected)
        trouble = tuple(sentence for bring_up_to_date in self._surfaces for sentence in bring_up_to_date(now))
        return TickReport(rolled_up, expired, detected, trouble)
