"""The plugin inside Locust: how it is loaded, what each process stores, what a run says of itself."""

import hashlib
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from locust_runs import COUNTING, LOCUSTFILE, Bench, Ended, free_port, processes

from soakwatch.core.run import Outcome, Run
from soakwatch.core.window import ErrorCount, LoadSample, Window
from soakwatch.store.sqlite import SqliteStore

pytestmark = pytest.mark.processes

PLAIN = """
import sys
at = sys.argv.index("--soakwatch-window")
del sys.argv[at : at + 2]
sys.argv[0] = "locust"
import locust.main
locust.main.main()
"""
"""Locust without soakwatch, and so without its options."""


@pytest.fixture
def make(tmp_path: Path, host: str) -> Iterator["Maker"]:
    maker = Maker(tmp_path, host)
    yield maker
    maker.close()


class Maker:
    """Makes benches in folders of their own."""

    def __init__(self, folder: Path, host: str) -> None:
        self.folder = folder
        self.host = host
        self.made: list[Bench] = []

    def bench(self, locustfile: str, host: str | None = None) -> Bench:
        folder = self.folder / f"bench-{len(self.made)}"
        folder.mkdir()
        self.made.append(Bench(folder, host or self.host, locustfile))
        return self.made[-1]

    def close(self) -> None:
        for bench in self.made:
            bench.close()


def only_run(bench: Bench) -> Run:
    (run,) = bench.runs()
    return run


def windows(bench: Bench) -> list[Window]:
    with SqliteStore.open(bench.store_path) as store:
        return list(store.windows(only_run(bench).id))


def errors(bench: Bench) -> list[ErrorCount]:
    with SqliteStore.open(bench.store_path) as store:
        return list(store.errors(only_run(bench).id))


def load(bench: Bench) -> list[LoadSample]:
    with SqliteStore.open(bench.store_path) as store:
        return list(store.load(only_run(bench).id))


def python(code: str, *arguments: str, folder: Path) -> str:
    return subprocess.run(
        [sys.executable, *arguments, "-c", code], cwd=folder, check=True, capture_output=True, text=True, timeout=60
    ).stdout


def test_help_of_the_launcher_shows_the_options_with_an_untouched_locustfile(bench: Bench) -> None:
    ended = bench.start("--help").wait()
    assert ended.code == 0
    _, group, options = ended.output.partition("\nsoakwatch:")
    assert group
    for option in ("environment", "test", "version", "commit", "window"):
        assert f"--soakwatch-{option}" in options


@pytest.mark.parametrize("workers", [0, 2])
def test_loading_it_by_launcher_import_and_shim_counts_once(bench: Bench, workers: int) -> None:
    (bench.folder / "shim.py").write_text("import soakwatch.collector.plugin\n", encoding="utf-8")
    with (bench.folder / "locustfile.py").open("a", encoding="utf-8") as file:
        file.write("\nimport soakwatch.collector.plugin\n")
    forks = processes(workers) if workers else ()
    ended = bench.headless("-f", "shim.py,locustfile.py", *forks).wait()
    assert ended.code == 0
    assert sum(bench.reached().values()) > 50
    assert bench.stored() == bench.reached()


def test_a_shim_is_all_that_plain_locust_needs(bench: Bench) -> None:
    (bench.folder / "shim.py").write_text("import soakwatch.collector.plugin\n", encoding="utf-8")
    ended = bench.start(
        *("--headless", "-u", "8", "-r", "100", "-t", "3", "--exit-code-on-error", "0"),
        *("-f", "shim.py,locustfile.py"),
        program=("-m", "locust"),
    ).wait()
    assert ended.code == 0
    assert bench.stored() == bench.reached()


def test_importing_the_plugin_starts_nothing(tmp_path: Path) -> None:
    code = """
import gc, os, threading
import locust.main
import gevent, greenlet

def alive():
    greenlets = sum(isinstance(thing, greenlet.greenlet) and not thing.dead for thing in gc.get_objects())
    descriptors = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
    files = sorted(os.readlink(descriptor) for descriptor in descriptors if os.path.exists(descriptor))
    return greenlets, threading.active_count(), len(os.listdir("/proc/self/task")), files

gevent.sleep(0)
before = alive()
import soakwatch.collector.plugin
gevent.sleep(0)
after = alive()
assert after == before, (before, after)
print("nothing started")
"""
    assert python(code, folder=tmp_path) == "nothing started\n"
    assert not list(tmp_path.iterdir())


