"""A ledger in PostgreSQL: connected so that nobody waits for ever, where several daemons share it."""

from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, create_engine, event

from soakwatch.core.errors import ConfigurationError, StoreUnavailable
from soakwatch.store.ledger_database import LedgerDatabase
from soakwatch.store.sqlite_file import PATIENCE

if TYPE_CHECKING:
    import psycopg  # an extra: `soakwatch[postgresql]`

_DEFAULTS: dict[str, Any] = {
    "connect_timeout": 10,
    "tcp_user_timeout": 20_000,  # ms until a network that swallows everything counts as a lost connection
    "client_encoding": "utf8",
    "application_name": "soakwatch",
    "prepare_threshold": None,  # a pooler such as pgbouncer may give each transaction another connection
}

_MOST_IDLE = 60
"""Seconds after which PostgreSQL ends a transaction in which nothing happens: its process was stopped, or is gone."""


def postgresql_database(url: URL, patience: float = PATIENCE) -> LedgerDatabase:
    """The database that `url` means, which is not asked anything yet; writers wait up to `patience` seconds.

    Raises ConfigurationError where there is no driver.
    """
    arguments = {key: value for key, value in _DEFAULTS.items() if key not in url.query}
    try:
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            connect_args=arguments,
            hide_parameters=True,
            pool_pre_ping=True,  # the server may have been restarted since
        )
    except ImportError:
        raise ConfigurationError(
            "a ledger in PostgreSQL needs a driver that is not installed: pip install 'soakwatch[postgresql]'"
        ) from None

    def prepare(connection: "psycopg.Connection", _record: object) -> None:
        connection.execute("SELECT set_config('lock_timeout', %s, false)", [f"{patience * 1000:.0f}"])
        connection.execute("SELECT set_config('idle_in_transaction_session_timeout', %s, false)", [f"{_MOST_IDLE}s"])
        connection.commit()

    event.listen(engine, "connect", prepare)
    return LedgerDatabase(engine, f"PostgreSQL at {url.host or 'a local socket'}, database {url.database!r}")


def check_encoding(connection: Connection, address: str) -> None:
    """Raise StoreUnavailable where a PostgreSQL database cannot keep any text."""
    if connection.dialect.name == "postgresql":
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
        if encoding != "UTF8":
            raise StoreUnavailable(
                f"{address} keeps text as {encoding}, which has no room for all names; make a database with "
                "ENCODING 'UTF8' TEMPLATE template0"
            )
