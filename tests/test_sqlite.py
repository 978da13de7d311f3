"""The SQLite file: made, shared, migrated, and in trouble."""

import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from soakwatch.core.errors import StoreUnavailable
from soakwatch.core.histogram import Histogram
from soakwatch.core.run import Outcome, Run, Tally
from soakwatch.core.series import Series
from soakwatch.core.span import Span
from soakwatch.core.window import ErrorCount, Exemplar, LoadSample, Window
from soakwatch.store import rows, schema
from soakwatch.store.sqlite import SqliteStore

WINDOW = Window(
    Series("perf", "soak", "cart", "GET", "/cart"), "run", "a", 1_700_000_000.0, 10.0, 3, 1, 925.0, 900.0, 12.5, 900.0,
    Histogram.of([12.5, 12.5]), Histogram.of([900.0]), 4_711, Exemplar(1_700_000_000.25, 900.0, "4bf92f"),
)  # fmt: skip
ERROR = ErrorCount(WINDOW.series, "run", "a", 1_700_000_000.0, "HTTP 503", 1, "503 Service Unavailable")
LOAD = LoadSample("perf", "soak", "run", "a", 1_700_000_000.0, 10.0, 8, 42.5, saturated=False)
TALLY = Tally("perf", "soak", "run", "a", 1_700_000_010.0, 3, 3, reported=3, final=True)
RUN = Run("run", "perf", "soak", 1_700_000_000.0, None, 8, 2.5, "http://shop", outcome=Outcome.RUNNING)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "soakwatch.db"


