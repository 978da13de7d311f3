"""Faults of InfluxDB and of the disk cost Locust nothing, and the store no request; each with real processes."""

import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from command_line import soakwatch
from fault_runs import (
    LATE_FSYNC,
    LENGTHS,
    PACED,
    REQUESTS_A_SECOND,
    SECONDS_OF_A_LATE_FSYNC,
    STALLS,
    FaultBench,
    fault_bench,
    proxied,
    switched,
)
from faulty_proxy import Exchange, FaultyProxy, answers, black_hole, refuses
from influxd_process import PROGRAM, InfluxdProcess, Server
from locust_runs import Ended, Locust, free_port, processes

from soakwatch.collector.dead_letters import DeadLetters
from soakwatch.collector.shipping import requests_in

pytestmark = [pytest.mark.processes, pytest.mark.influxdb, pytest.mark.timeout(600)]

SWITCHED = switched(LENGTHS)

RETRY_AFTER = 2.0

SENTENCES = {
    "down": "nothing answers there|the connection broke",
    "black hole": "no answer in time",
    "too late answers": "no answer in time",
    "500": "the server answers 500",
    "429": "fewer requests",
    "503 with Retry-After": "the server answers 503",
    "cut in the middle of a body": "the connection broke",
    "answer lost": "the connection broke",
}
"""What is said of faults that come and go. 401 and 404 are a real server's, in tests of their own."""

A_RUN = 4.0
"""Seconds of a run. On a busy machine Locust counts the time in which it starts to it."""

RECOVERY = 5.0
"""Seconds that a run has before and after a fault."""

END_AT_ONCE = 8.0
"""Seconds that the end of a run may take: a bound against hanging."""


@pytest.fixture
def proxy(influxdb: Server) -> Iterator[FaultyProxy]:
    with proxied(influxdb.url) as made:
        yield made


@pytest.fixture
def faults(tmp_path: Path, host: str, influxdb: Server, proxy: FaultyProxy) -> Iterator[FaultBench]:
    with fault_bench(tmp_path, host, proxy, influxdb) as made:
        yield made


def replay(faults: FaultBench, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**faults.bench.environment, "NO_COLOR": "1"}
    done = soakwatch("spool", "replay", *arguments, folder=faults.bench.folder, environment=environment)
    assert faults.token not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def went_on(faults: FaultBench, locust: Locust) -> Ended:
    """Let the run end, hold that it is unharmed."""
    ended = locust.wait(LENGTHS.outage * 4 + 60)
    faults.hold_harmless(ended)
    return ended


@pytest.mark.parametrize("fault", SENTENCES)
def test_a_fault_in_the_middle_of_a_run_changes_nothing_for_locust_and_costs_no_request(
    faults: FaultBench, fault: str
) -> None:
    faults.set(timeout=LENGTHS.patience)
    seconds = LENGTHS.outage + (LENGTHS.patience if "in time" in SENTENCES[fault] else 0)
    locust = faults.start(seconds + RECOVERY)
    faults.wait_for_writes(2)
    with SWITCHED[fault](faults.proxy):
        time.sleep(seconds)
    ended = went_on(faults, locust)
    faults.hold_complete()
    said = re.findall(rf"(?:{SENTENCES[fault]}).*Windows wait in", ended.output)
    assert said
    assert len(said) == len(set(said))
    assert "reconciled" in next(iter(ended.promised.values()))


def test_answers_that_are_late_are_waited_for_without_a_word(faults: FaultBench) -> None:
    faults.set(timeout=LENGTHS.patience)
    locust = faults.start(LENGTHS.outage + RECOVERY)
    faults.wait_for_writes(2)
    with SWITCHED["late answers"](faults.proxy):
        time.sleep(LENGTHS.outage)
    ended = went_on(faults, locust)
    faults.hold_complete()
    assert "Windows wait in" not in ended.output


