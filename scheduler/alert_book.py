"""The alert book: Grafana's alerts as the ledger keeps them, by their fingerprints."""

from collections.abc import Iterable

from pydantic import TypeAdapter

from soakwatch.core.alert import Alert
from soakwatch.store.ledger import LedgerReading, LedgerTransaction

_PREFIX = "grafana alert "
_KEPT = 30 * 86_400.0
"""Seconds for which an alert that has ended is known; its issue is closed long before."""

_RECORD = TypeAdapter(Alert)


def known_alerts(ledger: LedgerReading) -> list[Alert]:
    """All alerts that fire, and those that ended lately. Raises StoreUnavailable."""
    return [_RECORD.validate_json(record) for _, record in sorted(ledger.remembered(_PREFIX).items())]


def note_alerts(work: LedgerTransaction, told: Iterable[Alert], now: float) -> None:
    """Keep what was told, the latest of each; forget those that ended long ago.

    What ends an alert that began before the one that is known is late, and changes nothing.
    """
    known = {one.fingerprint: one for one in known_alerts(work)}
    for alert in told:
        before = known.get(alert.fingerprint)
        if before is None or alert.started >= before.started:
            known[alert.fingerprint] = alert
    old = [name for name, one in known.items() if one.ended is not None and one.ended < now - _KEPT]
    work.forget(f"{_PREFIX}{name}" for name in old)
    work.remember({f"{_PREFIX}{name}": _RECORD.dump_json(one) for name, one in known.items() if name not in old})