def test_importing_the_plugin_loads_no_heavy_library(tmp_path: Path) -> None:
    code = """
import sys
import locust.main
before = set(sys.modules)
import soakwatch.collector.plugin
new = {name.partition(".")[0] for name in set(sys.modules) - before}
print(sorted(new & {"scipy", "numpy", "plotly", "github", "apscheduler", "jinja2", "rich", "typer"}))
"""
    assert python(code, folder=tmp_path) == "[]\n"


def test_each_of_two_worker_processes_has_a_source_of_its_own(bench: Bench) -> None:
    bench.headless(*processes(2), seconds=4).wait()
    by_source = {window.source for window in windows(bench)}
    assert len(by_source) == 2
    with SqliteStore.open(bench.store_path) as store:
        tallies = store.tallies(only_run(bench).id)
    assert by_source < {tally.source for tally in tallies}
    assert all(tally.final for tally in tallies)


ON_ANOTHER_MACHINE = """
import sys
from pathlib import Path
import locust.main
import soakwatch.collector.machine
# a boot id of its own is what makes another machine
soakwatch.collector.machine._BOOT_ID = Path("another-boot-id")
import soakwatch.collector.launcher
soakwatch.collector.launcher.main()
"""

IN_ANOTHER_NAMESPACE = """
import os, sys
script = 'mount --bind another-boot-id /proc/sys/kernel/random/boot_id && exec "$@"'
locust = [sys.executable, "-m", "soakwatch.collector.launcher", *sys.argv[1:]]
os.execvp("unshare", ["unshare", "-m", "sh", "-c", script, "sh", *locust])
"""


def may_unshare() -> bool:
    script = "mount --bind /dev/null /proc/sys/kernel/random/boot_id"
    try:
        tried = subprocess.run(["unshare", "-m", "sh", "-c", script], check=False, capture_output=True)
    except FileNotFoundError:
        return False
    return tried.returncode == 0


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(ON_ANOTHER_MACHINE, id="another file"),
        pytest.param(IN_ANOTHER_NAMESPACE, id="another mount namespace"),
    ],
)
def test_a_worker_on_another_machine_stores_nothing_says_why_and_is_named_at_the_end(
    bench: Bench, program: str
) -> None:
    if program is IN_ANOTHER_NAMESPACE and not may_unshare():
        pytest.skip("may not make a mount namespace here; the other case stands in for it")
    (bench.folder / "another-boot-id").write_text("7e57ab1e-0000-4000-8000-000000000000\n", encoding="ascii")
    port = str(free_port())
    master = bench.headless("--master", "--master-bind-port", port, "--expect-workers", "2", seconds=4)
    here = bench.start("--worker", "--master-port", port)
    there = bench.start("--worker", "--master-port", port, program=("-c", program))
    ended = master.wait()
    here.wait()
    far = there.wait()
    assert ended.code == 0
    assert "runs on another machine than its master" in far.output
    assert "need InfluxDB" in far.output
    assert "Traceback" not in far.output
    assert len({window.source for window in windows(bench)}) == 1
    result = only_run(bench).reconciled
    assert result is not None
    assert result.unexplained == 0
    assert result.locust == result.reached == sum(bench.reached().values())
    assert result.lost == result.reached - result.stored > 0
    (silent,) = result.silent_sources
    assert f"no last record from: {silent}" in ended.output
    assert silent not in {window.source for window in windows(bench)}


def test_a_worker_whose_master_does_not_run_soakwatch_says_so_and_stores_nothing(bench: Bench) -> None:
    port = str(free_port())
    master = bench.start(
        *("--headless", "-u", "4", "-r", "100", "-t", "3", "--exit-code-on-error", "0"),
        *("--master", "--master-bind-port", port, "--expect-workers", "1"),
        program=("-c", PLAIN),
    )
    worker = bench.start("--worker", "--master-port", port)
    assert master.wait().code == 0
    ended = worker.wait()
    assert ended.code == 0
    assert "the master does not run soakwatch" in ended.output
    assert not bench.store_path.exists() or not bench.runs()


