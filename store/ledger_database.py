"""Ledger database: the engine of a ledger, and what its place is called."""

from dataclasses import dataclass

from sqlalchemy import Connection, Engine


@dataclass(frozen=True, slots=True)
class LedgerDatabase:
    """An engine, and what people call the place that it leads to, without any secret."""

    engine: Engine
    address: str

    def begin(self, connection: Connection) -> None:
        """Begin a transaction that will write: SQLite would else find out late that another one is at work."""
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
