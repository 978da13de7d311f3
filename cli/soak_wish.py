"""A wish about a soak: given to the ledger, which the daemon obeys, and followed until it has come true."""

import time
from collections.abc import Callable

from soakwatch.core.configuration import Configuration
from soakwatch.core.errors import ServiceUnavailable, UsageError
from soakwatch.scheduler.daemon_report import DaemonReport, daemon_reports
from soakwatch.scheduler.soak_book import Wish, note_wish
from soakwatch.scheduler.soak_state import SOAKS_JOB, SoakState
from soakwatch.store.ledger import Ledger, LedgerReading

PATIENCE = 150.0
"""Seconds that are waited: the daemon looks every other second and says every quarter of a minute what it saw; Locust
may need a minute to begin, or to finish what it counts."""

_LOOKED_AFTER = 0.5


def require_known(configuration: Configuration, name: str) -> None:
    """Raise UsageError that lists the soaks there are, unless `name` is one."""
    names = [one.name for one in configuration.soak]
    if name not in names:
        known = f"there are {', '.join(names)}" if names else "add a [[soak]] entry to soakwatch.toml"
        raise UsageError(f"there is no soak {name!r}; {known}")


def working_report(ledger: LedgerReading) -> DaemonReport | None:
    """What the daemon that works said last; None while it has said nothing yet. Raises StoreUnavailable."""
    lease = ledger.lease()
    return next(
        (one for one in daemon_reports(ledger) if one.leads and lease is not None and one.holder == lease.holder), None
    )


def is_too_early(report: DaemonReport) -> bool:
    """Whether it was said before the daemon that had just begun has looked at its soaks."""
    return not report.soaks and any(job.name == SOAKS_JOB and not (job.rounds or job.failed) for job in report.jobs)


def note(ledger: Ledger, name: str, wish: Wish) -> None:
    """Give the wish to the ledger."""
    with ledger.transaction() as work:
        note_wish(work, name, wish)


def restarts_of(ledger: LedgerReading, name: str) -> int:
    """How often the soak was restarted, as the daemon said last."""
    report = working_report(ledger)
    return sum(one.restarts for one in report.soaks if one.name == name) if report is not None else 0


def follow(
    ledger: Ledger, name: str, wish: Wish, patience: float, show: Callable[[str], None], restarts: int = 0
) -> SoakState:
    """Wait until the wish has come true. Raises ServiceUnavailable where it does not, with what is wrong.

    Before the wish there were so many `restarts`: what went wrong then may be mended by now.
    """
    deadline = time.monotonic() + patience
    said = "the daemon has said nothing since"
    while time.monotonic() < deadline:
        report = working_report(ledger)
        if report is not None and report.at >= wish.at and not is_too_early(report):
            state = _told(report, name)
            if _is_true(state, wish):
                return state
            if state.trouble and state.restarts > restarts and not state.process and wish.wanted:
                raise ServiceUnavailable(f"the soak {name} does not run: {state.trouble}")
            said = state.trouble or ("it has begun no run yet" if wish.wanted else "it is still finishing")
            show(said)
        time.sleep(_LOOKED_AFTER)
    verb = "run" if wish.wanted else "end"
    raise ServiceUnavailable(f"the soak {name} did not {verb} within {patience:g} s: {said}")


def _told(report: DaemonReport, name: str) -> SoakState:
    state = next((one for one in report.soaks if one.name == name), None)
    if state is None:
        raise ServiceUnavailable(
            f"the daemon does not know the soak {name!r}: its configuration is an older one; restart it"
        )
    return state


def _is_true(state: SoakState, wish: Wish) -> bool:
    return state.wanted and bool(state.process and state.run) if wish.wanted else not (state.wanted or state.process)
