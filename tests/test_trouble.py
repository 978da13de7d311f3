"""Locust's exit code, output and speed are not changed by soakwatch's troubles; each case with real processes."""

import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from locust_runs import Bench, Ended, Locust, processes

from soakwatch.collector.shipping import requests_in
from soakwatch.collector.spool import Spool
from soakwatch.store import rows
from soakwatch.store.sqlite import SqliteStore

pytestmark = pytest.mark.processes

PACED = """
from locust import FastHttpUser, constant_pacing, task, events

# pacing rather than waiting: how many requests there are does not depend on how busy this machine is
class Visitor(FastHttpUser):
    wait_time = constant_pacing(0.25)

    @task(5)
    def page(self):
        self.client.get("/page", name="shop: /page")

    @task(1)
    def failing(self):
        self.client.get("/fail")
"""

SECONDS = 4
RUN = ("--headless", "-u", "10", "-r", "100", "-t", str(SECONDS), "--only-summary")
END_AT_ONCE = 8.0
"""Seconds that the end of a run may take beyond that of plain Locust: a bound against hanging."""

PLAIN = """
import sys
at = sys.argv.index("--soakwatch-window")
del sys.argv[at : at + 2]
sys.argv[0] = "locust"
import locust.main
locust.main.main()
"""

WITH_SMALL_FILES = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (20_480, 20_480))
sys.argv[0] = "locust"
runpy.run_module("soakwatch.collector.launcher", run_name="__main__")
"""

WITHOUT_PRIVILEGES = """
import ctypes, os, sys
# root ignores permissions by a capability; without it root is bound by them like everybody else
if os.geteuid() == 0:
    PR_CAPBSET_DROP = 24
    for capability in range(64):
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
os.execv(sys.executable, [sys.executable, "-m", "soakwatch.collector.launcher", *sys.argv[1:]])
"""

LAUNCHER = ("-m", "soakwatch.collector.launcher")
UNPRIVILEGED = ("-c", WITHOUT_PRIVILEGES)
LIMITED = ("-c", WITH_SMALL_FILES)


def run(bench: Bench, code_on_error: int = 0, program: tuple[str, ...] = LAUNCHER) -> Ended:
    return bench.start(*RUN, "--exit-code-on-error", str(code_on_error), program=program).wait()


@pytest.fixture
def bench(tmp_path: Path, host: str) -> Iterator[Bench]:
    made = Bench(tmp_path, host, PACED)
    yield made
    made.close()


@dataclass(frozen=True)
class Plain:
    """A run without soakwatch."""

    ended: Ended
    requests: int
    seconds: float


@pytest.fixture(scope="module", params=[0, 1], ids=["exit code 0", "exit code 1"])
def plain(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, host: str) -> Plain:
    bench = Bench(tmp_path_factory.mktemp("plain"), host, PACED)
    begin = time.monotonic()
    ended = run(bench, request.param, ("-c", PLAIN))
    assert ended.code == request.param
    return Plain(ended, sum(bench.reached().values()), time.monotonic() - begin)


def what_locust_said(ended: Ended) -> list[str]:
    """All lines of Locust, its tables among them, without numbers; none of soakwatch's log lines."""
    ours = re.compile(r"^\[.*?\] \S+/\w+/soakwatch\.")
    # figures, the width of columns and the order of percentiles' digits differ from run to run; a busy machine makes
    # Locust warn of its CPU
    lines = [line for line in ended.output.splitlines() if not ours.match(line) and "CPU usage" not in line]
    bare = [re.sub(r"^\[.*?\] \S+?/(\w+)/", r"\1 ", line) for line in lines]
    return [" ".join(re.sub(r"-{2,}", "-", re.sub(r"[\d.]+%?", "#", line)).split()) for line in bare]


def waiting(bench: Bench) -> int:
    """Requests in the spools that ended processes left."""
    spools = Spool.orphans(Path(f"{bench.store_path}.spool"), limit=1 << 30)
    try:
        return sum(requests_in(rows.decode(payload)) for spool in spools for payload in spool.waiting())
    finally:
        for spool in spools:
            spool.close()


