"""Ledger reading: questions to the tables of a ledger, and their answers as values."""

from abc import abstractmethod
from collections.abc import Sequence
from math import inf
from typing import Any

from sqlalchemy import Column, ColumnElement, Select, Text, and_, func, or_, select, type_coerce

from soakwatch.core.errors import StoreUnavailable
from soakwatch.core.incident import Incident, Ruling, State
from soakwatch.store import ledger_tables as tables
from soakwatch.store.ledger import Lease, LedgerReading
from soakwatch.store.ledger_records import decode_incident, decode_ruling
from soakwatch.store.ledger_text import encode_nul

Rows = Sequence[tuple[Any, ...]]

LAST_LEASE = select(tables.leases.c.holder, tables.leases.c.fence, tables.leases.c.expires)


class SqlReading(LedgerReading):
    """The questions of the contract; whoever has a connection to `address` answers them."""

    def __init__(self, address: str) -> None:
        self.address = address

    @abstractmethod
    def _rows(self, query: Select[Any]) -> Rows:
        """What the database answers. Raises StoreUnavailable and StoreRefused."""

    def incidents(self, since: float = -inf) -> list[Incident]:
        """Those that are open, and those resolved at `since` or later."""
        columns = tables.incidents.c
        resolved = func.coalesce(columns.resolved, columns.suspected)
        return self._incidents(or_(columns.state != State.RESOLVED, resolved >= since))

    def incidents_named(self, beginning: str) -> list[Incident]:
        """Those whose fingerprint begins so."""
        return self._incidents(_begins(tables.incidents.c.fingerprint, beginning))

    def _incidents(self, which: ColumnElement[bool]) -> list[Incident]:
        incidents, rulings = tables.incidents.c, tables.rulings.c
        counts = select(func.max(rulings.id)).group_by(rulings.fingerprint)
        query = (
            select(incidents.fingerprint, incidents.body, rulings.body)
            .select_from(tables.incidents)
            .outerjoin(tables.rulings, and_(rulings.fingerprint == incidents.fingerprint, rulings.id.in_(counts)))
            .where(which)
        )
        found = [self._incident(*row) for row in self._rows(query)]
        return sorted(found, key=lambda one: (one.suspected, one.fingerprint))

    def _incident(self, fingerprint: str, record: str, ruling: str | None) -> Incident:
        try:
            return decode_incident(record, ruling)
        except ValueError as error:
            raise StoreUnavailable(
                f"{self.address}: incident {fingerprint} cannot be read ({error}); was it written by a newer "
                "soakwatch? then upgrade this one"
            ) from error

    def rulings(self, fingerprint: str) -> list[Ruling]:
        """All that people decided about an incident, in order."""
        columns = tables.rulings.c
        query = select(columns.body).where(columns.fingerprint == fingerprint).order_by(columns.id)
        return [decode_ruling(record) for (record,) in self._rows(query)]

    def cursor(self, name: str) -> str:
        """How far the pass `name` has come."""
        found = self._rows(select(tables.cursors.c.position).where(tables.cursors.c.name == name))
        return str(found[0][0]) if found else ""

    def remembered(self, prefix: str = "") -> dict[str, bytes]:
        """The parts of the engine's memory whose names begin with `prefix`."""
        columns = tables.memory.c
        query = select(columns.name, columns.part).where(_begins(columns.name, prefix))
        return {name: bytes(part) for name, part in self._rows(query)}

    def lease(self) -> Lease | None:
        """The lease that was given last."""
        lease = self._lease(LAST_LEASE)
        return lease if lease.fence else None

    def _lease(self, query: Select[Any]) -> Lease:
        ((holder, fence, expires),) = self._rows(query)
        return Lease(holder, fence, expires)


def _begins(column: Column[Any], beginning: str) -> ColumnElement[bool]:
    code = encode_nul(beginning)
    return type_coerce(func.substr(column, 1, len(code)), Text) == code
