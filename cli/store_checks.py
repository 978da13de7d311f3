"""Store checks: what `soakwatch doctor` reads from the store, of either kind."""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from soakwatch.cli.findings import Check, Finding, State
from soakwatch.core.configuration import Configuration
from soakwatch.core.health import Health
from soakwatch.core.run import Run
from soakwatch.core.span import Span
from soakwatch.core.store_settings import StoreKind
from soakwatch.store.contract import WindowStore
from soakwatch.store.nanoseconds import from_nanoseconds
from soakwatch.store.opening import open_store
from soakwatch.store.roll_up_pass import NAME
from soakwatch.store.roll_up_position import RollUpPosition

LOOKED_BACK = 3600.0
"""Seconds of the pipeline's health that are looked at."""

LONG_LAG = 60.0
"""Seconds that windows may wait before somebody should know."""

TOLERATED_AHEAD = 2.0
"""Seconds by which the server's clock may be ahead of this one."""


def _store(configuration: Configuration) -> Iterator[Finding]:
    section = configuration.store
    if section.kind is StoreKind.SQLITE and not section.path.exists():
        yield Finding("store", State.OK, f"{section.path} is not there yet; the first run makes it")
        return
    with open_store(configuration) as store:
        store.write([])  # in SQLite as much as taking the lock: a file that cannot be written says so here
        runs = store.runs()
        yield Finding("store", State.OK, f"{section.address} holds {len(runs)} runs")
        yield from _reconciliation(runs)
        yield from _health(store)
        now, position = time.time(), RollUpPosition.decode(store.position(NAME))
        if section.kind is StoreKind.INFLUXDB:
            yield from position_findings(position.arrivals, now)
        not_rolled_up = position.arrived(store.arrivals(position.arrivals, now)).oldest
        yield roll_up_finding(not_rolled_up, store.retention.raw, now)


def _reconciliation(runs: Sequence[Run]) -> Iterator[Finding]:
    last = runs[-1].reconciled if runs else None
    if last is None:
        return
    message = f"run {runs[-1].id}: {last}"
    if last.lost or last.unexplained or last.silent_sources:
        yield Finding("reconciliation", State.WARNING, message, "see docs/reconciliation.md")
    else:
        yield Finding("reconciliation", State.OK, message)


def _health(store: WindowStore) -> Iterator[Finding]:
    now = time.time()
    latest = {point.source: point for point in store.health(Span(now - LOOKED_BACK, now + LOOKED_BACK))}
    if latest:
        yield delivery_finding(list(latest.values()))


def delivery_finding(latest: Sequence[Health]) -> Finding:
    """What the last word of each process says of the way from Locust to the store."""
    written, spooled, dropped, retried = (
        sum(getattr(point, name) for point in latest) for name in ("written", "spooled", "dropped", "retried")
    )
    lag = max(point.lag for point in latest)
    at = datetime.fromtimestamp(max(point.at for point in latest), UTC)
    message = (
        f"{len(latest)} processes in the last hour, until {at:%H:%M:%S} UTC: {written:,} requests written, "
        f"{spooled:,} waited, {dropped:,} lost or refused, {retried:,} tries failed, longest wait {lag:.0f} s"
    )
    if dropped:
        remedy = "docs/reconciliation.md says what is lost how; what was refused is in the spool's dead letters"
        return Finding("delivery", State.WARNING, message, remedy)
    if lag > LONG_LAG:
        remedy = "the store is slow or was away; `soakwatch spool status` says what waits"
        return Finding("delivery", State.WARNING, message, remedy)
    return Finding("delivery", State.OK, message)


def roll_up_finding(oldest: float, kept: float, now: float) -> Finding:
    """Whether roll-ups are made in time, before raw windows are gone.

    `oldest` is when the first window began that is not rolled up, inf when all are. `kept` is for how many seconds raw
    windows are.
    """
    if oldest > now:
        return Finding("roll-ups", State.OK, "everything is rolled up")
    since = f"not made of what was measured since {datetime.fromtimestamp(oldest, UTC):%Y-%m-%d %H:%M} UTC"
    if now - oldest < kept / 2:
        return Finding("roll-ups", State.OK, since)
    message = f"{since}, and raw windows are kept for {kept / 86_400:g} days only"
    return Finding("roll-ups", State.WARNING, message, "`soakwatch store roll-up`, oftener")


def position_findings(arrivals: str, now: float) -> Iterator[Finding]:
    """Whether InfluxDB's clock was set back after the last roll-up pass; `arrivals` is how far that came there."""
    ahead = from_nanoseconds(int(arrivals or 0)) - now
    if ahead > TOLERATED_AHEAD:
        message = f"the last pass came to a moment {ahead:.0f} s ahead of this clock: the server's was set back"
        remedy = "let NTP set both clocks; what arrived between may be missing in roll-ups, not in the raw windows"
        yield Finding("roll-ups' position", State.WARNING, message, remedy)


STORE_CHECK = Check("store", _store)