@contextmanager
def read_only(path: Path) -> Iterator[None]:
    before = path.stat().st_mode
    path.chmod(before & ~0o222)
    try:
        yield
    finally:
        path.chmod(before)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process holds the store's only write lock for 30 s, or until the block ends."""
    SqliteStore.create(path).close()
    code = (
        "import sqlite3, sys, time\n"
        "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "connection.execute('BEGIN EXCLUSIVE')\n"
        "print('locked', flush=True)\n"
        "time.sleep(30)\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "locked\n"
        yield
        assert holder.poll() is None, "the lock was gone before the test was"
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


@contextmanager
def a_read_only_file(bench: Bench) -> Iterator[None]:
    SqliteStore.create(bench.store_path).close()
    with read_only(bench.store_path):
        yield


@contextmanager
def a_read_only_folder(bench: Bench) -> Iterator[None]:
    elsewhere = bench.folder / "read-only"
    elsewhere.mkdir()
    bench.environment = {"SOAKWATCH_STORE__PATH": str(elsewhere / "soakwatch.db")}
    with read_only(elsewhere):
        yield


@contextmanager
def a_full_disk(bench: Bench) -> Iterator[None]:
    folder = bench.folder / "full"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("may not mount a file system here; the limit on the size of files stands in for it")
    bench.environment = {"SOAKWATCH_STORE__PATH": str(folder / "soakwatch.db")}
    (folder / "others").write_bytes(bytes(256 * 1024))
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def files_that_cannot_grow(bench: Bench) -> Iterator[None]:
    SqliteStore.create(bench.store_path).close()
    yield


@contextmanager
def a_corrupt_file(bench: Bench) -> Iterator[None]:
    bench.store_path.write_bytes(b"this was never a database\n" * 1000)
    yield


@contextmanager
def a_torn_file(bench: Bench) -> Iterator[None]:
    SqliteStore.create(bench.store_path).close()
    with bench.store_path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (bench.store_path.stat().st_size - 4096))
    yield


@contextmanager
def a_locked_file(bench: Bench) -> Iterator[None]:
    with locked(bench.store_path):
        yield


@contextmanager
def a_directory(bench: Bench) -> Iterator[None]:
    bench.store_path.mkdir()
    yield


@dataclass(frozen=True)
class Trouble:
    """What is wrong, and what soakwatch has to say about it; what waits is kept where the spool still works."""

    cause: Callable[[Bench], AbstractContextManager[None]]
    sentence: str
    program: tuple[str, ...] = LAUNCHER
    kept: bool = True


TROUBLES = [
    Trouble(a_read_only_file, r"soakwatch\.db: .*readonly.*make the file and its folder writable", UNPRIVILEGED),
    Trouble(a_read_only_folder, r"read-only.*Permission denied", UNPRIVILEGED, kept=False),
    Trouble(a_full_disk, r"No space left on device", kept=False),
    Trouble(files_that_cannot_grow, r"spool cannot be written|soakwatch\.db: .*disk", LIMITED, kept=False),
    Trouble(a_corrupt_file, r"soakwatch\.db: .*not a database; move the file away"),
    Trouble(a_torn_file, r"soakwatch\.db: .*malformed; move the file away"),
    Trouble(a_locked_file, r"soakwatch\.db: .*locked; another process is writing"),
    Trouble(a_directory, r"soakwatch\.db is a directory; move it away"),
]  # fmt: skip


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.cause.__name__)
def test_a_store_in_trouble_changes_nothing_for_locust_and_is_named(
    trouble: Trouble, bench: Bench, plain: Plain
) -> None:
    with trouble.cause(bench):
        begin = time.monotonic()
        ended = run(bench, plain.ended.code, trouble.program)
        seconds = time.monotonic() - begin
        assert ended.code == plain.ended.code
        assert what_locust_said(ended) == what_locust_said(plain.ended)
        assert "Traceback" not in ended.output
        assert re.search(trouble.sentence, ended.output)
        assert seconds < plain.seconds + END_AT_ONCE
        reached = sum(bench.reached().values())
        assert reached >= 0.5 * plain.requests  # a bound against collapse: other tests share the cores
        if trouble.kept:
            assert waiting(bench) == reached
            assert f"{reached} requests wait in soakwatch.db.spool; the next run delivers them" in ended.output
        else:
            assert losses_in(ended) == reached


