"""What is kept of a run besides its windows; each case with real Locust processes."""

import time
from pathlib import Path

import pytest
from locust_runs import LOCUSTFILE, Bench, free_port, processes

from soakwatch.core.environment_variables import TOKEN_VARIABLE
from soakwatch.core.run import Run
from soakwatch.core.span import Span
from soakwatch.core.store_settings import StoreKind, StoreSection
from soakwatch.store.sqlite import SqliteStore

pytestmark = pytest.mark.processes

EVER = Span(0.0, 1e11)

ON_ANOTHER_MACHINE = """
from pathlib import Path
import soakwatch.collector.machine
# a boot id of its own is what makes another machine
soakwatch.collector.machine._BOOT_ID = Path("another-boot-id")
import soakwatch.collector.launcher
soakwatch.collector.launcher.main()
"""

CLOCK_SET_BACK = """
import time
_time = time.time
_begin = time.monotonic()
time.time = lambda: _time() - (3600 if time.monotonic() - _begin > 2.5 else 0)
"""

TELLING_ITS_VERSION = """
import gevent
from gevent.pywsgi import WSGIServer

version = ["1.0"]
def answer(environ, start):
    start("200 OK", [])
    return [('{"build": {"version": "%s", "commit": "abc"}}' % version[0]).encode()]

server = WSGIServer(("127.0.0.1", PORT), answer, log=None)
server.start()

@events.test_start.add_listener
def deploy(**_):
    gevent.spawn_later(2, version.__setitem__, 0, "1.1")
"""


def only_run(bench: Bench) -> Run:
    (run,) = bench.runs()
    return run


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_is_kept_in_condensed_form_when_it_ends(bench: Bench, workers: int) -> None:
    bench.headless(*(processes(workers) if workers else ()), seconds=4).wait()
    run = only_run(bench)
    with SqliteStore.open(bench.store_path) as store:
        kept, load = store.run_series(run.id), store.run_load(run.id)
        windows = list(store.windows(run.id))
    assert sum(block.count for series in kept for block in series.blocks) == sum(bench.reached().values())
    assert {series.series for series in kept} == {window.series for window in windows}
    assert sum(error.count for series in kept for error in series.errors) == bench.reached()["GET /fail"]
    assert load is not None
    assert max(block.users for block in load.blocks) == 8


def test_each_process_tells_how_delivery_is_doing(bench: Bench) -> None:
    bench.headless(*processes(2), seconds=5).wait()
    with SqliteStore.open(bench.store_path) as store:
        told = store.health(EVER)
        windows = list(store.windows(only_run(bench).id))
    workers = {window.source for window in windows}
    assert len(workers) == 2
    assert workers < {health.source for health in told}
    for source in workers:
        own = [health for health in told if health.source == source]
        assert len(own) >= 3
        assert [health.written for health in own] == sorted(health.written for health in own)
        assert own[-1].written == sum(window.count for window in windows if window.source == source)
        assert own[-1].spooled == 0
        assert all((health.dropped, health.retried) == (0, 0) for health in own)
        assert own[-1].lag < 5


def test_a_run_that_knows_its_version_is_a_deploy(bench: Bench) -> None:
    bench.headless("--soakwatch-version", "1.4.2", "--soakwatch-commit", "abc1234").wait()
    run = only_run(bench)
    with SqliteStore.open(bench.store_path) as store:
        (deploy,) = store.deploys(EVER)
    assert (deploy.environment, deploy.service, deploy.at) == (run.environment, "*", run.start)
    assert (deploy.version, deploy.commit, deploy.title) == ("1.4.2", "abc1234", f"run {run.id}")


def test_a_run_without_a_version_is_no_deploy(bench: Bench) -> None:
    bench.headless().wait()
    with SqliteStore.open(bench.store_path) as store:
        assert store.deploys(EVER) == []


