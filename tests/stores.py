"""The kinds of stores that the contract's tests run over, how any process opens one, and points to put in."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from subprocess import PIPE

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from influxd_process import Server
from influxdb_server import describe, new_bucket, open_influx

from soakwatch.core.deploy import Deploy
from soakwatch.core.health import Health
from soakwatch.core.histogram import Histogram
from soakwatch.core.roll_up import MINUTE, RollUp
from soakwatch.core.run import Outcome, Run, Tally
from soakwatch.core.run_series import RunLoad, RunSeries
from soakwatch.core.series import Series
from soakwatch.core.window import ErrorCount, Exemplar, LoadSample, Window
from soakwatch.store.contract import Point, WindowStore
from soakwatch.store.sqlite import SqliteStore


@dataclass(frozen=True)
class Implementation:
    """One kind of store: where a new one is for as long as a test lasts, and how any process opens it."""

    name: str
    new: Callable[[Path, pytest.FixtureRequest], AbstractContextManager[str]]
    open: Callable[[str], WindowStore]
    marks: Sequence[pytest.MarkDecorator] = ()


@contextmanager
def new_sqlite(folder: Path, _request: pytest.FixtureRequest) -> Iterator[str]:
    yield str(folder / "soakwatch.db")


@contextmanager
def new_influx(folder: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    server: Server = request.getfixturevalue("influxdb")
    with new_bucket(server) as bucket:
        yield describe(server, bucket, folder)


def open_sqlite(address: str) -> WindowStore:
    return SqliteStore.create(Path(address))


IMPLEMENTATIONS = {
    implementation.name: implementation
    for implementation in [
        Implementation("sqlite", new_sqlite, open_sqlite),
        Implementation("influxdb", new_influx, open_influx, [pytest.mark.influxdb]),
    ]
}


def start_together(
    script: str, implementation: Implementation, address: str, sources: Sequence[str]
) -> list[subprocess.Popen[str]]:
    """Start a process for each source that runs `script` with the store; none begins before all are ready."""
    command = [sys.executable, script, implementation.name, address]
    writers = [subprocess.Popen([*command, source], stdin=PIPE, stdout=PIPE, text=True) for source in sources]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    return writers


def wait_for_the_others() -> None:
    """Be ready, in a process that `start_together` started."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()


def end_well(writers: Sequence[subprocess.Popen[str]]) -> None:
    """Wait for the end of processes that `start_together` started, and assert that all went well."""
    for writer in writers:
        writer.communicate(timeout=60)
    assert [writer.returncode for writer in writers] == [0] * len(writers)


over_one_store = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
"""Examples share a store; each writes under a run of its own."""


CART = Series("perf", "soak", "cart", "GET", "/cart")
ORDER = Series("perf", "soak", "order", "POST", "/order")


def a_window(run: str = "run", series: Series = CART, source: str = "a", start: float = 0.0, count: int = 3) -> Window:
    hist, fail_hist = Histogram.of([12.5] * (count - 1)), Histogram.of([900.0])
    return Window(
        *(series, run, source, start, 10.0),
        *(count, 1),
        *(12.5 * (count - 1) + 900.0, 900.0, 12.5, 900.0),
        hist=hist,
        fail_hist=fail_hist,
        bytes=4_711,
        exemplar=Exemplar(start + 0.25, 900.0, "4bf92f"),
    )


def an_error(run: str = "run", kind: str = "HTTP 503", start: float = 0.0, count: int = 1) -> ErrorCount:
    return ErrorCount(CART, run, "a", start, kind, count, "503 Service Unavailable")


def a_load(run: str = "run", source: str = "a", start: float = 0.0, users: int = 8) -> LoadSample:
    return LoadSample("perf", "soak", run, source, start, 10.0, users, 42.5, saturated=False)


def a_run(run: str = "run", start: float = 1_700_000_000.5, outcome: Outcome = Outcome.RUNNING) -> Run:
    return Run(run, "perf", "soak", start, users=8, spawn_rate=2.5, host="http://shop", outcome=outcome)


def a_tally(run: str = "run", source: str = "a", counted: int = 10, *, final: bool = False) -> Tally:
    return Tally("perf", "soak", run, source, 1_700_000_000.25, counted, counted, final=final)


def a_roll_up(series: Series = CART, start: float = 0.0, count: int = 3, width: float = MINUTE) -> RollUp:
    return RollUp(replace(a_window("", series, "", start, count), width=width))


def a_run_series(run: str = "run", series: Series = CART, count: int = 3) -> RunSeries:
    blocks = tuple(a_window(run, series, "", start, count) for start in (0.0, 20.0))
    errors = tuple(replace(an_error(run, kind, count=count), series=series, source="") for kind in ("HTTP 500", "slow"))
    return RunSeries(series, run, blocks, errors)


def a_run_load(run: str = "run", users: int = 8) -> RunLoad:
    late = Histogram.of([1.5, 20.0])
    return RunLoad("perf", "soak", run, tuple(replace(a_load(run, "", at, users), late=late) for at in (0.0, 20.0)))


def a_deploy(at: float = 0.25, service: str = "cart", version: str = "1.2") -> Deploy:
    return Deploy("perf", service, at, version, "4bf92f", "seen at its version URL")


def a_health(at: float = 0.25, source: str = "a", written: int = 100) -> Health:
    return Health("perf", "soak", source, at, written, 3, 2, 1, 4.5)


def all_kinds(run: str = "run") -> list[Point]:
    return [a_window(run), an_error(run), a_load(run), a_run(run), a_tally(run)]


def contents(store: WindowStore, run: str = "run") -> list[Point]:
    """Everything that is stored of a run."""
    kept = [one for one in store.runs() if one.id == run]
    return [*store.windows(run), *store.errors(run), *store.load(run), *kept, *store.tallies(run)]


text = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from([
    "", "'", '"', "\\", "\\n", "\n", "\r\n", "\t", "\0", "${HOME}", "{{x}}", "%s", ",", "=", " ", "é", "🛒", "a b,c=d",
    "--", "'; DROP TABLE runs; --", "\\'", "\ufeff", "\u2028", "\u202e", "NULL", "1e5", "0001", "true",
])  # fmt: skip
names = text.map(lambda part: part or "x")

moments = st.integers(0, 4_000_000_000_000).map(lambda milliseconds: milliseconds / 1000)
"""What a clock could say."""