def test_a_server_that_asks_to_be_left_alone_is(faults: FaultBench) -> None:
    locust = faults.start(RETRY_AFTER + RECOVERY)
    faults.wait_for_writes(2)
    with faults.proxy.doing(answers(503, Retry_After=f"{RETRY_AFTER:g}")):
        faults.wait_for_writes(1)
    (asked,) = [write for write in faults.proxy.writes if write.fault == "answers 503"]
    ended = went_on(faults, locust)
    later = [write.at - asked.at for write in faults.proxy.writes if write.at > asked.at]
    assert min(later) >= RETRY_AFTER
    assert "503" in ended.output
    faults.hold_complete()


def test_a_server_that_is_down_at_the_start_gets_everything_when_it_comes(faults: FaultBench) -> None:
    with faults.proxy.down():
        locust = faults.start(LENGTHS.outage + RECOVERY)
        locust.wait_for("Windows wait in")
        time.sleep(LENGTHS.outage)
    ended = went_on(faults, locust)
    assert "all windows are in the store again" in ended.output
    assert ended.output.count("Windows wait in") == 1
    faults.hold_complete()


@pytest.mark.parametrize("fault", ["down", "black hole"])
def test_a_run_that_ends_in_a_fault_ends_at_once_and_a_replay_delivers_it_once(faults: FaultBench, fault: str) -> None:
    seconds = LENGTHS.outage + A_RUN
    locust = faults.start(seconds)
    faults.wait_for_writes(2)
    begin = time.monotonic()
    with SWITCHED[fault](faults.proxy):
        ended = went_on(faults, locust)
        assert time.monotonic() - begin < seconds + END_AT_ONCE
    (line,) = ended.promised.values()
    assert re.search(r"\d+ requests wait in \S*soakwatch\.spool; the next run delivers them", ended.output)
    assert "waiting in the spool" in line
    assert "lost" not in line
    assert "unexplained" not in line
    copy = shutil.copytree(faults.spool, faults.bench.folder / "copy")
    assert replay(faults).returncode == 0
    faults.hold_complete()
    shutil.copytree(copy, faults.spool, dirs_exist_ok=True)
    assert faults.held() > 0
    assert replay(faults).returncode == 0
    faults.hold_complete()


MANY_SERIES = f"""{PACED}
@events.test_start.add_listener
def burst(environment, **_):
    for number in range(1500):
        environment.events.request.fire(
            request_type="GET", name=f"/{{number}}", response_time=5.0, response_length=2, exception=None, context={{}}
        )
"""


def test_a_run_that_ends_with_a_thousand_points_waiting_for_a_server_that_says_nothing_ends_at_once(
    faults: FaultBench,
) -> None:
    faults.bench.rewrite(MANY_SERIES)
    with faults.proxy.doing(black_hole):
        begin = time.monotonic()
        went_on(faults, faults.start(A_RUN))
        assert time.monotonic() - begin < A_RUN + END_AT_ONCE
        assert faults.held() == faults.reached() > 1500
    assert replay(faults).returncode == 0
    faults.hold_complete()


def test_what_a_run_could_not_deliver_the_next_one_does(faults: FaultBench) -> None:
    with faults.proxy.down():
        first = went_on(faults, faults.start(A_RUN))
    assert f"{faults.reached()} requests wait in" in first.output
    assert faults.held() == faults.reached()
    second = went_on(faults, faults.start(A_RUN))
    assert "requests wait" not in second.output
    faults.hold_complete()
    assert len(faults.bench.runs()) == 2


def test_a_replay_while_the_server_is_down_says_so_and_keeps_everything(faults: FaultBench) -> None:
    with faults.proxy.down():
        went_on(faults, faults.start(A_RUN))
        held = faults.held()
        assert replay(faults).returncode == 3
    assert faults.held() == held == faults.reached()


