"""The contract of a ledger: what must happen exactly once, and what people decided."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from math import inf
from types import TracebackType
from typing import Self

from soakwatch.core.incident import Incident, Ruling


@dataclass(frozen=True, slots=True)
class Lease:
    """The right of one daemon to write, up to `expires` in seconds since the epoch.

    `fence` is greater than that of every lease before: with an older one nothing can be written.
    """

    holder: str
    fence: int
    expires: float


class LedgerReading(ABC):
    """What can be asked of a ledger, and of a transaction over it. All methods raise StoreUnavailable."""

    @abstractmethod
    def incidents(self, since: float = -inf) -> list[Incident]:
        """Those that are open, and those resolved at `since` or later; by first suspicion, then fingerprint."""

    @abstractmethod
    def incidents_named(self, beginning: str) -> list[Incident]:
        """Those whose fingerprint begins so, in the same order."""

    @abstractmethod
    def rulings(self, fingerprint: str) -> list[Ruling]:
        """All that people decided about an incident, in the order in which they did; the last one counts."""

    @abstractmethod
    def cursor(self, name: str) -> str:
        """How far the pass `name` has come, as it left it; "" at first."""

    @abstractmethod
    def remembered(self, prefix: str = "") -> dict[str, bytes]:
        """The parts of the engine's memory whose names begin with `prefix`."""

    @abstractmethod
    def lease(self) -> Lease | None:
        """The lease that was given last, perhaps long ago; None when there is none."""


class LedgerTransaction(LedgerReading):
    """What is written together: all of it, or nothing. It reads what it has written.

    All methods also raise StoreRefused for what will never be taken; after any error nothing of it is kept.
    """

    @abstractmethod
    def save(self, incidents: Iterable[Incident]) -> None:
        """Keep the incidents as they are now, all but their `ruling`: that is the last one that `rule` has logged.

        So a pass that began before somebody decided does not undo it.
        """

    @abstractmethod
    def drop(self, fingerprints: Iterable[str]) -> None:
        """Forget incidents; those about which somebody decided something stay."""

    @abstractmethod
    def rule(self, fingerprint: str, ruling: Ruling) -> None:
        """Log what somebody decided. Raises StoreRefused where there is no such incident."""

    @abstractmethod
    def set_cursor(self, name: str, position: str) -> None:
        """Remember how far the pass `name` has come."""

    @abstractmethod
    def remember(self, parts: Mapping[str, bytes]) -> None:
        """Keep parts of the engine's memory by name; the later one counts."""

    @abstractmethod
    def forget(self, names: Iterable[str]) -> None:
        """Forget parts of the engine's memory."""


class Ledger(LedgerReading):
    """Incidents, decisions, cursors and the engine's memory, for one daemon at work and any readers.

    Any text reads back equal. Several threads and processes may use it at once; transactions happen one after the
    other. All methods raise StoreUnavailable when a later try may succeed.
    """

    @abstractmethod
    def transaction(self, fence: int | None = None) -> AbstractContextManager[LedgerTransaction]:
        """Write together what is written inside; nothing, when an exception leaves it or the process ends.

        Raises LeaseLost when `fence` is not that of the last lease; without one the lease does not matter (people).
        Others wait for its end: compute first, then write.
        """

    @abstractmethod
    def acquire(self, holder: str, now: float, duration: float) -> Lease | None:
        """Give `holder` the lease for `duration` seconds; None while somebody else has it (`lease` says who).

        Who has it already is given a new one: whoever wrote with the old one is gone. A lease that ends more than two
        durations from `now` was given by a clock that has been set back since, and counts as expired.
        """

    @abstractmethod
    def renew(self, lease: Lease, now: float, duration: float) -> Lease:
        """Keep the lease for `duration` seconds from `now`. Raises LeaseLost when somebody else was given it."""

    @abstractmethod
    def release(self, lease: Lease) -> None:
        """Let the next daemon have it at once; nothing where it is lost already."""

    @abstractmethod
    def close(self) -> None:
        """Let go of connections and files."""

    def __enter__(self) -> Self:
        """Use as a context manager that closes."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()
