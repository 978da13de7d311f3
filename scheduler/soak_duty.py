"""Soak duty: soaks are kept running while no other daemon may do so, and let go of when one may."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from soakwatch.scheduler.job import Stopping
from soakwatch.scheduler.soak_keeper import SoakKeeper
from soakwatch.scheduler.tenure import Tenure


@dataclass
class SoakDuty:
    """Lets `keeper` keep the soaks of this machine, for the daemon of `tenure`."""

    keeper: SoakKeeper
    tenure: Tenure
    _is_on: bool = field(default=False, init=False)

    def keep(self, now: float, stopping: Stopping) -> Sequence[str]:
        """Look after the soaks, or let go of them; gives what is wrong.

        While the ledger is away for a moment they go on: nobody else can have been given the lease. A daemon that only
        waits touches none: beside it, on the same machine, the one that works may keep them.
        """
        if not self.tenure.may_be_followed:
            self._is_on = True
            return self.keeper.keep(now, stopping)
        self.end()
        return ()

    def end(self) -> None:
        """Let go of them, if this daemon has kept them."""
        if self._is_on:
            self._is_on = False
            self.keeper.release()
