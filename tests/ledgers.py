"""The kinds of ledgers that the contract's tests run over, how any process opens one, and values to put in."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from postgresql_server import new_database
from sqlalchemy import make_url
from stores import CART

from soakwatch.core.deploy import Deploy
from soakwatch.core.incident import Finding, Incident, Kind, Ruling, RulingKind, Shape, State, Testimony
from soakwatch.core.span import Span
from soakwatch.core.verdict import Effect, Metric, Severity
from soakwatch.store.ledger import Ledger
from soakwatch.store.ledger_postgresql import postgresql_database
from soakwatch.store.ledger_sqlite import make_ledger_file, sqlite_database
from soakwatch.store.sql_ledger import SqlLedger


@dataclass(frozen=True)
class LedgerKind:
    """One kind of ledger: where a new one is for as long as a test lasts."""

    new: Callable[[Path, pytest.FixtureRequest], AbstractContextManager[str]]
    marks: Sequence[pytest.MarkDecorator] = ()


@contextmanager
def new_file(folder: Path, _request: pytest.FixtureRequest) -> Iterator[str]:
    yield str(folder / "soakwatch-ledger.db")


@contextmanager
def new_in_postgresql(_folder: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    with new_database(request.getfixturevalue("postgresql")) as url:
        yield url


LEDGERS = {
    "sqlite": LedgerKind(new_file),
    "postgresql": LedgerKind(new_in_postgresql, [pytest.mark.postgresql]),
}


def ledger_at(address: str, patience: float = 5.0) -> Ledger:
    """Open the ledger at a URL or in a file, made where there is none."""
    if address.startswith("postgresql:"):
        return SqlLedger.create(postgresql_database(make_url(address), patience))
    make_ledger_file(Path(address))
    return SqlLedger.create(sqlite_database(Path(address), patience))


def an_incident(
    fingerprint: str = "4bf92f3577b3", state: State = State.SUSPECT, suspected: float = 1000.25
) -> Incident:
    effect = Effect(0.2, 0.15, 0.25)
    said = (Testimony(1000.25, "fast", "p95 rose by 20 %"), Testimony(1300.5, "step", "since 16:40"))
    finding = Finding(
        *(CART, Metric.P95, Severity.WARNING, Shape.STEP, Span(900.125, 960.5)),
        *(100.1, 120.2, effect),
        per_day=effect,
        recovered=1200.0,
        evidence=said,
    )
    return Incident(
        *(fingerprint, "perf", "cart", Kind.LATENCY, state, suspected),
        *(Span(900.125, 960.5), Severity.WARNING, (finding, finding)),
        confirmed=1100.0,
        resolved=2000.0 if state is State.RESOLVED else None,
        deploy_before=Deploy("perf", "*", 890.0, "1.2", "4bf92f", "a release"),
    )


def a_ruling(reason: str = "a known issue", at: float = 1500.0) -> Ruling:
    return Ruling(RulingKind.IGNORE, at, reason, by="ada", until=9000.5)