def losses_in(ended: Ended) -> int:
    """Requests that the output says are dropped, or wait."""
    numbers = re.findall(r"(\d+) requests (?:were dropped|wait)", ended.output)
    return sum(map(int, numbers))


def test_what_a_locked_store_did_not_take_is_delivered_by_the_next_run(bench: Bench) -> None:
    with locked(bench.store_path):
        first = run(bench)
    said = sum(bench.reached().values())
    assert f"{said} requests wait" in first.output
    second = run(bench)
    assert second.code == 0
    assert bench.stored() == bench.reached()
    assert waiting(bench) == 0
    assert [run.end is not None for run in bench.runs()] == [True, True]


def test_a_run_under_a_locked_store_says_that_its_requests_wait_and_not_that_they_are_lost(bench: Bench) -> None:
    with locked(bench.store_path):
        ended = run(bench)
    (line,) = ended.promised.values()
    reached = sum(bench.reached().values())
    assert f"waiting in the spool: {reached}" in line
    assert "lost" not in line
    assert "unexplained" not in line


def test_with_two_workers_under_a_locked_store_the_next_run_delivers_all(bench: Bench) -> None:
    with locked(bench.store_path):
        first = bench.start(*RUN, "--exit-code-on-error", "0", *processes(2)).wait(SECONDS + 30)
    assert first.code == 0
    assert "Traceback" not in first.output
    assert run(bench).code == 0
    assert bench.stored() == bench.reached()


def test_a_store_that_comes_back_during_the_run_takes_everything_in_this_run_and_what_waited_before(
    bench: Bench,
) -> None:
    with locked(bench.store_path):
        run(bench)
    with locked(bench.store_path):
        locust = bench.start(*RUN, "-t", "8", "--exit-code-on-error", "0")
        locust.wait_for("Windows wait in")
        time.sleep(1)
    ended = locust.wait()
    assert ended.code == 0
    assert "all windows are in the store again" in ended.output
    assert bench.stored() == bench.reached()


def test_a_spool_that_somebody_deletes_during_the_run_costs_what_was_in_it_and_no_more(bench: Bench) -> None:
    with locked(bench.store_path):
        locust = bench.start(*RUN, "-t", "8", "--exit-code-on-error", "0")
        locust.wait_for("Windows wait in")
        for file in Path(f"{bench.store_path}.spool").iterdir():
            file.unlink()
    ended = locust.wait()
    assert ended.code == 0
    assert "Traceback" not in ended.output
    assert sum(bench.stored().values()) > 0.4 * sum(bench.reached().values())


@dataclass(frozen=True)
class Wrong:
    """A wrong configuration, and what has to be said about it."""

    environment: dict[str, str]
    arguments: tuple[str, ...]
    reason: str


WRONG = {
    "a wrong key": Wrong({"SOAKWATCH_STORE__PAHT": "x"}, (), "SOAKWATCH_STORE__PAHT.*did you mean 'path'"),
    "a wrong value": Wrong({"SOAKWATCH_COLLECTOR__MAX_SERIES": "many"}, (), "MAX_SERIES.*many"),
    "an unknown variable": Wrong({"SOAKWATCH_STROE": "x"}, (), "SOAKWATCH_STROE.*did you mean 'store'"),
    "a missing file": Wrong({"SOAKWATCH_CONFIG": "nowhere.toml"}, (), "nowhere.toml: no such file"),
    "a wrong window": Wrong({}, ("--soakwatch-window", "0"), "--soakwatch-window: .*greater than or equal to 0.5"),
    "a window that is no number": Wrong({}, ("--soakwatch-window", "wide"), "--soakwatch-window: invalid float"),
}


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("program", [LAUNCHER, ("-m", "locust")], ids=["launcher", "import"])
@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_with_a_wrong_configuration_locust_does_not_start(
    bench: Bench, wrong: Wrong, program: tuple[str, ...], workers: int
) -> None:
    bench.environment = wrong.environment
    if program != LAUNCHER:
        with (bench.folder / "locustfile.py").open("a", encoding="utf-8") as file:
            file.write("\nimport soakwatch.collector.plugin\n")
    forks = processes(workers) if workers else ()
    ended = bench.start(*RUN, *wrong.arguments, *forks, program=program).wait(30)
    assert ended.code == 2
    assert re.search(wrong.reason, ended.output)
    assert "Traceback" not in ended.output
    assert not bench.reached()
    assert not bench.store_path.exists()