def test_a_token_that_the_server_does_not_know_is_told_once_and_can_be_put_right_in_its_file(
    faults: FaultBench,
) -> None:
    file = faults.bench.folder / "influxdb.token"
    file.write_text("this-token-is-not-known-there", encoding="ascii")
    faults.set(token="", token_file=file)
    locust = faults.start(LENGTHS.outage + RECOVERY)
    locust.wait_for("Windows wait in")
    time.sleep(LENGTHS.outage)
    file.write_text(faults.token, encoding="ascii")
    ended = went_on(faults, locust)
    assert ended.output.count("Windows wait in") == 1
    assert "SOAKWATCH_STORE__TOKEN" in ended.output
    assert "this-token-is-not-known-there" not in ended.output
    faults.set(token=faults.token)
    faults.hold_complete()


def test_buckets_that_are_not_there_are_told_with_the_command_that_makes_them(
    faults: FaultBench, influxdb: Server
) -> None:
    bucket = f"{faults.bench.environment['SOAKWATCH_STORE__BUCKET']}_later"
    faults.set(bucket=bucket)
    locust = faults.start(LENGTHS.outage + RECOVERY)
    locust.wait_for("Windows wait in")
    time.sleep(LENGTHS.outage)
    influxdb.make_buckets(bucket)
    ended = went_on(faults, locust)
    assert "`soakwatch init --store influxdb`" in ended.output
    faults.hold_complete()


def test_a_batch_with_a_point_that_is_refused_loses_only_that_point(faults: FaultBench) -> None:
    faults.bench.rewrite(f"{PACED}\n    @task\n    def poisoned(self):\n        self.client.get('/poisoned')\n")
    with faults.proxy.doing(refuses("/poisoned")):
        ended = went_on(faults, faults.start(A_RUN))
    reached = faults.bench.reached()
    poisoned = reached.pop("GET /poisoned")
    assert poisoned > 0
    assert faults.bench.stored() == reached
    letters = list(DeadLetters(faults.spool).read())
    assert {point.series.endpoint for letter in letters for point in letter.points} == {"/poisoned"}  # type: ignore[union-attr]
    assert sum(requests_in(letter.points) for letter in letters) == poisoned
    (line,) = ended.promised.values()
    assert f"lost: {poisoned}" in line
    assert replay(faults, "--dead-letters").returncode == 0
    faults.hold_complete()


def test_a_server_that_is_killed_in_the_middle_of_a_write_and_started_again_has_everything(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, host: str
) -> None:
    if not PROGRAM.exists():
        pytest.skip(f"no {PROGRAM}: a server that is somebody else's cannot be killed")
    with (
        InfluxdProcess.running(tmp_path_factory.mktemp("influxd") / "data") as process,
        proxied(process.server.url) as proxy,
        fault_bench(tmp_path, host, proxy, process.server) as faults,
    ):
        locust = faults.start(LENGTHS.outage + RECOVERY)
        faults.wait_for_writes(4)
        killed = threading.Event()

        def killing(exchange: Exchange) -> None:
            threading.Timer(0.002, process.kill).start()
            exchange.answer_as(exchange.passed_on())
            killed.set()

        with proxy.doing(killing):
            assert killed.wait(30)
        time.sleep(LENGTHS.outage)
        process.start()
        went_on(faults, locust)
        faults.hold_complete()


