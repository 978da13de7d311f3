"""What Locust counted is what is stored, to the request, however a test ends; each case with real processes."""

import csv
import json
import os
import signal
import time
from pathlib import Path

import pytest
from locust_runs import LOCUSTFILE, Bench, Ended, Locust, free_port, post, processes

from soakwatch.core.run import Reconciliation

pytestmark = pytest.mark.processes


def last_reconciliation(bench: Bench) -> Reconciliation:
    found = bench.runs()[-1].reconciled
    assert found is not None
    return found


def assert_exact(bench: Bench, ended: Ended) -> None:
    """Nothing lost, nothing after the last report, nothing reset; in the store, in print, and by our own count."""
    total = sum(bench.reached().values())
    assert total > 50
    assert bench.stored() == bench.reached()
    assert last_reconciliation(bench) == Reconciliation(locust=total, stored=total, reached=total)
    assert f"reconciled {total:,} of {total:,}" in ended.promised.values()


def assert_identity(bench: Bench) -> Reconciliation:
    """Stored and lost add up to what is known to have reached Locust, and Locust's own total differs by causes only."""
    result = last_reconciliation(bench)
    assert result.unexplained == 0
    assert result.stored == sum(bench.stored().values())
    assert result.locust == result.reached - result.reset - result.after_last_report
    return result


@pytest.mark.parametrize("program", [("-m", "soakwatch.collector.launcher"), ("-m", "locust")])
def test_one_process_headless(bench: Bench, program: tuple[str, ...]) -> None:
    if program == ("-m", "locust"):
        with (bench.folder / "locustfile.py").open("a") as file:
            file.write("\nimport soakwatch.collector.plugin\n")
    ended = bench.start(
        "--headless", "-u", "8", "-r", "100", "-t", "3", "--exit-code-on-error", "0", program=program
    ).wait()
    assert ended.code == 0
    assert_exact(bench, ended)


def test_two_processes(bench: Bench) -> None:
    ended = bench.headless(*processes(2), seconds=4).wait()
    assert ended.code == 0
    assert_exact(bench, ended)


@pytest.mark.parametrize("number", [1, 2])
def test_statistics_written_as_json_are_exact_too_and_so_is_the_csv_beside_them(bench: Bench, number: int) -> None:
    """Locust empties its entries when it writes them as JSON, before its test has ended."""
    files = ("--json-file", "statistics", "--csv", "statistics")
    ended = bench.headless(*(processes(2) if number > 1 else ()), *files, seconds=4).wait()
    assert ended.code == 0
    assert_exact(bench, ended)
    written = json.loads((bench.folder / "statistics.json").read_text(encoding="utf-8"))
    total = sum(entry["num_requests"] for entry in written)
    assert total == sum(bench.reached().values())
    with (bench.folder / "statistics_stats.csv").open(encoding="utf-8") as file:
        (whole,) = [int(row["Request Count"]) for row in csv.DictReader(file) if row["Name"] == "Aggregated"]
    assert 0.5 * total < whole <= total


def start_distributed(bench: Bench, *arguments: str, workers: int = 2, seconds: int = 4) -> list[Locust]:
    port = str(free_port())
    master = bench.headless(
        "--master", "--master-bind-port", port, "--expect-workers", str(workers), *arguments, seconds=seconds
    )
    return [
        master,
        *(bench.start("--worker", "--master-port", port, "--exit-code-on-error", "0") for _ in range(workers)),
    ]


def test_a_master_and_two_workers_as_separate_processes(bench: Bench) -> None:
    master, *workers = start_distributed(bench)
    ended = master.wait()
    assert [ended.code, *(worker.wait().code for worker in workers)] == [0, 0, 0]
    assert_exact(bench, ended)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("whom", ["the master", "all processes"])
def test_ended_by_a_signal(bench: Bench, number: int, whom: str) -> None:
    master, *workers = start_distributed(bench, seconds=60)
    master.wait_for_users()
    time.sleep(2.5)
    for locust in [master] if whom == "the master" else [master, *workers]:
        locust.signal(number)
    ended = master.wait()
    assert [ended.code, *(worker.wait().code for worker in workers)] == [0, 0, 0]
    assert_exact(bench, ended)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_process_ended_by_a_signal(bench: Bench, number: int) -> None:
    locust = bench.headless(seconds=60)
    locust.wait_for_users()
    time.sleep(2.5)
    locust.signal(number)
    ended = locust.wait()
    assert ended.code == 0
    assert_exact(bench, ended)


def test_the_whole_process_group_gets_sigint_with_processes(bench: Bench) -> None:
    locust = bench.headless(*processes(2), seconds=60)
    locust.wait_for_users()
    time.sleep(2.5)
    os.killpg(locust.process.pid, signal.SIGINT)
    assert_exact(bench, locust.wait())


