"""Tenure: the lease of this daemon on the ledger, kept for as long as it is at work."""

import logging
import os
import re
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from soakwatch.core.errors import LeaseLost, SoakwatchError, StoreUnavailable
from soakwatch.core.roll_up import MINUTE
from soakwatch.store.ledger import Lease, Ledger

logger = logging.getLogger(__name__)

_BEATS = 4
"""How often the lease is renewed, or tried for, within its duration."""

_RENEWED_AFTER = 1 / 5
"""Of its duration; a transaction that comes later renews it first."""


def this_process() -> str:
    """How the lease names this process: to people, and unlike any other.

    Containers may share hostname and process ids; what is in brackets tells from where its id can be seen, and a number
    drawn by lot.
    """
    return f"process {os.getpid()} on {socket.gethostname()} ({_neighbourhood()}-{secrets.token_hex(3)})"


class Tenure:
    """The lease of a ledger for `holder`, from `take` on. Several threads may use it at once.

    It lasts `duration` seconds and is renewed four times meanwhile (`beating`), so that of several daemons that look as
    often another has it at most five quarters of that after one has gone.
    """

    def __init__(
        self,
        ledger: Ledger,
        duration: float = MINUTE,
        holder: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Hold nothing yet."""
        self.holder = holder or this_process()
        self.beat = duration / _BEATS
        """Seconds between two looks at the lease."""
        self.waits_for = ""
        """The daemon that has the lease, where it is another one."""
        self._ledger = ledger
        self._duration = duration
        self._clock = clock
        self._lease: Lease | None = None
        self._lock = threading.Lock()

    @property
    def leads(self) -> bool:
        """Whether this daemon is the one that works, as far as can be told without asking the ledger."""
        lease = self._lease
        return lease is not None and self._clock() < lease.expires

    @property
    def may_be_followed(self) -> bool:
        """Whether another daemon may be at work by now: it is, or this one could not renew its lease for long."""
        lease = self._lease
        return lease is None or self._clock() > lease.expires + self._duration

    def take(self) -> None:
        """Take the lease, or keep it. Raises StoreUnavailable that names whoever else has it.

        A process of this machine that has ended without giving it back does not keep it until it expires.
        """
        with self._lock:
            if self._lease is not None and self._renewed():
                return
            try:
                other = self._acquired()
            except SoakwatchError:
                self.waits_for = ""  # whether that one still works is not known any more
                raise
            self.waits_for = other.holder if other is not None else ""
        if self._lease is None:
            raise StoreUnavailable(
                f"{other.holder if other else 'another daemon'} keeps this ledger; this one works when that has ended"
            )

    def fence(self) -> int:
        """What transactions show that they are in time. Raises LeaseLost when somebody else has taken over."""
        with self._lock:
            if self._lease is None:
                raise LeaseLost("another daemon has taken over, or the ledger did not answer for too long")
            if abs(self._lease.expires - self._clock() - self._duration) > _RENEWED_AFTER * self._duration:
                self._renew()
            return self._lease.fence

    def release(self) -> None:
        """Let the next one have it at once."""
        with self._lock:
            if self._lease is not None:
                self._ledger.release(self._lease)
                self._lease = None

    @contextmanager
    def beating(self, hears: Callable[[str], None] = lambda _why: None) -> Iterator[None]:
        """Take the lease, or try to, now and again and again in a thread while the block runs; then give it back.

        After each look `hears` is told why this daemon has no lease; nothing while it has it. A lease that cannot be
        given back expires by itself.
        """
        ended = threading.Event()
        self._look(hears)
        thread = threading.Thread(target=self._beat_until, args=(ended, hears), daemon=True, name="lease")
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(self.beat)
            with suppress(SoakwatchError):
                self.release()

    def _acquired(self) -> Lease | None:
        """Acquire the lease; gives that of whoever has it instead."""
        self._lease = self._ledger.acquire(self.holder, self._clock(), self._duration)
        other = self._ledger.lease() if self._lease is None else None
        if other is not None and _has_ended(other.holder):
            self._lease = self._inherited(other)
        return None if self._lease is not None else other

    def _beat_until(self, ended: threading.Event, hears: Callable[[str], None]) -> None:
        while not ended.wait(self.beat):
            try:
                self._look(hears)
            except Exception:  # a thread that ends would let the lease go for good
                logger.exception("soakwatch could not look at its lease, and will try again")

    def _look(self, hears: Callable[[str], None]) -> None:
        try:
            self.take()
        except SoakwatchError as error:
            hears(str(error))
        else:
            hears("")

    def _inherited(self, other: Lease) -> Lease | None:
        # in its name, which leaves it no fence to write with, should it not have ended after all
        left = self._ledger.acquire(other.holder, self._clock(), self._duration)
        if left is not None:
            self._ledger.release(left)
        return self._ledger.acquire(self.holder, self._clock(), self._duration)

    def _renewed(self) -> bool:
        try:
            self._renew()
        except LeaseLost:
            return False
        return True

    def _renew(self) -> None:
        if self._lease is None:
            return
        try:
            self._lease = self._ledger.renew(self._lease, self._clock(), self._duration)
        except LeaseLost:
            self._lease = None
            raise


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
