"""Locust runs whose InfluxDB is behind a faulty proxy, for tests and benchmarks."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from faulty_proxy import FaultyProxy, answer_lost, answers, black_hole, cut_in_the_middle, late
from influxd_process import Server
from locust_runs import Bench, Ended, Locust

from soakwatch.collector.shipping import requests_in
from soakwatch.collector.spool import Spool
from soakwatch.store import rows

EXIT_CODE = 7
"""What Locust is told to end with, because requests fail: no trouble of ours ends with it."""

PACED = """
from locust import FastHttpUser, constant_pacing, task, events

# pacing rather than waiting: how many requests there are does not depend on how busy this machine is
class Visitor(FastHttpUser):
    wait_time = constant_pacing(0.25)

    def on_start(self):
        self.client.get("/fail")

    @task
    def page(self):
        self.client.get("/page", name="shop: /page")
"""

SECONDS_OF_A_LATE_FSYNC = 0.5

LATE_FSYNC = f"""
import os
from gevent.monkey import get_original

# the real ones: it is a native thread that waits for the disk
_fsync, _sleep = os.fsync, get_original("time", "sleep")
late_fsyncs = []
def late_fsync(descriptor):
    if not os.path.exists("a-fast-disk"):
        late_fsyncs.append(descriptor)
        _sleep({SECONDS_OF_A_LATE_FSYNC})
    _fsync(descriptor)
os.fsync = late_fsync
"""

STALLS = """
import time
import gevent
from locust import events

def watch():
    gevent.sleep(1)  # users are spawned in the first second
    with open("stalls.txt", "w", buffering=1) as file:
        while True:
            end, worst = time.perf_counter() + 1, 0.0
            while (begin := time.perf_counter()) < end:
                gevent.sleep(0.001)
                worst = max(worst, time.perf_counter() - begin - 0.001)
            file.write(f"{time.monotonic()} {worst} {len(late_fsyncs)}\\n")

@events.test_start.add_listener
def begin(**_):
    gevent.spawn(watch)
"""
"""A greenlet that writes down each second for how long it could not run; comes behind LATE_FSYNC."""

USERS = 10
REQUESTS_A_SECOND = 4 * USERS


@dataclass(frozen=True)
class Lengths:
    """How long faults last, in seconds: an outage, an answer that is waited for, one that is not."""

    outage: float
    slow_answer: float
    patience: float

    @property
    def too_slow_answer(self) -> float:
        """Longer than the store's timeout."""
        return self.patience + 1.0


SHORT = Lengths(outage=1.5, slow_answer=1.0, patience=2.5)
FULL = Lengths(outage=20.0, slow_answer=10.0, patience=12.0)
LENGTHS = FULL if os.environ.get("SOAKWATCH_TEST_FAULTS") == "full" else SHORT


@dataclass(frozen=True)
class Stall:
    """The longest time, in seconds, for which the event loop stood still in the second that ended at `at` (monotonic).

    `late_fsyncs` were late up to then.
    """

    at: float
    longest: float
    late_fsyncs: int


Cause = Callable[[FaultyProxy], AbstractContextManager[None]]
"""Makes a fault, until the block ends."""


def switched(lengths: Lengths) -> Mapping[str, Cause]:
    """Faults that begin and end while a test runs."""
    return {
        "down": lambda proxy: proxy.down(),
        "black hole": lambda proxy: proxy.doing(black_hole),
        "late answers": lambda proxy: proxy.doing(late(lengths.slow_answer)),
        "too late answers": lambda proxy: proxy.doing(late(lengths.too_slow_answer)),
        "500": lambda proxy: proxy.doing(answers(500)),
        "429": lambda proxy: proxy.doing(answers(429)),
        "503 with Retry-After": lambda proxy: proxy.doing(answers(503, Retry_After="1")),
        "401": lambda proxy: proxy.doing(answers(401)),
        "404": lambda proxy: proxy.doing(answers(404)),
        "cut in the middle of a body": lambda proxy: proxy.doing(cut_in_the_middle),
        "answer lost": lambda proxy: proxy.doing(answer_lost),
    }


