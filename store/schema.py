"""The schema of the SQLite store, and the way from each version to the next."""

import sqlite3

MIGRATIONS = (
    """
    CREATE TABLE series (
        id INTEGER PRIMARY KEY,
        environment TEXT NOT NULL, test TEXT NOT NULL, service TEXT NOT NULL, method TEXT NOT NULL,
        endpoint TEXT NOT NULL,
        UNIQUE (environment, test, service, method, endpoint)
    );
    CREATE TABLE requests (
        series INTEGER NOT NULL REFERENCES series, run TEXT NOT NULL, source TEXT NOT NULL, start REAL NOT NULL,
        width REAL NOT NULL, count INTEGER NOT NULL, failures INTEGER NOT NULL, sum REAL NOT NULL,
        fail_sum REAL NOT NULL, min REAL, max REAL, hist TEXT NOT NULL, fail_hist TEXT NOT NULL,
        bytes INTEGER NOT NULL, exemplar_at REAL, exemplar_time REAL, exemplar_trace TEXT,
        p50 REAL, p95 REAL, p99 REAL,
        PRIMARY KEY (series, start, run, source)
    ) WITHOUT ROWID;
    CREATE TABLE errors (
        series INTEGER NOT NULL REFERENCES series, run TEXT NOT NULL, source TEXT NOT NULL, start REAL NOT NULL,
        kind TEXT NOT NULL, count INTEGER NOT NULL, sample TEXT NOT NULL,
        PRIMARY KEY (series, start, run, source, kind)
    ) WITHOUT ROWID;
    CREATE TABLE load (
        environment TEXT NOT NULL, test TEXT NOT NULL, run TEXT NOT NULL, source TEXT NOT NULL, start REAL NOT NULL,
        width REAL NOT NULL, users INTEGER NOT NULL, cpu REAL NOT NULL, saturated INTEGER NOT NULL,
        late TEXT NOT NULL,
        PRIMARY KEY (run, start, source)
    ) WITHOUT ROWID;
    CREATE TABLE runs (
        id TEXT PRIMARY KEY, environment TEXT NOT NULL, test TEXT NOT NULL, start REAL NOT NULL, end REAL,
        users INTEGER NOT NULL, spawn_rate REAL NOT NULL, host TEXT NOT NULL, version TEXT NOT NULL,
        commit_id TEXT NOT NULL, locustfile TEXT NOT NULL, locustfile_hash TEXT NOT NULL, locust_version TEXT NOT NULL,
        outcome TEXT NOT NULL, reconciled TEXT
    ) WITHOUT ROWID;
    CREATE TABLE tallies (
        environment TEXT NOT NULL, test TEXT NOT NULL, run TEXT NOT NULL, source TEXT NOT NULL, at REAL NOT NULL,
        reached INTEGER NOT NULL, counted INTEGER NOT NULL, invalid INTEGER NOT NULL, reset INTEGER NOT NULL,
        reported INTEGER NOT NULL, dropped INTEGER NOT NULL, final INTEGER NOT NULL,
        PRIMARY KEY (run, source)
    ) WITHOUT ROWID;
    """,
    """
    CREATE INDEX requests_by_run ON requests (run, start);
    CREATE INDEX errors_by_run ON errors (run, start);
    """,
    """
    CREATE INDEX requests_by_start ON requests (start);
    CREATE INDEX errors_by_start ON errors (start);
    CREATE TABLE roll_ups (
        resolution REAL NOT NULL, series INTEGER NOT NULL REFERENCES series, start REAL NOT NULL,
        width REAL NOT NULL, count INTEGER NOT NULL, failures INTEGER NOT NULL, sum REAL NOT NULL,
        fail_sum REAL NOT NULL, min REAL, max REAL, hist TEXT NOT NULL, fail_hist TEXT NOT NULL,
        bytes INTEGER NOT NULL, exemplar_at REAL, exemplar_time REAL, exemplar_trace TEXT,
        p50 REAL, p95 REAL, p99 REAL, ok_p50 REAL, ok_p95 REAL, ok_p99 REAL,
        PRIMARY KEY (resolution, start, series)
    ) WITHOUT ROWID;
    CREATE TABLE run_series (
        series INTEGER NOT NULL REFERENCES series, run TEXT NOT NULL, blocks TEXT NOT NULL, errors TEXT NOT NULL,
        PRIMARY KEY (run, series)
    ) WITHOUT ROWID;
    CREATE TABLE run_load (
        environment TEXT NOT NULL, test TEXT NOT NULL, run TEXT PRIMARY KEY, blocks TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE deploys (
        environment TEXT NOT NULL, service TEXT NOT NULL, at REAL NOT NULL, version TEXT NOT NULL,
        commit_id TEXT NOT NULL, title TEXT NOT NULL,
        PRIMARY KEY (at, environment, service)
    ) WITHOUT ROWID;
    CREATE TABLE collector (
        environment TEXT NOT NULL, test TEXT NOT NULL, source TEXT NOT NULL, at REAL NOT NULL, written INTEGER NOT NULL,
        spooled INTEGER NOT NULL, dropped INTEGER NOT NULL, retried INTEGER NOT NULL, lag REAL NOT NULL,
        PRIMARY KEY (at, source)
    ) WITHOUT ROWID;
    CREATE TABLE arrivals (id INTEGER PRIMARY KEY AUTOINCREMENT, start REAL NOT NULL, end REAL NOT NULL);
    INSERT INTO arrivals (start, end) SELECT DISTINCT start, start + width FROM requests ORDER BY start;
    CREATE TABLE positions (name TEXT PRIMARY KEY, position TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE horizon (id INTEGER PRIMARY KEY CHECK (id = 1), start REAL NOT NULL);
    """,
    """
    CREATE INDEX load_by_start ON load (start, source);
    """,
    """
    ALTER TABLE runs ADD COLUMN continues TEXT NOT NULL DEFAULT '';
    """,
)
"""Script i leads from version i to version i + 1; a script that has been released is never changed."""

VERSION = len(MIGRATIONS)


def version_of(connection: sqlite3.Connection) -> int:
    """Version of the schema that is in the file; 0 for an empty one."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def tables_in(connection: sqlite3.Connection) -> list[str]:
    """Names of the tables that are in the file."""
    return [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to this version in one transaction, whoever else tries it at the same time."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for script in MIGRATIONS[version_of(connection) :]:
            for statement in filter(str.strip, script.split(";")):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