def test_a_wrong_configuration_file_is_named_with_its_place(bench: Bench) -> None:
    (bench.folder / "soakwatch.toml").write_text("[collector]\nwindow = 0\nmax_seris = 3\n", encoding="utf-8")
    ended = run(bench)
    assert ended.code == 2
    assert "soakwatch.toml: collector.window: " in ended.output
    assert "did you mean 'max_series'" in ended.output
    assert not bench.reached()


HOSTILE = """
from locust import User, constant, task, events
from locust.exception import StopUser

class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError("not to be printed")
    __repr__ = __str__

class Undecided(Exception):
    def __bool__(self):
        raise RuntimeError("neither true nor false")

class Unhelpful(dict):
    def get(self, *_):
        raise RuntimeError("gives nothing")
    __getitem__ = get

class Unloved:
    def __str__(self):
        raise RuntimeError("has no name")
    __repr__ = __str__

FINE = dict(request_type="GET", name="/fine", response_time=5.0, response_length=3, exception=None, context={})
VALUES = [
    dict(name=["a", "list"]), dict(name=""), dict(name="x" * 100_000), dict(name="%s {} \\n | <b>"),
    dict(request_type={}),
    dict(response_length=None), dict(response_length="long"),
    dict(response_length=-1), dict(response_length=1e300),
    dict(response_time="abc"), dict(response_time="12"),
    dict(response_time=None),
    dict(response_time=-1), dict(response_time=-1e-9), dict(response_time=0), dict(response_time=10**400),
    dict(response_time=1e300), dict(response_time=True), dict(response_time=[]),
    dict(exception="a string"), dict(exception=0), dict(exception=7), dict(exception=Exception()),
    dict(exception=Exception("x" * 1_000_000)), dict(exception=ValueError),
    dict(context=None), dict(context="not a dict"), dict(context=["service"]), dict(context=5),
    dict(context={"service": ["a"]}), dict(context={"service": None}), dict(context={"trace_id": object()}),
    dict(url=5), dict(url="http://[broken"), dict(response="none"), dict(start_time="yesterday"),
]
RAISING = [
    dict(exception=Unprintable()), dict(exception=Undecided()),
    dict(context=Unhelpful(a=1)), dict(context={"service": Unloved()}), dict(context={"trace_id": Unloved()}),
]
# after these Locust cannot print its own tables, and dies of it before its `quit` event
BREAKING = [
    dict(name=None), dict(name=7), dict(name=("a", "b")), dict(name="\\ud800"), dict(name=Unloved()),
    dict(request_type=None), dict(response_time=2 + 1j),
    dict(response_length=float("nan")), dict(response_length=float("inf")),
    dict(response_time=float("nan")), dict(response_time=float("inf")), dict(response_time=float("-inf")),
]

class Hostile(User):
    wait_time = constant(0.1)

    def on_start(self):
        # twice: the second one meets a window that is open already
        for _ in range(2):
            for change in CHANGES:
                try:
                    events.request.fire(**{**FINE, **change})
                except Exception as error:
                    print("fire raised", type(error).__name__)

    @task
    def fine(self):
        events.request.fire(**FINE)
"""


def run_hostile(bench: Bench, program: tuple[str, ...]) -> Ended:
    return bench.start(
        "--headless", "-u", "1", "-r", "1", "-t", "3", "--only-summary", "--exit-code-on-error", "0", program=program
    ).wait()


