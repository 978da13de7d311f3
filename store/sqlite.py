"""The embedded window store: one SQLite file, for the processes of one machine."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import singledispatchmethod
from math import inf, isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from soakwatch.core.deploy import Deploy
from soakwatch.core.errors import StoreRefused, StoreUnavailable
from soakwatch.core.health import Health
from soakwatch.core.retention import FOR_EVER, Retention, expired_before
from soakwatch.core.roll_up import RollUp
from soakwatch.core.run import Run, Tally
from soakwatch.core.run_series import RunLoad, RunSeries
from soakwatch.core.series import Series
from soakwatch.core.span import Span
from soakwatch.core.window import ErrorCount, LoadSample, Window
from soakwatch.store import rows
from soakwatch.store.contract import Arrivals, Column, Point, WindowStore
from soakwatch.store.sqlite_file import PATIENCE, connect, file_at, make_file, translated

if TYPE_CHECKING:
    from soakwatch.store.history import SeriesHistory

T = TypeVar("T")

_AT_ONCE = 3_600.0
"""Seconds of windows that are forgotten in one transaction: others want to write meanwhile."""

_WINDOW_COLUMNS = (
    "width, count, failures, sum, fail_sum, min, max, hist, fail_hist, bytes, "
    "exemplar_at, exemplar_time, exemplar_trace"
)
_SERIES_COLUMNS = "environment, test, service, method, endpoint"
_RAW_TABLES = {"requests": "start", "errors": "start", "load": "start", "tallies": "at", "collector": "at"}
"""Tables of points that are kept as long as raw windows, and their column of time."""


class SqliteStore(WindowStore):
    """Windows in one SQLite file in WAL mode.

    Readers never wait; writers wait for each other up to `patience` seconds, then raise StoreUnavailable. The object
    may be used by one thread at a time, not necessarily always the same.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, retention: Retention) -> None:
        """Use `create` or `open` instead."""
        self.path = path
        self.retention = retention
        self._connection = connection
        # a locustfile may change the working directory meanwhile
        self._place = path.absolute()
        self._file = file_at(self._place)
        self._series_ids: dict[Series, int] = {}

    @classmethod
    def create(cls, path: Path, patience: float = PATIENCE, retention: Retention = FOR_EVER) -> Self:
        """Open the file at `path`, made anew or brought to this version of the schema where need be.

        Raises StoreUnavailable when the file cannot be used.
        """
        with translated(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                make_file(path)
        return cls._connect(path, patience, retention)

    @classmethod
    def open(cls, path: Path, patience: float = PATIENCE, retention: Retention = FOR_EVER) -> Self:
        """Open a store that exists. Raises StoreUnavailable when it does not, or cannot be used."""
        if not path.exists():
            raise StoreUnavailable(f"there is no store at {path} yet; `soakwatch run` makes one")
        return cls._connect(path, patience, retention)

    @classmethod
    def _connect(cls, path: Path, patience: float, retention: Retention) -> Self:
        if path.is_dir():
            raise StoreUnavailable(f"{path} is a directory; move it away, or name a file as store.path")
        with translated(path):
            return cls(path, connect(path, "rw", patience), retention)

    def write(self, points: Sequence[Point]) -> None:
        """Keep all of `points` in one transaction, or none."""
        with self._transaction():
            for point in points:
                self._put(point)
            self._note_arrival([point for point in points if isinstance(point, Window)])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with translated(self.path):
            self._check_file()
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                self._series_ids.clear()
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _check_file(self) -> None:
        """Raise StoreUnavailable where the file was moved: what is written to it now, nobody would find."""
        if file_at(self._place) != self._file:
            raise StoreUnavailable(
                f"{self.path} was moved or deleted while it was open; the next try opens what is there"
            )

    def _note_arrival(self, windows: Sequence[Window]) -> None:
        if not windows:
            return
        first, last = min(window.start for window in windows), max(window.start + window.width for window in windows)
        if first < self._horizon():
            raise StoreRefused(f"{self.path}: a window is older than what is kept; its roll-ups would lose the others")
        self._connection.execute("INSERT INTO arrivals (start, end) VALUES (?, ?)", (first, last))

    def _horizon(self) -> float:
        found = self._connection.execute("SELECT start FROM horizon").fetchone()
        return float(found[0]) if found else -inf

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

    @_put.register
    def _(self, one: RollUp) -> None:
        window = one.window
        _, _, start, *measured = rows.of_window(window)
        percentiles = (*rows.percentiles_of(window), *window.hist.quantiles((0.5, 0.95, 0.99)))
        self._replace("roll_ups", (window.width, self._series_id(window.series), start, *measured, *percentiles))

    @_put.register
    def _(self, one: RunSeries) -> None:
        self._replace("run_series", (self._series_id(one.series), *rows.of_run_series(one)))

    @_put.register
    def _(self, load: RunLoad) -> None:
        self._replace("run_load", rows.of_run_load(load))

    @_put.register
    def _(self, deploy: Deploy) -> None:
        self._replace("deploys", rows.of_deploy(deploy))

    @_put.register
    def _(self, health: Health) -> None:
        self._replace("collector", rows.of_health(health))

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

    def expire(self, now: float) -> int:
        """Forget what has expired at `now`, by the hour, so that others can write in between."""
        kept = self.retention
        raw, minutes, ten_minutes = (expired_before(each, now) for each in (kept.raw, kept.minutes, kept.ten_minutes))
        if isfinite(raw):
            # first of all: what comes late must not be taken for all that there was
            with self._transaction():
                self._connection.execute("INSERT OR REPLACE INTO horizon VALUES (1, ?)", (max(raw, self._horizon()),))
        self._forget("arrivals", "end", raw)
        gone = sum(self._forget(table, time, raw) for table, time in _RAW_TABLES.items())
        gone += self._forget("roll_ups", "start", minutes, "AND resolution = 60.0")
        gone += self._forget("roll_ups", "start", ten_minutes, "AND resolution = 600.0")
        return gone + self._forget_runs(ten_minutes)

    def _forget(self, table: str, time: str, before: float, further: str = "") -> int:
        gone = 0
        while (oldest := self._oldest(table, time, further)) < before:
            until = min(before, oldest + _AT_ONCE)
            with self._transaction():
                query = f"DELETE FROM {table} WHERE {time} < ? {further}"  # noqa: S608  (our tables)
                gone += self._connection.execute(query, (until,)).rowcount
        return gone

    def _oldest(self, table: str, time: str, further: str) -> float:
        query = f"SELECT MIN({time}) FROM {table} WHERE TRUE {further}"  # noqa: S608  (our tables)
        ((found,),) = self._read(query, (), tuple)
        return inf if found is None else float(found)

    def _forget_runs(self, before: float) -> int:
        old = "(SELECT id FROM runs WHERE COALESCE(end, start) < ? AND start > 0)"
        with self._transaction():
            queries = (f"DELETE FROM {table} WHERE run IN {old}" for table in ("run_series", "run_load"))  # noqa: S608  (our tables)
            return sum(self._connection.execute(query, (before,)).rowcount for query in queries)

    def runs(self) -> list[Run]:
        """All runs, oldest start first."""
        return list(self._read("SELECT * FROM runs ORDER BY start, id", (), rows.to_run))

    def windows(self, run: str) -> Iterator[Window]:
        """The windows of a run, by start, then series, then source."""
        return self._windows(f"WHERE run = ? ORDER BY start, {_SERIES_COLUMNS}, source", (run,))

    def windows_between(self, span: Span) -> Iterator[Window]:
        """The raw windows of all runs that start in `span`."""
        return self._windows("WHERE start >= ? AND start < ?", (span.start, span.end))

    def _windows(self, which: str, values: tuple[Any, ...]) -> Iterator[Window]:
        return self._read(
            f"SELECT {_SERIES_COLUMNS}, run, source, start, {_WINDOW_COLUMNS} "  # noqa: S608  (our words)
            f"FROM requests JOIN series ON series.id = requests.series {which}",
            values,
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

    def load_between(self, span: Span) -> Iterator[LoadSample]:
        """What the processes that made the load of all runs looked like in `span`, by start, then source."""
        query = "SELECT * FROM load WHERE start >= ? AND start < ? ORDER BY start, source"
        return self._read(query, (span.start, span.end), rows.to_load)

    def tallies(self, run: str) -> list[Tally]:
        """The latest tally of each source of a run, by source."""
        return list(self._read("SELECT * FROM tallies WHERE run = ? ORDER BY source", (run,), rows.to_tally))

    def requests_stored(self, run: str) -> dict[str, int]:
        """How many requests of a run are stored, by source."""
        query = "SELECT source, SUM(count) FROM requests WHERE run = ? GROUP BY source"
        return dict(self._read(query, (run,), tuple))

    def run_series(self, run: str) -> list[RunSeries]:
        """What is kept of a run for long, by series."""
        query = (
            f"SELECT {_SERIES_COLUMNS}, run, blocks, errors FROM run_series "  # noqa: S608  (our words)
            f"JOIN series ON series.id = run_series.series WHERE run = ? ORDER BY {_SERIES_COLUMNS}"
        )
        return list(self._read(query, (run,), rows.to_run_series))

    def run_load(self, run: str) -> RunLoad | None:
        """The load generator in the same blocks."""
        return next(self._read("SELECT * FROM run_load WHERE run = ?", (run,), rows.to_run_load), None)

    def roll_ups(self, width: float, span: Span) -> Iterator[RollUp]:
        """Roll-ups of `width` that start in `span`, by start, then series."""
        query = (
            f"SELECT {_SERIES_COLUMNS}, '', '', start, {_WINDOW_COLUMNS} "  # noqa: S608  (our words)
            "FROM roll_ups JOIN series ON series.id = roll_ups.series "
            f"WHERE resolution = ? AND start >= ? AND start < ? ORDER BY start, {_SERIES_COLUMNS}"
        )
        return self._read(query, (width, span.start, span.end), lambda row: RollUp(rows.to_window(row)))

    def history(
        self, width: float, span: Span, columns: Sequence[Column], services: Sequence[str] = ()
    ) -> "Mapping[Series, SeriesHistory]":
        """Numbers of the roll-ups that start in `span` as arrays."""
        # numpy is for those who analyse; a load generator never comes here
        from soakwatch.store.history import histories_of

        which = f"AND service IN ({', '.join('?' * len(services))})" if services else ""
        query = (
            f"SELECT {_SERIES_COLUMNS}, {', '.join(('start', *columns))} "  # noqa: S608  (our words)
            "FROM roll_ups JOIN series ON series.id = roll_ups.series "
            f"WHERE resolution = ? AND start >= ? AND start < ? {which} ORDER BY {_SERIES_COLUMNS}, start"
        )
        return histories_of(self._read(query, (width, span.start, span.end, *services), tuple), columns)

    def deploys(self, span: Span) -> list[Deploy]:
        """Deploys in `span`, oldest first, then by environment and service."""
        query = (
            "SELECT environment, service, at, version, commit_id, title FROM deploys WHERE at >= ? AND at < ? "
            "ORDER BY at, environment, service"
        )
        return list(self._read(query, (span.start, span.end), lambda row: Deploy(*row)))

    def health(self, span: Span) -> list[Health]:
        """How delivery was doing in `span`, by moment, then source."""
        query = "SELECT * FROM collector WHERE at >= ? AND at < ? ORDER BY at, source"
        return list(self._read(query, (span.start, span.end), lambda row: Health(*row)))

    def arrivals(self, after: str, now: float = inf) -> Arrivals:  # noqa: ARG002  (no clock makes these positions)
        """Where raw windows were stored since the position `after`, the id of an arrival."""
        found = list(
            self._read("SELECT id, start, end FROM arrivals WHERE id > ? ORDER BY id", (int(after or 0),), tuple)
        )
        return Arrivals([Span(start, end) for _, start, end in found], str(found[-1][0]) if found else after)

    def position(self, name: str) -> str:
        """How far the pass `name` has come."""
        found = list(self._read("SELECT position FROM positions WHERE name = ?", (name,), tuple))
        return str(found[0][0]) if found else ""

    def set_position(self, name: str, position: str) -> None:
        """Remember how far the pass `name` has come."""
        with self._transaction():
            self._replace("positions", (name, position))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _read(self, query: str, values: tuple[Any, ...], make: Callable[[Any], T]) -> Iterator[T]:
        with translated(self.path):
            self._check_file()
            yield from map(make, self._connection.execute(query, values))
