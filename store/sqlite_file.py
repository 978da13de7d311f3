"""The SQLite file: made, opened, and its troubles told in our words."""

import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from soakwatch.core.errors import StoreRefused, StoreUnavailable
from soakwatch.store import schema

PATIENCE = 5.0
"""Seconds to wait for another process that writes."""


def make_file(path: Path) -> None:
    """Make an empty store at `path`, unless somebody else has just done so."""
    place_file(path, lambda aside: connect(aside, "rwc", PATIENCE).close())


def place_file(path: Path, make: Callable[[Path], None]) -> None:
    """Let what `make` makes appear at `path`, unless somebody else has just done so."""
    # Several processes may come at once, and SQLite does not wait while another one switches the journal mode: the file
    # is made aside and appears at its place finished, once
    aside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    try:
        make(aside)
        with suppress(FileExistsError):
            path.hardlink_to(aside)
    except OSError:  # a file system without links: those who come at once may have to try again
        make(path)
    finally:
        aside.unlink(missing_ok=True)


def file_at(path: Path) -> int | None:
    """What tells the file there from one that is put in its place; None where there is none.

    As SQLite itself does it, which looks only before it writes a rollback journal, and so never in WAL mode.
    """
    try:
        return path.stat().st_ino
    except OSError:
        return None


def connect(path: Path, mode: str, patience: float) -> sqlite3.Connection:
    """Open the file at `path` in SQLite's `mode` (rw, rwc), brought to this version of the schema."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=patience,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    version = schema.version_of(connection)
    if version > schema.VERSION:
        raise StoreUnavailable(
            f"{path} was written by a newer soakwatch (schema {version}, this one knows {schema.VERSION}); upgrade it"
        )
    if version < schema.VERSION:
        if not version and schema.tables_in(connection):
            raise StoreUnavailable(f"{path} is an SQLite file of something else; name another file as store.path")
        connection.execute("PRAGMA journal_mode = WAL")
        schema.migrate(connection)
    connection.execute("PRAGMA synchronous = NORMAL")


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite and the file system raise into our errors."""
    try:
        yield
    except (
        *(UnicodeEncodeError, OverflowError),
        *(sqlite3.DataError, sqlite3.IntegrityError, sqlite3.ProgrammingError),
    ) as error:
        raise StoreRefused(f"{path}: this cannot be stored: {error}") from error
    except (sqlite3.Error, OSError) as error:
        raise StoreUnavailable(f"{path}: {error}{advice_on(str(error))}") from error


def advice_on(trouble: str) -> str:
    """What to do about what SQLite says; empty where there is nothing to say."""
    known = {
        "locked": "; another process is writing, try again",
        "readonly": "; make the file and its folder writable",
        "not a database": "; move the file away, a new one is made",
        "malformed": "; move the file away, a new one is made",
        "full": "; make room on the disk",
    }
    return next((advice for word, advice in known.items() if word in trouble), "")