SERVICES = """
from locust import FastHttpUser, constant, task

class Visitor(FastHttpUser):
    wait_time = constant(0.05)

    @task
    def all(self):
        self.client.get("/query", name="rag_service: /query")
        self.client.post("/orders/7", name="/orders/[id]", json={})
        self.client.get("/page", context={"service": "frontend"})
        self.client.get("/page", name="/page", context={"service": "backend"})
        self.client.get("/else")
"""

RULES = """
[[service]]
name = "order_service"
endpoint = "/orders/*"
method = "POST"
"""


def test_services_come_from_the_context_the_rules_the_name_or_the_host(make: Maker) -> None:
    bench = make.bench(SERVICES)
    (bench.folder / "soakwatch.toml").write_text(RULES, encoding="utf-8")
    bench.headless().wait()
    found = {(window.series.service, window.series.method, window.series.endpoint) for window in windows(bench)}
    address = bench.host.removeprefix("http://")
    assert found == {
        ("rag_service", "GET", "/query"),
        ("order_service", "POST", "/orders/[id]"),
        ("frontend", "GET", "/page"),
        ("backend", "GET", "/page"),
        (address, "GET", "/else"),
    }
    assert sum(window.count for window in windows(bench)) == sum(bench.reached().values())


def test_users_and_cpu_of_each_load_generator_are_kept_and_the_master_is_none(bench: Bench) -> None:
    bench.headless(*processes(2), seconds=5, users=6).wait()
    samples = load(bench)
    by_start: dict[float, int] = {}
    for sample in samples:
        by_start[sample.start] = by_start.get(sample.start, 0) + sample.users
    assert {sample.source for sample in samples} == {window.source for window in windows(bench)}
    assert 6 in by_start.values()
    assert max(by_start.values()) == 6
    assert all(sample.width == 1.0 for sample in samples)
    # also in the first ten seconds, when Locust's own figure is still 0
    assert all(0 < sample.cpu < 400 for sample in samples)


FAILING = """
from locust import FastHttpUser, HttpUser, constant, task

class Visitor(FastHttpUser):
    wait_time = constant(0.05)

    @task
    def failing(self):
        self.client.get("/fail")
        with self.client.get("/page", catch_response=True) as answer:
            answer.failure("wrong content, token=abc123")

class Slow(HttpUser):
    wait_time = constant(0.05)

    @task
    def failing(self):
        self.client.get("/fail", name="/fail by requests")
"""


def test_errors_are_kept_by_kind_with_a_sample_that_hides_secrets(make: Maker) -> None:
    bench = make.bench(FAILING)
    bench.headless().wait()
    kinds = {(error.series.endpoint, error.kind) for error in errors(bench)}
    assert kinds == {
        ("/fail", "HTTP 503"),
        ("/fail by requests", "HTTP 503"),
        ("/page", "CatchResponseError"),
    }
    (sample,) = {error.sample for error in errors(bench) if error.series.endpoint == "/page"}
    assert "wrong content" in sample
    assert "abc123" not in sample
    assert all(window.failures == window.count for window in windows(bench))
    assert sum(error.count for error in errors(bench)) == sum(bench.reached().values())


def test_a_refused_connection_is_an_error_of_its_exceptions_kind(make: Maker) -> None:
    bench = make.bench(LOCUSTFILE, host=f"http://127.0.0.1:{free_port()}")
    ended = bench.headless().wait()
    assert ended.code == 0
    assert {error.kind for error in errors(bench)} == {"ConnectionRefusedError"}
    assert all("refused" in error.sample.lower() for error in errors(bench))
    assert bench.stored() == bench.reached()


def test_a_run_says_what_it_was(bench: Bench) -> None:
    begin = time.time()
    options = ("--soakwatch-version", "1.4.2", "--soakwatch-commit", "abc1234", "--soakwatch-environment", "staging")
    ended = bench.headless(*options, "--soakwatch-test", "nightly", "-r", "4", seconds=3, users=8).wait()
    end = time.time()
    run = only_run(bench)
    assert run.id in ended.promised
    assert (run.environment, run.test, run.version, run.commit) == ("staging", "nightly", "1.4.2", "abc1234")
    assert (run.host, run.users, run.spawn_rate) == (bench.host, 8, 4.0)
    assert Path(run.locustfile).name == "locustfile.py"
    locustfile = (bench.folder / "locustfile.py").read_bytes()
    assert run.locustfile_hash == hashlib.sha256(locustfile).hexdigest()[:12]
    assert run.locust_version == version("locust")
    assert run.outcome is Outcome.FINISHED
    assert run.end is not None
    assert begin < run.start < run.end < end
    assert 1 < run.end - run.start < 10
    assert {window.series.environment for window in windows(bench)} == {"staging"}
    assert {window.series.test for window in windows(bench)} == {"nightly"}


