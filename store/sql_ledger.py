"""The ledger in a relational database: SQLite, or PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Self

from sqlalchemy import Select

from soakwatch.core.errors import LeaseLost, StoreUnavailable
from soakwatch.store import ledger_tables as tables
from soakwatch.store.ledger import Lease, Ledger, LedgerTransaction
from soakwatch.store.ledger_database import LedgerDatabase
from soakwatch.store.ledger_errors import translated
from soakwatch.store.ledger_postgresql import check_encoding
from soakwatch.store.ledger_reading import Rows, SqlReading
from soakwatch.store.ledger_transaction import SqlTransaction


class SqlLedger(SqlReading, Ledger):
    """A ledger in any database whose words SQLAlchemy knows; every call has a connection of its own."""

    def __init__(self, database: LedgerDatabase) -> None:
        """Use `create` or `open` instead."""
        super().__init__(database.address)
        self._database = database

    @classmethod
    def create(cls, database: LedgerDatabase) -> Self:
        """Open the ledger there, made anew or brought to this version of the tables where need be.

        Raises StoreUnavailable when it cannot be used.
        """
        with _disposed_in_trouble(database):
            if _version_of(database) != tables.newest_version():
                _bring_up(database)
        return cls(database)

    @classmethod
    def open(cls, database: LedgerDatabase) -> Self:
        """Open a ledger that exists. Raises StoreUnavailable when it does not, or cannot be used."""
        with _disposed_in_trouble(database):
            if not _version_of(database):
                raise StoreUnavailable(f"there is no ledger at {database.address} yet; `soakwatch watch` makes one")
        return cls.create(database)

    @contextmanager
    def transaction(self, fence: int | None = None) -> Iterator[LedgerTransaction]:
        """Write together what is written inside, or nothing."""
        with self._work() as work:
            last = work.lock()
            if fence not in {None, last.fence}:
                raise _lost(self.address, last)
            yield work
            work.commit()

    def acquire(self, holder: str, now: float, duration: float) -> Lease | None:
        """Give `holder` the lease for `duration` seconds, unless somebody else has it."""
        with self._work() as work:
            last = work.lock()
            if last.holder != holder and now < last.expires <= now + 2 * duration:
                return None
            lease = Lease(holder, last.fence + 1, now + duration)
            work.give(lease)
            work.commit()
            return lease

    def renew(self, lease: Lease, now: float, duration: float) -> Lease:
        """Keep the lease for `duration` seconds from `now`."""
        with self._work() as work:
            last = work.lock()
            # numbers begin again in a ledger that was made anew
            if (last.fence, last.holder) != (lease.fence, lease.holder):
                raise _lost(self.address, last)
            longer = replace(lease, expires=now + duration)
            work.give(longer)
            work.commit()
            return longer

    def release(self, lease: Lease) -> None:
        """Let the next daemon have it at once."""
        with self._work() as work:
            last = work.lock()
            if (last.fence, last.holder) == (lease.fence, lease.holder):
                work.give(replace(lease, expires=0.0))
                work.commit()

    def close(self) -> None:
        """Let go of all connections."""
        self._database.engine.dispose()

    def _rows(self, query: Select[Any]) -> Rows:
        with translated(self.address), self._database.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(query)]

    @contextmanager
    def _work(self) -> Iterator[SqlTransaction]:
        with translated(self.address):
            connection = self._database.engine.connect()
        with connection:  # which forgets what was not committed
            with translated(self.address):
                self._database.begin(connection)
            yield SqlTransaction(connection, self.address)


def _version_of(database: LedgerDatabase) -> int:
    with translated(database.address), database.engine.connect() as connection:
        return tables.version_of(connection, database.address)


def _bring_up(database: LedgerDatabase) -> None:
    with translated(database.address), database.engine.connect() as connection:
        database.begin(connection)
        check_encoding(connection, database.address)
        tables.bring_up(connection, database.address)
        connection.commit()


@contextmanager
def _disposed_in_trouble(database: LedgerDatabase) -> Iterator[None]:
    try:
        yield
    except BaseException:
        database.engine.dispose()  # nobody has a ledger yet that could be closed
        raise


def _lost(address: str, last: Lease) -> LeaseLost:
    return LeaseLost(f"{address}: {last.holder} has taken over since; what this daemon would write is out of date")