@pytest.mark.parametrize("changes", ["VALUES", "RAISING", "BREAKING"])
def test_events_with_hostile_arguments_do_what_they_do_to_plain_locust_and_are_accounted_for(
    changes: str, tmp_path: Path, host: str
) -> None:
    ended: dict[str, Ended] = {}
    for name, program in {"plain": ("-c", PLAIN), "ours": LAUNCHER}.items():
        (tmp_path / name).mkdir()
        bench = Bench(tmp_path / name, host, f"{HOSTILE}\nCHANGES = {changes}\n")
        ended[name] = run_hostile(bench, program)
        bench.close()
    assert ended["ours"].code == ended["plain"].code
    for symptom in ("Uncaught exception in event handler", "fire raised", "Traceback"):
        assert ended["ours"].output.count(symptom) == ended["plain"].output.count(symptom), symptom
    (run_,) = bench.runs()
    with SqliteStore.open(bench.store_path) as store:
        (tally,) = store.tallies(run_.id)
    assert tally.reached == tally.counted > 0
    if changes == "BREAKING":
        return
    assert run_.reconciled is not None
    assert run_.reconciled.unexplained == 0
    assert run_.reconciled.lost == 0
    assert run_.reconciled.stored == run_.reconciled.reached == run_.reconciled.locust


def test_after_kill_9_the_next_run_delivers_what_the_spool_held(bench: Bench) -> None:
    with locked(bench.store_path):
        locust = bench.start(*RUN, "-t", "60")
        locust.wait_for("Windows wait in")
        time.sleep(2)
        locust.process.kill()
        locust.process.wait()
    held = waiting(bench)
    # at most the open window and the one on its way to the disk are not in it: two seconds at 40 requests a second
    assert sum(bench.reached().values()) - held <= 2 * 40 * 1.2
    before = bench.reached()
    ended = run(bench)
    later = sum((bench.reached() - before).values())
    assert ended.code == 0
    assert held > 0
    assert sum(bench.stored().values()) == held + later
    assert waiting(bench) == 0


def test_after_kill_9_a_record_that_was_half_written_does_not_hide_those_before_it(bench: Bench) -> None:
    with locked(bench.store_path):
        locust = bench.start(*RUN, "-t", "60")
        locust.wait_for("Windows wait in")
        time.sleep(1)
        locust.process.kill()
        locust.process.wait()
    held = waiting(bench)
    (segment,) = Path(f"{bench.store_path}.spool").glob("*.spool")
    with segment.open("ab") as file:
        file.write(b"SWS1\xff\xff\x00\x00half of a rec")
    before = bench.reached()
    ended = run(bench)
    assert ended.code == 0
    assert "Traceback" not in ended.output
    assert sum(bench.stored().values()) == held + sum((bench.reached() - before).values())


def signal_twice(locust: Locust, number: int) -> Ended:
    locust.wait_for_users()
    time.sleep(2.5)
    locust.signal(number)
    time.sleep(0.5)
    locust.signal(number)
    return locust.wait(30)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("store", ["healthy", "locked"])
def test_a_signal_given_twice_ends_locust_and_every_window_is_in_the_store_or_the_spool(
    bench: Bench, number: int, store: str
) -> None:
    with locked(bench.store_path) if store == "locked" else files_that_cannot_grow(bench):
        ended = signal_twice(bench.start(*RUN, "-t", "60", "--exit-code-on-error", "0"), number)
        assert "Uncaught" not in ended.output
        reached = bench.reached()
    before = Counter(bench.stored())
    assert sum(before.values()) + waiting(bench) == sum(reached.values())
    run(bench)
    assert bench.stored() == bench.reached()


def test_a_locust_that_cannot_write_anything_still_ends_with_its_own_code(bench: Bench) -> None:
    bench.environment = {"SOAKWATCH_STORE__PATH": "/proc/soakwatch/soakwatch.db"}
    ended = run(bench)
    assert ended.code == 0
    assert "Traceback" not in ended.output
    assert "/proc/soakwatch" in ended.output
    assert losses_in(ended) == sum(bench.reached().values())