@contextmanager
def locked(path: Path) -> Iterator[sqlite3.Connection]:
    """Somebody else is in the middle of writing."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


def test_create_makes_the_file_and_its_folders(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "soakwatch.db"
    SqliteStore.create(path).close()
    assert [file.name for file in path.parent.iterdir()] == ["soakwatch.db"]


def test_create_opens_what_is_there(path: Path) -> None:
    with SqliteStore.create(path) as store:
        store.write([WINDOW])
    with SqliteStore.create(path) as store:
        assert list(store.windows("run")) == [WINDOW]


def test_open_of_a_store_that_does_not_exist_says_how_one_is_made_and_makes_none(path: Path) -> None:
    with pytest.raises(StoreUnavailable, match=rf"there is no store at {path} yet; `soakwatch run` makes one"):
        SqliteStore.open(path)
    assert not path.exists()


def test_an_empty_file_becomes_a_store(path: Path) -> None:
    path.touch()
    with SqliteStore.create(path) as store:
        store.write([WINDOW])
        assert list(store.windows("run")) == [WINDOW]


@pytest.mark.parametrize("name", ["with space.db", "ümläut 🛒.db", "per%20cent?mode=ro#x.db", "quote'\".db"])
def test_any_name_of_a_file_works(tmp_path: Path, name: str) -> None:
    with SqliteStore.create(tmp_path / name) as store:
        store.write([WINDOW])
    assert (tmp_path / name).is_file()
    with SqliteStore.open(tmp_path / name) as store:
        assert list(store.windows("run")) == [WINDOW]


def test_a_relative_path_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    SqliteStore.create(Path("soakwatch.db")).close()
    assert (tmp_path / "soakwatch.db").is_file()


def test_readers_do_not_wait_for_a_writer(path: Path) -> None:
    with SqliteStore.create(path) as store:
        store.write([WINDOW])
        with closing(sqlite3.connect(path)) as reader:
            assert reader.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        with locked(path) as writer:
            writer.execute("DELETE FROM requests")
            assert list(store.windows("run")) == [WINDOW]


def test_percentiles_are_columns_that_others_can_read(path: Path) -> None:
    with SqliteStore.create(path) as store:
        store.write([WINDOW])
    with closing(sqlite3.connect(path)) as reader:
        ((p50, p95, p99),) = reader.execute("SELECT p50, p95, p99 FROM requests").fetchall()
    assert p50 == pytest.approx(12.5, rel=0.011)
    assert p95 == p99 == pytest.approx(900.0, rel=0.011)


# Several processes


@pytest.mark.parametrize("before", ["nothing", "the first version"])
def test_many_processes_create_the_same_store_at_once(path: Path, before: str) -> None:
    if before == "the first version":
        make_version(1, path)
    code = (
        "import sys; from pathlib import Path; from soakwatch.store.sqlite import SqliteStore\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "with SqliteStore.create(Path(sys.argv[1])) as store: store.runs()\n"
    )
    creators = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(8)
    ]
    for creator in creators:
        assert creator.stdout is not None
        creator.stdout.readline()
    for creator in creators:
        assert creator.stdin is not None
        creator.stdin.write("go\n")
        creator.stdin.flush()
    for creator in creators:
        creator.communicate(timeout=60)
    assert [creator.returncode for creator in creators] == [0] * 8
    assert [file.name for file in path.parent.iterdir()] == ["soakwatch.db"]


def test_a_store_that_another_process_holds_is_unavailable_after_its_patience_and_then_works(path: Path) -> None:
    with SqliteStore.create(path, patience=0.2) as store:
        begin = time.monotonic()
        with locked(path), pytest.raises(StoreUnavailable, match="locked; another process is writing, try again"):
            store.write([WINDOW])
        assert 0.1 < time.monotonic() - begin < 5
        store.write([WINDOW])
        assert list(store.windows("run")) == [WINDOW]


# In trouble


@pytest.mark.parametrize("content", [b"this was never a database\n" * 500, b"\0" * 10_000])
def test_a_file_that_is_no_database_is_unavailable_with_advice(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    for use in (SqliteStore.create, SqliteStore.open):
        with pytest.raises(StoreUnavailable, match=rf"{path}: .*; move the file away, a new one is made"):
            use(path)
    assert path.read_bytes() == content


def test_a_file_that_was_damaged_is_unavailable_with_advice(path: Path) -> None:
    with SqliteStore.create(path) as store:
        store.write([WINDOW])
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    with pytest.raises(StoreUnavailable, match="malformed; move the file away"), SqliteStore.open(path) as store:
        store.write([WINDOW])


def test_a_directory_in_its_place_is_unavailable(path: Path) -> None:
    path.mkdir()
    with pytest.raises(StoreUnavailable, match=r"soakwatch\.db is a directory"):
        SqliteStore.create(path)


def test_a_file_where_its_folder_should_be_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable, match="file"):
        SqliteStore.create(tmp_path / "file" / "soakwatch.db")


def test_a_store_that_fails_can_be_closed_and_says_so_when_it_is_read(path: Path) -> None:
    with SqliteStore.create(path) as store:
        store.write([WINDOW])
        with closing(sqlite3.connect(path)) as other:
            other.execute("DROP TABLE requests")
        with pytest.raises(StoreUnavailable, match="no such table"):
            list(store.windows("run"))


def test_a_store_that_is_moved_away_is_told_and_what_is_in_its_place_is_used_the_next_time(path: Path) -> None:
    with SqliteStore.create(path) as store:
        store.write([WINDOW])
        away = path.parent / "away"
        away.mkdir()
        for file in path.parent.glob(f"{path.name}*"):
            file.rename(away / file.name)
        for use in (lambda: store.write([WINDOW]), lambda: list(store.windows("run"))):
            with pytest.raises(StoreUnavailable, match=r"was moved or deleted while it was open; the next try opens"):
                use()
    with SqliteStore.create(path) as anew:
        anew.write([WINDOW])
        assert len(list(anew.windows("run"))) == 1


def test_a_store_stays_where_it_is_when_the_working_directory_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with SqliteStore.create(Path("soakwatch.db")) as store:
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        store.write([WINDOW])
        assert len(list(store.windows("run"))) == 1


# Versions


def test_a_store_of_a_newer_version_is_refused_with_the_reason_and_left_alone(path: Path) -> None:
    SqliteStore.create(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    content = path.read_bytes()
    with pytest.raises(StoreUnavailable, match=r"newer soakwatch \(schema \d, this one knows \d\); upgrade it"):
        SqliteStore.create(path)
    assert path.read_bytes() == content


def make_version(version: int, path: Path) -> None:
    """A file as an earlier release made it, with one point of each kind."""
    script = "".join(schema.MIGRATIONS[:version])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(f"PRAGMA journal_mode = WAL; {script} PRAGMA user_version = {version};")
        connection.execute("INSERT INTO series VALUES (7, 'perf', 'soak', 'cart', 'GET', '/cart')")
        insert(connection, "requests", (7, *rows.of_window(WINDOW), *rows.percentiles_of(WINDOW)))
        insert(connection, "errors", (7, *rows.of_error(ERROR)))
        insert(connection, "load", rows.of_load(LOAD))
        columns = len(connection.execute("PRAGMA table_info(runs)").fetchall())
        insert(connection, "runs", rows.of_run(RUN)[:columns])
        insert(connection, "tallies", rows.of_tally(TALLY))


def insert(connection: sqlite3.Connection, table: str, values: tuple[object, ...]) -> None:
    connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values))})", values)  # noqa: S608  (our tables)


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_a_store_of_an_earlier_version_is_migrated_and_loses_nothing(path: Path, version: int) -> None:
    make_version(version, path)
    with SqliteStore.create(path) as store:
        assert list(store.windows("run")) == [WINDOW]
        assert list(store.errors("run")) == [ERROR]
        assert list(store.load("run")) == [LOAD]
        assert store.runs() == [RUN]
        assert store.tallies("run") == [TALLY]
        store.write([WINDOW])
        assert list(store.windows("run")) == [WINDOW]
    assert schema_of(path) == schema_of_a_new_store(path.parent)


@pytest.mark.parametrize("version", [1, 2])
def test_windows_of_an_earlier_version_are_told_to_the_pass_that_rolls_up(path: Path, version: int) -> None:
    make_version(version, path)
    with SqliteStore.create(path) as store:
        arrivals = store.arrivals("")
        assert arrivals.spans == [Span(WINDOW.start, WINDOW.start + WINDOW.width)]
        assert list(store.windows_between(arrivals.spans[0])) == [WINDOW]
        assert store.arrivals(arrivals.position).spans == []


def schema_of_a_new_store(folder: Path) -> list[tuple[object]]:
    SqliteStore.create(folder / "new.db").close()
    return schema_of(folder / "new.db")


def schema_of(path: Path) -> list[tuple[object]]:
    with closing(sqlite3.connect(path)) as connection:
        version = connection.execute("PRAGMA user_version").fetchall()
        return version + connection.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()


def test_a_migration_that_fails_leaves_the_file_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_version(1, path)
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, "CREATE TABLE more (x); CREATE TABLE runs (x);"))
    monkeypatch.setattr(schema, "VERSION", schema.VERSION + 1)
    with pytest.raises(StoreUnavailable, match="runs already exists"):
        SqliteStore.create(path)
    assert schema_of(path)[0] == (1,)
    monkeypatch.undo()
    with SqliteStore.create(path) as store:
        assert list(store.windows("run")) == [WINDOW]


def test_an_sqlite_file_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "photos.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE photos (name TEXT)")
    with pytest.raises(StoreUnavailable, match="something else"):
        SqliteStore.open(path)
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("photos",)]