@dataclass
class FaultBench:
    """A bench whose store is an InfluxDB behind `proxy`; `token` must show up nowhere."""

    bench: Bench
    proxy: FaultyProxy
    token: str

    @property
    def spool(self) -> Path:
        """Where windows wait."""
        return Path(self.bench.environment["SOAKWATCH_STORE__SPOOL"])

    def start(self, seconds: float, *arguments: str) -> Locust:
        """Start Locust for so many seconds."""
        always = ("--headless", "-r", "100", "--only-summary", "--exit-code-on-error", str(EXIT_CODE))
        return self.bench.start(*always, "-u", str(USERS), "-t", str(round(seconds)), *arguments)

    def set(self, **values: object) -> None:
        """Set keys of [store] for the processes started from now on."""
        named = {f"SOAKWATCH_STORE__{key.upper()}": str(value) for key, value in values.items()}
        self.bench.environment = {**self.bench.environment, **named}

    def wait_for_writes(self, number: int, seconds: float = 30.0) -> None:
        """Wait until so many more requests to write have come to the proxy."""
        before = len(self.proxy.writes)
        until(lambda: len(self.proxy.writes) >= before + number, f"{number} requests to write", seconds)

    def held(self) -> int:
        """Requests in the spools that ended processes left."""
        spools = Spool.orphans(self.spool, limit=1 << 30) if self.spool.exists() else []
        try:
            return sum(requests_in(rows.decode(payload)) for spool in spools for payload in spool.waiting())
        finally:
            for spool in spools:
                spool.close()

    def stalls(self) -> list[Stall]:
        """What the greenlet of STALLS saw, second by second."""
        lines = (self.bench.folder / "stalls.txt").read_text(encoding="utf-8").splitlines()
        return [Stall(float(at), float(longest), int(fsyncs)) for at, longest, fsyncs in map(str.split, lines)]

    def reached(self) -> int:
        """Requests that reached Locust's entries."""
        return self.bench.reached().total()

    def stored(self) -> int:
        """Requests in the store."""
        return self.bench.stored().total()

    def hold_harmless(self, ended: Ended) -> None:
        """Locust's exit code is its own, there is no traceback, and nobody can read the token."""
        assert self.reached() > 0, "Locust made no requests in its time"
        assert ended.code == EXIT_CODE, ended.output
        assert "Traceback" not in ended.output
        self.hold_secret()

    def hold_secret(self) -> None:
        """The token is in no log, no spool, no dead letter."""
        written = [*self.bench.folder.rglob("*"), *self.spool.rglob("*")]
        files = [file for file in written if file.is_file() and file.suffix != ".token"]
        assert [file for file in files if self.token.encode() in file.read_bytes()] == []

    def hold_complete(self) -> None:
        """What was counted is stored, to the request, and nothing waits any more."""
        assert self.bench.stored() == self.bench.reached()
        assert self.held() == 0


def until(condition: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Wait for `condition`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


@contextmanager
def proxied(upstream: str) -> Iterator[FaultyProxy]:
    """A proxy in front of `upstream`."""
    proxy = FaultyProxy(upstream)
    try:
        yield proxy
    finally:
        proxy.close()


@contextmanager
def fault_bench(
    folder: Path, host: str, proxy: FaultyProxy, server: Server, locustfile: str = PACED
) -> Iterator[FaultBench]:
    """A bench with buckets of its own on `server`, asked by way of `proxy`; they are gone afterwards."""
    bucket = f"faults_{uuid4().hex[:12]}"
    server.make_buckets(bucket)
    bench = Bench(folder, host, locustfile)
    made = FaultBench(bench, proxy, server.token)
    made.set(kind="influxdb", url=proxy.url, org=server.org, bucket=bucket, token=server.token)
    made.set(spool=folder / "soakwatch.spool")
    try:
        yield made
    finally:
        bench.close()
        server.delete_buckets(bucket)