def test_ended_by_runner_quit_from_a_greenlet(tmp_path: Path, host: str) -> None:
    quitting = """
import gevent
@events.spawning_complete.add_listener
def leave(**_):
    gevent.spawn_later(2.5, events_runner.quit)
@events.init.add_listener
def remember(environment, **_):
    global events_runner
    events_runner = environment.runner
"""
    bench = Bench(tmp_path, host, LOCUSTFILE + quitting)
    ended = bench.headless(seconds=60).wait()
    bench.close()
    assert_exact(bench, ended)


def test_exceptions_in_tasks(tmp_path: Path, host: str) -> None:
    raising = """
    @task(2)
    def broken(self):
        self.client.get("/page")
        raise RuntimeError("broken on purpose")
"""
    bench = Bench(tmp_path, host, LOCUSTFILE + raising)
    ended = bench.headless(*processes(2), seconds=4).wait()
    bench.close()
    assert "broken on purpose" in ended.output
    assert_exact(bench, ended)


@pytest.mark.parametrize("workers", [0, 2])
def test_two_tests_from_the_web_page_at_once_one_after_the_other(bench: Bench, workers: int) -> None:
    leader, page = bench.with_page(workers)
    for _ in range(2):
        post(f"{page}/swarm", user_count=8, spawn_rate=100)
        time.sleep(2.5)
        post(f"{page}/stop")
    leader.wait_for("reconciled")
    time.sleep(1)
    leader.signal(signal.SIGINT)
    ended = leader.wait()
    runs = bench.runs()
    assert len(runs) == len(ended.promised) == 2
    assert bench.stored() == bench.reached()
    for run in runs:
        found = run.reconciled
        assert found is not None
        assert found == Reconciliation(locust=found.stored, stored=found.stored, reached=found.stored)
        assert found.stored > 50
    assert sum(run.reconciled.stored for run in runs if run.reconciled) == sum(bench.reached().values())


def test_worker_stops_that_take_longer_than_the_master_waits_are_shown_as_after_the_last_report(
    tmp_path: Path, host: str
) -> None:
    slow_stop = """
    def on_stop(self):
        import gevent
        gevent.sleep(1.5)
        self.client.get("/page")
"""
    bench = Bench(tmp_path, host, LOCUSTFILE + slow_stop)
    ended = bench.headless(*processes(2), seconds=4).wait()
    bench.close()
    result = assert_identity(bench)
    assert bench.stored() == bench.reached()
    assert result.after_last_report > 0
    assert f"after the last report: {result.after_last_report}" in ended.output


@pytest.mark.parametrize("workers", [0, 2])
def test_what_reset_stats_throws_away_is_shown_as_reset(bench: Bench, workers: int) -> None:
    ended = bench.start(
        *("--headless", "-u", "8", "-r", "4", "-t", "6", "--reset-stats", "--exit-code-on-error", "0"),
        *(processes(workers) if workers else ()),
    ).wait()
    result = assert_identity(bench)
    assert bench.stored() == bench.reached()
    assert result.reset > 0
    assert f"reset: {result.reset}" in ended.output


@pytest.mark.parametrize("workers", [0, 2])
def test_what_the_pages_reset_button_throws_away_is_shown_as_reset(bench: Bench, workers: int) -> None:
    leader, page = bench.with_page(workers)
    post(f"{page}/swarm", user_count=8, spawn_rate=100)
    time.sleep(4)
    post(f"{page}/stats/reset")
    time.sleep(1)
    post(f"{page}/stop")
    leader.wait_for("reconciled")
    leader.signal(signal.SIGINT)
    leader.wait()
    result = assert_identity(bench)
    assert bench.stored() == bench.reached()
    assert result.reset > 0


def test_a_worker_that_joins_late(bench: Bench) -> None:
    port = str(free_port())
    master = bench.headless("--master", "--master-bind-port", port, "--expect-workers", "1", seconds=8)
    bench.start("--worker", "--master-port", port)
    master.wait_for_users()
    time.sleep(1)
    bench.start("--worker", "--master-port", port)
    ended = master.wait()
    result = assert_identity(bench)
    assert bench.stored() == bench.reached()
    assert result.exact, ended.output


def test_a_worker_that_gets_a_signal_itself_loses_nothing(bench: Bench) -> None:
    master, first, _ = start_distributed(bench, seconds=8)
    master.wait_for_users()
    time.sleep(2)
    first.signal(signal.SIGTERM)
    ended = master.wait()
    assert_exact(bench, ended)


def test_a_killed_worker_costs_at_most_its_open_window_and_is_named(bench: Bench) -> None:
    master, first, _ = start_distributed(bench, seconds=9)
    master.wait_for_users()
    time.sleep(2.5)
    first.process.kill()
    ended = master.wait()
    result = assert_identity(bench)
    missing = sum(bench.reached().values()) - result.stored
    # at most one window and one flush of one second each, at about 8 users / 2 workers / (20 + 5 ms)
    assert 0 <= missing <= 400
    assert len(result.silent_sources) == 1
    assert f"no last record from: {result.silent_sources[0]}" in ended.output
