"""The tables of the ledger, and the way from each version of them to the next."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    Connection,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    insert,
    inspect,
    select,
    update,
)

from soakwatch.core.errors import StoreUnavailable
from soakwatch.store.ledger_text import AnyText

TABLES = MetaData()

MIGRATIONS: tuple[tuple[str, ...], ...] = ()
"""Statements that lead from version i + 1 to i + 2, in words of both databases; never changed once released.

A new ledger begins with the newest tables, so that a change of them below is made twice: there, and here.
"""

_SERIALISED = "SELECT pg_advisory_xact_lock(1936679275)"
"""PostgreSQL lets two make the same table at once, and one of them fails; the number is `soak` in ASCII."""

versions = Table("ledger_version", TABLES, Column("version", Integer, nullable=False))

incidents = Table(
    "ledger_incidents",
    TABLES,
    Column("fingerprint", AnyText, primary_key=True),
    Column("environment", AnyText, nullable=False),
    Column("service", AnyText, nullable=False),
    Column("kind", AnyText, nullable=False),
    Column("state", AnyText, nullable=False, index=True),
    Column("suspected", Float(53), nullable=False),
    Column("resolved", Float(53), index=True),
    Column("body", Text, nullable=False),  # the whole incident as JSON, in ASCII
)

rulings = Table(
    "ledger_rulings",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("fingerprint", AnyText, ForeignKey(incidents.c.fingerprint), nullable=False, index=True),
    Column("kind", AnyText, nullable=False),
    Column("at", Float(53), nullable=False),
    Column("who", AnyText, nullable=False),
    Column("reason", AnyText, nullable=False),
    Column("body", Text, nullable=False),  # the whole ruling as JSON, in ASCII
)

cursors = Table(
    "ledger_cursors",
    TABLES,
    Column("name", AnyText, primary_key=True),
    Column("position", AnyText, nullable=False),
)

memory = Table(
    "ledger_memory",
    TABLES,
    Column("name", AnyText, primary_key=True),
    Column("part", LargeBinary, nullable=False),
)

leases = Table(
    "ledger_lease",
    TABLES,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True),
    Column("holder", AnyText, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("expires", Float(53), nullable=False),
)
"""One row: who writes. Every transaction locks it, so that they happen one after the other."""


def newest_version() -> int:
    """The version of the tables above."""
    return 1 + len(MIGRATIONS)


def version_of(connection: Connection, address: str) -> int:
    """Version of the tables that are there; 0 where there are none. Raises StoreUnavailable for a newer one."""
    if not inspect(connection).has_table(versions.name):
        return 0
    version = connection.execute(select(versions.c.version)).scalar_one()
    if version > newest_version():
        known = f"tables of version {version}, this one knows {newest_version()}"
        raise StoreUnavailable(f"{address} was written by a newer soakwatch ({known}); upgrade it")
    return int(version)


def bring_up(connection: Connection, address: str) -> None:
    """Make the tables, or bring them to this version, in the transaction that has begun.

    Whoever else tries it at the same time waits. Raises StoreUnavailable where it is an SQLite file of something else.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_SERIALISED)
    version = version_of(connection, address)
    if version:
        for statement in [one for step in MIGRATIONS[version - 1 :] for one in step]:
            connection.exec_driver_sql(statement)
        connection.execute(update(versions).values(version=newest_version()))
    else:
        if connection.dialect.name == "sqlite" and inspect(connection).get_table_names():
            raise StoreUnavailable(f"{address} is an SQLite file of something else; name another file as ledger.path")
        TABLES.create_all(connection, checkfirst=False)
        connection.execute(insert(versions).values(version=newest_version()))
        connection.execute(insert(leases).values(id=1, holder="", fence=0, expires=0.0))
