"""A ledger's file: SQLite in WAL mode, for the processes of one machine."""

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Engine, QueuePool, create_engine, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from soakwatch.core.errors import StoreUnavailable
from soakwatch.store.ledger_database import LedgerDatabase
from soakwatch.store.sqlite_file import PATIENCE, file_at, place_file


def make_ledger_file(path: Path) -> None:
    """Make an empty file at `path`, unless there is one. Raises StoreUnavailable."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            place_file(path, _make_empty)
    except (sqlite3.Error, OSError) as error:
        raise StoreUnavailable(f"{path}: no ledger can be made there: {error}") from error


def sqlite_database(path: Path, patience: float = PATIENCE) -> LedgerDatabase:
    """A file that exists, in which writers wait for each other up to `patience` seconds. Raises StoreUnavailable."""
    if path.is_dir():
        raise StoreUnavailable(f"{path} is a directory; move it away, or name a file as ledger.path")

    def connect() -> sqlite3.Connection:
        # no isolation level: the driver's own transactions begin as readers
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=patience,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")  # what was delivered must not be forgotten in a power cut
        return connection

    # connected by ourselves: a name with ? or # in it survives no URL of SQLAlchemy's
    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool, hide_parameters=True)
    _let_go_of_what_was_moved(engine, path.absolute())
    return LedgerDatabase(engine, str(path))


def _let_go_of_what_was_moved(engine: Engine, path: Path) -> None:
    """Use no connection to a file that is not at `path` any more: what is written there, nobody else would see."""

    def note(_: object, record: ConnectionPoolEntry) -> None:
        record.info["file"] = file_at(path)

    def check(_: object, record: ConnectionPoolEntry, __: object) -> None:
        if record.info["file"] != file_at(path):
            raise DisconnectionError(f"{path} is another file, or gone")

    event.listen(engine, "connect", note)
    event.listen(engine, "checkout", check)


def _make_empty(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