def test_of_a_worker_that_is_killed_at_most_a_window_and_a_flush_is_missing_and_the_run_says_so(
    faults: FaultBench,
) -> None:
    port = str(free_port())
    # long enough for the worker that is started again to join well before the end, on a busy machine too: Locust
    # prints a traceback of its own when a worker's first report and the end of the test cross
    seconds = LENGTHS.outage + 4 * RECOVERY
    leader = faults.start(seconds, "--master", "--master-bind-port", port, "--expect-workers", "2")
    workers = [faults.bench.start("--worker", "--master-port", port) for _ in range(2)]
    leader.wait_for_users()
    time.sleep(2.5)
    workers[0].process.kill()
    workers[0].process.wait()
    time.sleep(1)
    again = faults.bench.start("--worker", "--master-port", port)
    leader.wait_for("(index 2) reported as ready")
    ended = went_on(faults, leader)
    for worker in (workers[1], again):
        assert "Traceback" not in worker.wait(20).output
    missing = faults.reached() - faults.stored()
    # half of the requests are its; a window of one second was open, and one may have been on its way to the disk
    assert 0 <= missing <= 2 * (REQUESTS_A_SECOND // 2)
    (line,) = ended.promised.values()
    assert "no last record from: " in line
    assert "(more may be missing)" in line
    (run,) = faults.bench.runs()
    assert run.reconciled is not None
    assert run.reconciled.lost <= missing
    assert run.reconciled.unexplained == 0


def test_two_workers_that_spool_at_once_deliver_both(faults: FaultBench) -> None:
    locust = faults.start(LENGTHS.outage + RECOVERY, *processes(2))
    faults.wait_for_writes(3)
    with faults.proxy.down():
        time.sleep(LENGTHS.outage)
    ended = went_on(faults, locust)
    faults.hold_complete()
    (line,) = ended.promised.values()
    assert "no last record" not in line


def test_two_runs_of_one_test_inside_one_window_do_not_overwrite_each_other(faults: FaultBench) -> None:
    wide = ("--soakwatch-window", "300")
    together = [faults.start(A_RUN, *wide) for _ in range(2)]
    for locust in together:
        went_on(faults, locust)
    faults.hold_complete()
    assert len(faults.bench.runs()) == 2


@contextmanager
def a_full_disk(faults: FaultBench) -> Iterator[None]:
    folder = faults.bench.folder / "full"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("may not mount a file system here")
    faults.set(spool=folder / "spool")
    (folder / "others").write_bytes(bytes(64 * 1024))
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_spool_whose_disk_is_full_is_told_and_the_store_gets_everything_all_the_same(faults: FaultBench) -> None:
    with a_full_disk(faults):
        ended = went_on(faults, faults.start(A_RUN))
        assert "No space left on device" in ended.output
        faults.hold_complete()


def test_with_the_spools_disk_full_and_the_server_down_every_request_that_is_lost_is_counted(
    faults: FaultBench,
) -> None:
    with a_full_disk(faults), faults.proxy.down():
        ended = went_on(faults, faults.start(A_RUN))
        dropped = sum(map(int, re.findall(r"(\d+) requests were dropped", ended.output)))
        assert dropped == faults.reached()


def test_a_spool_that_was_cut_in_the_middle_of_a_record_delivers_all_before_it(faults: FaultBench) -> None:
    with faults.proxy.down():
        locust = faults.start(60)
        locust.wait_for("Windows wait in")
        time.sleep(LENGTHS.outage)
        locust.kill()
    faults.hold_secret()
    (segment,) = faults.spool.glob("*.spool")
    with segment.open("ab") as file:
        file.write(b"SWS1\xff\xff\x00\x00half of a rec")
    whole = faults.held()
    with segment.open("r+b") as file:
        file.truncate(segment.stat().st_size - 40)
    held = faults.held()
    assert 0 < held <= whole
    before = faults.reached()
    went_on(faults, faults.start(A_RUN))
    assert faults.stored() == held + faults.reached() - before
    assert faults.held() == 0


def test_a_disk_that_takes_half_a_second_for_each_fsync_does_not_stall_the_event_loop(faults: FaultBench) -> None:
    faults.bench.rewrite(PACED + LATE_FSYNC + STALLS)
    ended = went_on(faults, faults.start(LENGTHS.outage + A_RUN))
    stalls = faults.stalls()
    assert "fsync" not in ended.output
    assert stalls[-1].late_fsyncs >= 2
    # a bound against waiting for one of them; benchmarks/faults.py measures it
    assert max(stall.longest for stall in stalls) < 0.9 * SECONDS_OF_A_LATE_FSYNC
    faults.hold_complete()