def test_a_version_that_changes_during_the_test_is_a_deploy(tmp_path: Path, host: str) -> None:
    port = free_port()
    bench = Bench(tmp_path, host, LOCUSTFILE + TELLING_ITS_VERSION.replace("PORT", str(port)))
    (tmp_path / "soakwatch.toml").write_text(
        f"""
[[deploy]]
service = "shop"
version_url = "http://someone:s3cret@127.0.0.1:{port}/version?key=hidden"
version_field = "build.version"
commit_field = "build.commit"
interval = 1
[[deploy]]
version_url = "http://someone:s3cret@127.0.0.1:1/version?key=hidden"
interval = 1
""",
        encoding="utf-8",
    )
    ended = bench.headless(seconds=5).wait()
    bench.close()
    assert ended.code == 0
    with SqliteStore.open(bench.store_path) as store:
        deploys = store.deploys(EVER)
    assert [(one.service, one.version, one.commit) for one in deploys] == [
        ("shop", "1.0", "abc"),
        ("shop", "1.1", "abc"),
    ]
    assert 1 < deploys[1].at - deploys[0].at < 5
    assert ended.output.count("the version of '*' is not known: http://127.0.0.1:1/version") == 1
    for secret in ("s3cret", "hidden"):
        assert secret not in f"{ended.output} {deploys}"


def test_a_clock_that_is_set_back_does_not_hide_the_last_tally(tmp_path: Path, host: str) -> None:
    bench = Bench(tmp_path, host, CLOCK_SET_BACK + LOCUSTFILE)
    begin = time.time()
    bench.headless(seconds=5).wait()
    bench.close()
    run = only_run(bench)
    with SqliteStore.open(bench.store_path) as store:
        (tally,) = store.tallies(run.id)
    assert tally.final
    assert tally.at >= begin
    assert bench.stored() == bench.reached()


# InfluxDB, which need not be there for this


TOKEN = "a-token-not-to-be-shown"  # noqa: S105  (of no server)

AWAY = {
    "SOAKWATCH_STORE__KIND": "influxdb",
    "SOAKWATCH_STORE__URL": "http://127.0.0.1:1",
    TOKEN_VARIABLE: TOKEN,
}

SPOOL = StoreSection(kind=StoreKind.INFLUXDB, url="http://127.0.0.1:1").spool_folder


def test_a_run_without_its_server_ends_at_once_and_says_what_waits_where(bench: Bench) -> None:
    bench.environment = AWAY
    begin = time.monotonic()
    ended = bench.headless(seconds=4).wait()
    seconds = time.monotonic() - begin
    reached = sum(bench.reached().values())
    assert ended.code == 0
    assert "Traceback" not in ended.output
    assert list(ended.promised.values()) == [f"reconciled 0 of {reached}; waiting in the spool: {reached}"]
    assert f"{reached} requests wait in {SPOOL}; the next run delivers them" in ended.output
    assert TOKEN not in ended.output
    assert seconds < 4 + 10, "a bound against hanging"
    assert not bench.store_path.exists()


def test_without_a_token_locust_does_not_start(bench: Bench) -> None:
    bench.environment = {**AWAY, TOKEN_VARIABLE: ""}
    ended = bench.headless().wait(30)
    assert ended.code == 2
    assert f"set {TOKEN_VARIABLE}" in ended.output
    assert "Traceback" not in ended.output
    assert not bench.reached()


def test_workers_on_other_machines_may_write_to_a_server(bench: Bench) -> None:
    bench.environment = AWAY
    (bench.folder / "another-boot-id").write_text("7e57ab1e-0000-4000-8000-000000000000\n", encoding="ascii")
    port = str(free_port())
    master = bench.headless("--master", "--master-bind-port", port, "--expect-workers", "1", seconds=4)
    there = bench.start("--worker", "--master-port", port, program=("-c", ON_ANOTHER_MACHINE))
    ended, far = master.wait(), there.wait()
    assert ended.code == 0
    assert "another machine" not in far.output
    assert f"{sum(bench.reached().values())} requests wait in {SPOOL}" in far.output


def test_the_working_directory_may_change_during_the_test(tmp_path: Path, host: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    leaving = "\nimport os\n@events.test_start.add_listener\ndef leave(**_):\n    os.chdir('elsewhere')\n"
    bench = Bench(tmp_path, host, LOCUSTFILE + leaving)
    ended = bench.headless().wait()
    bench.close()
    assert ended.code == 0
    assert bench.stored() == bench.reached()
    assert not list((tmp_path / "elsewhere").iterdir())
