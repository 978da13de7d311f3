"""The embedded window store: one SQLite file, for the processes of one machine."""

import secrets
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import singledispatchmethod
from pathlib import Path
from typing import Any, Self, TypeVar

from soakwatch.core.errors import StoreRefused, StoreUnavailable
from soakwatch.core.run import Run, Tally
from soakwatch.core.series import Series
from soakwatch.core.window import ErrorCount, LoadSample, Window
from soakwatch.store import rows, schema
from soakwatch.store.contract import Point, WindowStore

T = TypeVar("T")

PATIENCE = 5.0
"""Seconds to wait for another process that writes."""


class SqliteStore(WindowStore):
    """Windows in one SQLite file in WAL mode.

    Readers never wait; writers wait for each other up to `patience` seconds, then raise StoreUnavailable. The object
    may be used by one thread at a time, not necessarily always the same.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        """Use `create` or `open` instead."""
        self.path = path
        self._connection = connection
        self._series_ids: dict[Series, int] = {}

    @classmethod
    def create(cls, path: Path, patience: float = PATIENCE) -> Self:
        """Open the file at `path`, made anew or brought to this version of the schema where need be.

        Raises StoreUnavailable when the file cannot be used.
        """
        with _translated(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                _make(path)
        return cls._connect(path, patience)

    @classmethod
    def open(cls, path: Path, patience: float = PATIENCE) -> Self:
        """Open a store that exists. Raises StoreUnavailable when it does not, or cannot be used."""
        if not path.exists():
            raise StoreUnavailable(f"there is no store at {path} yet; `soakwatch run` makes one")
        return cls._connect(path, patience)

    @classmethod
    def _connect(cls, path: Path, patience: float) -> Self:
        if path.is_dir():
            raise StoreUnavailable(f"{path} is a directory; move it away, or name a file as store.path")
        with _translated(path):
            return cls(path, _connect(path, "rw", patience))

    def write(self, points: Sequence[Point]) -> None:
        """Keep all of `points` in one transaction, or none."""
        with _translated(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                for point in points:
                    self._put(point)
                self._connection.execute("COMMIT")
            except BaseException:
                self._series_ids.clear()
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @singledispatchmethod
    def _put(self, point: Point) -> None:
        raise TypeError(f"a store keeps no {type(point).__name__}")

    @_put.register
    def _(self, window: Window) -> None:
        self._replace(
            "requests", (self._series_id(window.series), *rows.of_window(window), *rows.percentiles_of(window))
        )

    @_put.register
    def _(self, error: ErrorCount) -> None:
        self._replace("errors", (self._series_id(error.series), *rows.of_error(error)))

    @_put.register
    def _(self, sample: LoadSample) -> None:
        self._replace("load", rows.of_load(sample))

    @_put.register
    def _(self, run: Run) -> None:
        self._replace("runs", rows.of_run(run))

    @_put.register
    def _(self, tally: Tally) -> None:
        self._replace("tallies", rows.of_tally(tally))

    def _replace(self, table: str, values: Sequence[Any]) -> None:
        marks = ", ".join("?" * len(values))
        self._connection.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", values)  # noqa: S608  (our tables)

    def _series_id(self, series: Series) -> int:
        known = self._series_ids.get(series)
        if known is not None:
            return known
        values = rows.of_series(series)
        self._connection.execute(
            "INSERT OR IGNORE INTO series (environment, test, service, method, endpoint) VALUES (?, ?, ?, ?, ?)", values
        )
        (made,) = self._connection.execute(
            "SELECT id FROM series WHERE (environment, test, service, method, endpoint) = (?, ?, ?, ?, ?)", values
        ).fetchone()
        self._series_ids[series] = made
        return int(made)

    def runs(self) -> list[Run]:
        """All runs, oldest start first."""
        return list(self._read("SELECT * FROM runs ORDER BY start, id", (), rows.to_run))

    def windows(self, run: str) -> Iterator[Window]:
        """The windows of a run, by start, then series, then source."""
        return self._read(
            "SELECT environment, test, service, method, endpoint, run, source, start, width, count, failures, sum, "
            "fail_sum, min, max, hist, fail_hist, bytes, exemplar_at, exemplar_time, exemplar_trace "
            "FROM requests JOIN series ON series.id = requests.series WHERE run = ? "
            "ORDER BY start, environment, test, service, method, endpoint, source",
            (run,),
            rows.to_window,
        )

    def errors(self, run: str) -> Iterator[ErrorCount]:
        """The kinds of errors of a run, by start, then series."""
        return self._read(
            "SELECT environment, test, service, method, endpoint, run, source, start, kind, count, sample "
            "FROM errors JOIN series ON series.id = errors.series WHERE run = ? "
            "ORDER BY start, environment, test, service, method, endpoint, source, kind",
            (run,),
            rows.to_error,
        )

    def load(self, run: str) -> Iterator[LoadSample]:
        """What the processes that made the load of a run looked like, by start, then source."""
        return self._read("SELECT * FROM load WHERE run = ? ORDER BY start, source", (run,), rows.to_load)

    def tallies(self, run: str) -> list[Tally]:
        """The latest tally of each source of a run, by source."""
        return list(self._read("SELECT * FROM tallies WHERE run = ? ORDER BY source", (run,), rows.to_tally))

    def requests_stored(self, run: str) -> dict[str, int]:
        """How many requests of a run are stored, by source."""
        query = "SELECT source, SUM(count) FROM requests WHERE run = ? GROUP BY source"
        return dict(self._read(query, (run,), tuple))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _read(self, query: str, values: tuple[Any, ...], make: Callable[[Any], T]) -> Iterator[T]:
        with _translated(self.path):
            yield from map(make, self._connection.execute(query, values))


def _make(path: Path) -> None:
    # Several processes may come at once, and SQLite does not wait while another one switches the journal mode: the file
    # is made aside and appears at its place finished, once
    aside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    try:
        _connect(aside, "rwc", PATIENCE).close()
        with suppress(FileExistsError):
            path.hardlink_to(aside)
    except OSError:  # a file system without links: those who come at once may have to try again
        _connect(path, "rwc", PATIENCE).close()
    finally:
        aside.unlink(missing_ok=True)


def _connect(path: Path, mode: str, patience: float) -> sqlite3.Connection:
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
def _translated(path: Path) -> Iterator[None]:
    """Turn what SQLite and the file system raise into our errors."""
    try:
        yield
    except (
        *(UnicodeEncodeError, OverflowError),
        *(sqlite3.DataError, sqlite3.IntegrityError, sqlite3.ProgrammingError),
    ) as error:
        raise StoreRefused(f"{path}: this cannot be stored: {error}") from error
    except (sqlite3.Error, OSError) as error:
        raise StoreUnavailable(f"{path}: {error}{_advice(error)}") from error


def _advice(error: Exception) -> str:
    text = str(error)
    known = {
        "locked": "; another process is writing, try again",
        "readonly": "; make the file and its folder writable",
        "not a database": "; move the file away, a new one is made",
        "malformed": "; move the file away, a new one is made",
        "full": "; make room on the disk",
    }
    return next((advice for word, advice in known.items() if word in text), "")
