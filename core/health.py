"""Health: how the way from Locust to the store is doing, in one process."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Health:
    """Delivery of one process at `at` (seconds since the epoch); counts are since the process started.

    In requests: `written` reached the store, `spooled` wait in the spool now, `dropped` are lost or refused. `retried`
    are tries to reach the store that failed. `lag` is the age in seconds of the oldest that waits, 0 when none does.
    """

    environment: str
    test: str
    source: str
    at: float
    written: int
    spooled: int
    dropped: int
    retried: int
    lag: float
