"""Tenure: the lease of this daemon on the ledger, kept for as long as it is at work."""

import os
import re
import secrets
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from soakwatch.core.errors import StoreUnavailable
from soakwatch.store.ledger import Lease, Ledger

DURATION = 150.0
"""Seconds after which another daemon may take over from one that says nothing more: two ticks and a half."""

_RENEWED_AFTER = 1 / 5
"""Of its duration; a transaction that comes later renews it first."""


def this_process() -> str:
    """How the lease names this process: to people, and unlike any other.

    Containers may share hostname and process ids; what is in brackets tells from where its id can be seen, and a number
    drawn by lot.
    """
    return f"process {os.getpid()} on {socket.gethostname()} ({_neighbourhood()}-{secrets.token_hex(3)})"


class Tenure:
    """Holds the lease of a ledger for `holder`, from `take` on."""

    def __init__(self, ledger: Ledger, holder: str | None = None, clock: Callable[[], float] = time.time) -> None:
        """Hold nothing yet."""
        self._ledger = ledger
        self._holder = holder or this_process()
        self._clock = clock
        self._lease: Lease | None = None

    def take(self) -> None:
        """Take the lease, or keep it. Raises StoreUnavailable that names whoever else has it.

        A process of this machine that has ended without giving it back does not keep it until it expires.
        """
        self._lease = self._ledger.acquire(self._holder, self._clock(), DURATION)
        other = self._ledger.lease() if self._lease is None else None
        if other is not None and _has_ended(other.holder):
            # in its name, which leaves it no fence to write with, should it not have ended after all
            left = self._ledger.acquire(other.holder, self._clock(), DURATION)
            if left is not None:
                self._ledger.release(left)
            self._lease = self._ledger.acquire(self._holder, self._clock(), DURATION)
        if self._lease is None:
            raise StoreUnavailable(
                f"{other.holder if other else 'another daemon'} keeps this ledger; this one works when that has ended"
            )

    def fence(self) -> int:
        """What transactions show that they are in time. Raises LeaseLost when somebody else has taken over."""
        if self._lease is None:
            raise RuntimeError("the lease is to be taken first")
        now = self._clock()
        if abs(self._lease.expires - now - DURATION) > _RENEWED_AFTER * DURATION:
            self._lease = self._ledger.renew(self._lease, now, DURATION)
        return self._lease.fence

    def release(self) -> None:
        """Let the next one have it at once."""
        if self._lease is not None:
            self._ledger.release(self._lease)
            self._lease = None


def _has_ended(holder: str) -> bool:
    named = re.fullmatch(r"process (\d+) on (.+) \((\w*)-\w+\)", holder)
    if named is None or named[2] != socket.gethostname() or named[3] != _neighbourhood():
        return False
    if int(named[1]) == os.getpid():
        return True  # it had the id that this process has now
    try:
        os.kill(int(named[1]), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False


def _neighbourhood() -> str:
    """Stands for the processes that can be seen from here: those of one start of a machine, in one container."""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        return sha256(f"{boot}{Path('/proc/self/ns/pid').readlink()}".encode()).hexdigest()[:6]
    return ""
