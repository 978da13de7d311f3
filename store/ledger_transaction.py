"""Ledger transaction: what is written together to the tables of a ledger."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Executable, Select, Table, bindparam, delete, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from soakwatch.core.errors import StoreError, StoreRefused
from soakwatch.core.incident import Incident, Ruling
from soakwatch.store import ledger_tables as tables
from soakwatch.store.ledger import Lease, LedgerTransaction
from soakwatch.store.ledger_errors import translated
from soakwatch.store.ledger_reading import LAST_LEASE, Rows, SqlReading
from soakwatch.store.ledger_records import encode_incident, encode_ruling

_Values = dict[str, Any]


class SqlTransaction(SqlReading, LedgerTransaction):
    """The writes of the contract over a `connection` on which a transaction has begun."""

    def __init__(self, connection: Connection, address: str) -> None:
        super().__init__(address)
        self._connection = connection
        self._trouble: StoreError | None = None

    def lock(self) -> Lease:
        """Wait for the other transactions of the ledger; the last lease."""
        return self._lease(LAST_LEASE.with_for_update())

    def commit(self) -> None:
        """Keep all of it. Raises what went wrong on the way, also where somebody has caught that: it is not whole."""
        if self._trouble is not None:
            raise self._trouble
        with translated(self.address):
            self._connection.commit()

    def save(self, incidents: Iterable[Incident]) -> None:
        """Keep the incidents as they are now, all but their `ruling`."""
        self._replace(tables.incidents, [_of_incident(incident) for incident in incidents])

    def drop(self, fingerprints: Iterable[str]) -> None:
        """Forget incidents about which nobody decided anything."""
        columns = tables.incidents.c
        ruled = select(tables.rulings.c.id).where(tables.rulings.c.fingerprint == columns.fingerprint).exists()
        statement = delete(tables.incidents).where(columns.fingerprint == bindparam("one"), ~ruled)
        self._each(statement, [{"one": fingerprint} for fingerprint in fingerprints])

    def rule(self, fingerprint: str, ruling: Ruling) -> None:
        """Log what somebody decided."""
        with self._noted():
            if not self._rows(select(tables.incidents.c.kind).where(tables.incidents.c.fingerprint == fingerprint)):
                raise StoreRefused(f"{self.address}: there is no incident {fingerprint!r} to decide about")
        told = {"kind": ruling.kind, "at": ruling.at, "who": ruling.by, "reason": ruling.reason}
        values = {"fingerprint": fingerprint, **told, "body": encode_ruling(ruling)}
        self._each(insert(tables.rulings), [values])

    def set_cursor(self, name: str, position: str) -> None:
        """Remember how far the pass `name` has come."""
        self._replace(tables.cursors, [{"name": name, "position": position}])

    def remember(self, parts: Mapping[str, bytes]) -> None:
        """Keep parts of the engine's memory by name."""
        self._replace(tables.memory, [{"name": name, "part": part} for name, part in parts.items()])

    def forget(self, names: Iterable[str]) -> None:
        """Forget parts of the engine's memory."""
        statement = delete(tables.memory).where(tables.memory.c.name == bindparam("one"))
        self._each(statement, [{"one": name} for name in names])

    def give(self, lease: Lease) -> None:
        """Let `lease` be the last one."""
        values = {"id": 1, "holder": lease.holder, "fence": lease.fence, "expires": lease.expires}
        self._replace(tables.leases, [values])

    def _replace(self, table: Table, rows: Sequence[_Values]) -> None:
        statement = self._insertion(table)
        changed = {column.name: statement.excluded[column.name] for column in table.columns if not column.primary_key}
        self._each(statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=changed), rows)

    def _insertion(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        # both have the same words for "insert or replace", but each its own function
        return sqlite.insert(table) if self._connection.dialect.name == "sqlite" else postgresql.insert(table)

    def _each(self, statement: Executable, rows: Sequence[_Values]) -> None:
        if rows:  # none would be one row of nothing
            with self._noted():
                self._connection.execute(statement, rows)

    def _rows(self, query: Select[Any]) -> Rows:
        with self._noted():
            return [tuple(row) for row in self._connection.execute(query)]

    @contextmanager
    def _noted(self) -> Iterator[None]:
        # SQLite would keep what went before and after a statement that failed, PostgreSQL nothing, without a word
        try:
            with translated(self.address):
                yield
        except StoreError as error:
            self._trouble = self._trouble or error
            raise


def _of_incident(incident: Incident) -> _Values:
    return {
        "fingerprint": incident.fingerprint,
        "environment": incident.environment,
        "service": incident.service,
        "kind": incident.kind,
        "state": incident.state,
        "suspected": incident.suspected,
        "resolved": incident.resolved,
        "body": encode_incident(incident),
    }
