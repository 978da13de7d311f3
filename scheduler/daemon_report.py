"""Daemon reports: what a daemon says of itself in the ledger, for `soakwatch status` in another process."""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256

from pydantic import TypeAdapter, ValidationError

from soakwatch.scheduler.job_board import JobState
from soakwatch.scheduler.soak_state import SoakState
from soakwatch.store.ledger import LedgerReading, LedgerTransaction

_PREFIX = "daemon "
_FORGOTTEN = 86_400.0
"""Seconds after which a daemon that says nothing more is left out."""


@dataclass(frozen=True, slots=True)
class DaemonReport:
    """What the daemon `holder` said at `at`, in seconds since the epoch, `began` being when it was started.

    It works while it `leads`; otherwise it waits for the one that does. Its HTTP answers at `address`, if it does.
    """

    holder: str
    at: float
    began: float
    version: str
    leads: bool
    address: str = ""
    jobs: tuple[JobState, ...] = ()
    soaks: tuple[SoakState, ...] = ()


_RECORD = TypeAdapter(DaemonReport)


def write_report(work: LedgerTransaction, report: DaemonReport) -> None:
    """Keep what a daemon says, in place of what it said before; forget those that say nothing more."""
    known = _known(work)
    work.forget(name for name, one in known.items() if one.at < report.at - _FORGOTTEN)
    work.remember({_name(report.holder): _RECORD.dump_json(report)})


def forget_report(work: LedgerTransaction, holder: str) -> None:
    """Forget a daemon that has ended."""
    work.forget([_name(holder)])


def daemon_reports(ledger: LedgerReading) -> Collection[DaemonReport]:
    """What daemons said last, the newest first. Raises StoreUnavailable."""
    return sorted(_known(ledger).values(), key=lambda one: -one.at)


def _known(ledger: LedgerReading) -> dict[str, DaemonReport]:
    known = {}
    for name, record in ledger.remembered(_PREFIX).items():
        with suppress(ValidationError):  # a later version's
            known[name] = _RECORD.validate_json(record)
    return known


def _name(holder: str) -> str:
    return f"{_PREFIX}{sha256(holder.encode(errors='surrogatepass')).hexdigest()[:12]}"
