"""The alert book: Grafana's alerts as the ledger keeps them, by their fingerprints."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from pydantic import TypeAdapter, ValidationError

from soakwatch.core.alert import Alert
from soakwatch.store.ledger import LedgerReading, LedgerTransaction

_PREFIX = "grafana alert "
_KEPT = 30 * 86_400.0
"""Seconds for which an alert that has ended is known; its issue is closed long before."""

_UNHEARD = 3 * 86_400.0
"""Seconds after which an alert that is not repeated has ended, and nobody could tell: Grafana repeats each 4 hours."""

_RECORD = TypeAdapter(Alert)


def known_alerts(ledger: LedgerReading, now: float) -> list[Alert]:
    """All alerts that fire at `now`, and those that ended lately. Raises StoreUnavailable."""
    return [_ended_unheard(one, now) for _, one in sorted(_known(ledger).items())]


def note_alerts(work: LedgerTransaction, told: Iterable[Alert], now: float) -> None:
    """Keep what was told at `now`, the latest of each; forget those that ended long ago, also unheard.

    What is late changes nothing: an alert that began earlier, or that one fires which is known to have ended.
    """
    known = _known(work)
    for alert in told:
        before = known.get(alert.fingerprint)
        if before is None or _is_news(alert, before):
            known[alert.fingerprint] = replace(alert, heard=now)
    ends = {name: _ended_unheard(one, now).ended for name, one in known.items()}
    old = [name for name, end in ends.items() if end is not None and end < now - _KEPT]
    work.forget(f"{_PREFIX}{name}" for name in old)
    work.remember({f"{_PREFIX}{name}": _RECORD.dump_json(one) for name, one in known.items() if name not in old})


def _is_news(alert: Alert, before: Alert) -> bool:
    same_start = alert.started == before.started
    return alert.started > before.started or (same_start and (before.fires or not alert.fires))


def _ended_unheard(alert: Alert, now: float) -> Alert:
    return replace(alert, ended=alert.heard) if alert.fires and now - alert.heard > _UNHEARD else alert


def _known(ledger: LedgerReading) -> dict[str, Alert]:
    found: dict[str, Alert] = {}
    for record in ledger.remembered(_PREFIX).values():
        with suppress(ValidationError):  # another version wrote it; Grafana tells again of what fires
            alert = _RECORD.validate_json(record)
            found[alert.fingerprint] = alert
    return found
