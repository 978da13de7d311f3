"""Annotation memory: which annotations of one Grafana were written once, so that what people delete stays deleted."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from soakwatch.store.ledger import LedgerReading, LedgerTransaction

_MADE, _GONE = "made", "gone"
_KEPT = 90 * 86_400.0
"""Seconds for which something is remembered that no pass wants any more: several may look back differently far."""


@dataclass(frozen=True, slots=True)
class AnnotationMemory:
    """The place of the Grafana at `url` in the ledger. Without it nothing is written twice; deleted ones come back."""

    url: str

    def made(self, ledger: LedgerReading) -> frozenset[str]:
        """Identities of those that were written, and were not missed since."""
        return frozenset(identity for identity, (state, _) in self._known(ledger).items() if state == _MADE)

    def gone(self, ledger: LedgerReading) -> frozenset[str]:
        """Identities of those that people have deleted."""
        return frozenset(identity for identity, (state, _) in self._known(ledger).items() if state == _GONE)

    def old(self, ledger: LedgerReading, wanted: Collection[str], now: float) -> frozenset[str]:
        """Identities that need not be remembered any more."""
        known = self._known(ledger).items()
        return frozenset(identity for identity, (_, at) in known if identity not in wanted and now - at > _KEPT)

    def keep_made(self, work: LedgerTransaction, identities: Iterable[str], now: float) -> None:
        """Remember that they are there."""
        work.remember({self._name + identity: _written(_MADE, now) for identity in identities})

    def keep_gone(self, work: LedgerTransaction, identity: str, now: float) -> None:
        """Remember that somebody deleted one."""
        work.remember({self._name + identity: _written(_GONE, now)})

    def forget(self, work: LedgerTransaction, identities: Iterable[str]) -> None:
        """Forget what is known of some: as if they had never been written."""
        work.forget([self._name + identity for identity in identities])

    def _known(self, ledger: LedgerReading) -> dict[str, tuple[str, float]]:
        parts = ledger.remembered(self._name)
        return {name.removeprefix(self._name): _read(known) for name, known in parts.items()}

    @property
    def _name(self) -> str:
        return f"grafana {self.url} "


def _written(state: str, at: float) -> bytes:
    return f"{state} {at:.0f}".encode()


def _read(known: bytes) -> tuple[str, float]:
    state, _, at = known.decode(errors="replace").partition(" ")
    return state, float(at) if at.isdigit() else 0.0