def test_the_same_is_said_of_a_run_with_two_worker_processes(bench: Bench) -> None:
    bench.headless(*processes(2), "--soakwatch-version", "1.4.2", seconds=4).wait()
    run = only_run(bench)
    assert (run.host, run.users, run.spawn_rate, run.version) == (bench.host, 8, 100.0, "1.4.2")
    assert run.outcome is Outcome.FINISHED
    assert run.locustfile_hash


def test_a_run_that_was_killed_stays_running(bench: Bench) -> None:
    process = bench.headless(seconds=60)
    process.wait_for_users()
    time.sleep(2)
    process.process.kill()
    process.process.wait()
    run = only_run(bench)
    assert run.outcome is Outcome.RUNNING
    assert run.end is None


def ended_of_two_programs(make: Maker, locustfile: str, *arguments: str) -> tuple[Ended, Ended]:
    run = ("--headless", "-u", "4", "-r", "100", "-t", "4", "--only-summary")
    plain = make.bench(locustfile).start(*run, *arguments, program=("-c", PLAIN)).wait()
    ours = make.bench(locustfile).start(*run, *arguments).wait()
    return plain, ours


HEALTHY = """
from locust import FastHttpUser, constant, events, task

class Visitor(FastHttpUser):
    wait_time = constant(0.02)

    @task
    def page(self):
        self.client.get("/page")
"""

LISTENER_RAISES = (
    HEALTHY
    + """
@events.request.add_listener
def broken(**_):
    raise RuntimeError("broken on purpose")
"""
)

FAILS_AT_ONCE = (
    HEALTHY
    + """
    def on_start(self):
        self.client.get("/fail")
"""
)
"""Requests fail at once, however few a busy machine makes."""

OWN_CODE = (
    FAILS_AT_ONCE
    + """
@events.quitting.add_listener
def decide(environment, **_):
    environment.process_exit_code = 7
"""
)


@pytest.mark.parametrize(
    ("locustfile", "arguments", "code"),
    [
        pytest.param(HEALTHY, (), 0, id="all is well"),
        pytest.param(FAILS_AT_ONCE, (), 1, id="requests fail"),
        pytest.param(FAILS_AT_ONCE, ("--exit-code-on-error", "0"), 0, id="requests fail and may"),
        pytest.param(LISTENER_RAISES, (), 2, id="a listener raises"),
        pytest.param(OWN_CODE, (), 7, id="the locustfile decides"),
        pytest.param(HEALTHY, ("-L", "LOUD"), 2, id="a wrong option of Locust's"),
        pytest.param("raise RuntimeError('no locustfile')\n", (), 1, id="a locustfile that raises"),
    ],
)
def test_exit_codes_are_those_of_plain_locust(
    make: Maker, locustfile: str, arguments: tuple[str, ...], code: int
) -> None:
    plain, ours = ended_of_two_programs(make, locustfile, *arguments)
    assert (plain.code, ours.code) == (code, code)


def test_a_user_debugged_by_run_single_user_needs_no_store(bench: Bench) -> None:
    code = f"""
import soakwatch.collector.plugin
{COUNTING}
from locust import FastHttpUser, task, run_single_user, events
class Visitor(FastHttpUser):
    host = {bench.host!r}
    @task
    def page(self):
        self.client.get("/page")
        raise SystemExit(0)
run_single_user(Visitor)
"""
    script = bench.folder / "debug.py"
    script.write_text(code, encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, str(script)],
        cwd=bench.folder,
        env={"SOAKWATCH_TEST_COUNTS": str(bench.folder / "counts"), "PATH": ""},
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert "soakwatch" not in ended.stdout
    assert not bench.store_path.exists()
