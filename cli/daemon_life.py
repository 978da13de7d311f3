"""Daemon life: whether a daemon is at work, told by the lease that it renews while it works."""

import time

from soakwatch.cli.terminal import notes
from soakwatch.core.configuration import Configuration
from soakwatch.core.errors import StoreUnavailable
from soakwatch.store.ledger import LedgerReading
from soakwatch.store.ledger_opening import open_ledger


def tell_whether_alive(configuration: Configuration) -> None:
    """Say who is at work on the ledger. Raises StoreUnavailable when nobody is."""
    with open_ledger(configuration) as ledger:
        holder = who_works(ledger, time.time())
    notes.print(f"{holder} is at work", markup=False, soft_wrap=True)


def who_works(ledger: LedgerReading, now: float) -> str:
    """The daemon that is at work on the ledger. Raises StoreUnavailable when none is."""
    lease = ledger.lease()
    if lease is None or lease.expires < now:
        raise StoreUnavailable("no daemon is at work on this ledger; `soakwatch watch` is one")
    return lease.holder
