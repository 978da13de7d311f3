"""Fences: how a pass shows that its daemon still has the lease."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from soakwatch.store.ledger import Ledger, LedgerTransaction

Fence = Callable[[], int | None]
"""Says which lease the next transaction belongs to; None where no lease matters."""


def unfenced() -> None:
    """For who works without a lease: people, and commands that do one pass."""


@dataclass(frozen=True, slots=True)
class FencedLedger:
    """A ledger that a pass writes to while nobody else has taken over. Both methods raise LeaseLost once somebody has.

    It is read as any other, by its `ledger`.
    """

    ledger: Ledger
    fence: Fence = unfenced

    def transaction(self) -> AbstractContextManager[LedgerTransaction]:
        """As the ledger's, by the lease that the daemon has now."""
        return self.ledger.transaction(self.fence())

    def check(self) -> None:
        """To be asked before each change elsewhere: GitHub and Grafana know no fence."""
        fence = self.fence()
        if fence is not None:
            with self.ledger.transaction(fence):
                pass
