"""Real Locust processes against a real HTTP target, for tests."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from soakwatch.core.configuration import Configuration
from soakwatch.core.run import Run
from soakwatch.core.store_settings import StoreKind, StoreSection
from soakwatch.store.contract import WindowStore
from soakwatch.store.opening import open_store

TARGET = """
import sys
from gevent import monkey; monkey.patch_all()
from gevent.pywsgi import WSGIServer
import gevent

def answer(environ, start):
    gevent.sleep(0.005)
    status = "503 Service Unavailable" if environ["PATH_INFO"].startswith("/fail") else "200 OK"
    start(status, [("Content-Length", "2")])
    return [b"ok"]

server = WSGIServer(("127.0.0.1", 0), answer, log=None)
server.start()
print(server.server_port, flush=True)
server.serve_forever()
"""

COUNTING = """
import os
from locust.stats import StatsEntry

# what reached Locust's entries, written down request by request, so that it survives kill -9
_log = StatsEntry.log
def log(self, response_time, content_length):
    _log(self, response_time, content_length)
    if (self.method, self.name) != ("", "Aggregated"):
        path = os.path.join(os.environ["SOAKWATCH_TEST_COUNTS"], str(os.getpid()))
        with open(path, "ab", buffering=0) as file:
            file.write(f"{self.method} {self.name}\\n".encode())
StatsEntry.log = log
"""

LOCUSTFILE = """
from locust import FastHttpUser, constant, task, events

class Visitor(FastHttpUser):
    wait_time = constant(0.02)

    @task(5)
    def page(self):
        self.client.get("/page", name="shop: /page")

    @task(3)
    def order(self):
        self.client.post("/order", json={})

    @task(1)
    def failing(self):
        self.client.get("/fail")
"""

_PROMISED = re.compile(r"run (?P<run>\S+): (?P<line>reconciled .*)")


@contextmanager
def target() -> Iterator[str]:
    """A fast HTTP server; /fail answers 503. Gives its address."""
    process = subprocess.Popen([sys.executable, "-c", TARGET], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Ended:
    """A Locust process that has ended."""

    code: int
    output: str

    @property
    def promised(self) -> dict[str, str]:
        """What the end of each run said, by run; the last word counts."""
        return {match["run"]: match["line"] for match in _PROMISED.finditer(self.output)}


@dataclass
class Locust:
    """One Locust process."""

    process: subprocess.Popen[str]
    log: Path

    def wait_for_users(self) -> None:
        """Wait until all users are spawned, also where Locust gives up waiting for its workers to say so."""
        self.wait_for("All users spawned", "Spawning is complete")

    def wait_for(self, *texts: str, seconds: float = 30.0) -> None:
        """Wait until one of `texts` is in the log."""
        deadline = time.monotonic() + seconds
        while not any(text in self.log.read_text(encoding="utf-8") for text in texts):
            assert time.monotonic() < deadline, f"no {texts} in:\n{self.log.read_text(encoding='utf-8')}"
            assert self.process.poll() is None, self.log.read_text(encoding="utf-8")
            time.sleep(0.02)

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self, seconds: float = 60.0) -> Ended:
        try:
            code = self.process.wait(seconds)
        finally:
            self.kill()
        return Ended(code, self.log.read_text(encoding="utf-8"))

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@dataclass
class Bench:
    """A folder with a locustfile and a store, where Locust processes are started."""

    folder: Path
    host: str
    locustfile: str = LOCUSTFILE
    environment: Mapping[str, str] = field(default_factory=dict)
    started: list[Locust] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.folder / "counts").mkdir()
        self.rewrite(self.locustfile)

    def rewrite(self, locustfile: str) -> None:
        """Use another locustfile from now on."""
        (self.folder / "locustfile.py").write_text(COUNTING + locustfile, encoding="utf-8")

    def start(self, *arguments: str, program: Sequence[str] = ("-m", "soakwatch.collector.launcher")) -> Locust:
        log = self.folder / f"log-{len(self.started)}.txt"
        command = [sys.executable, *program, "--host", self.host, "--soakwatch-window", "1", *arguments]
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("SOAKWATCH_", "LOCUST_"))},
            "SOAKWATCH_TEST_COUNTS": str(self.folder / "counts"),
            "PYTHONWARNINGS": "ignore",
            **self.environment,
        }
        with log.open("w", encoding="utf-8") as output:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=environment,
                stdout=output,
                stderr=output,
                text=True,
                start_new_session=True,
            )
        locust = Locust(process, log)
        self.started.append(locust)
        return locust

    def headless(self, *arguments: str, seconds: int = 3, users: int = 8) -> Locust:
        always = ("--headless", "-r", "100", "--only-summary", "--exit-code-on-error", "0")
        return self.start(*always, "-u", str(users), "-t", str(seconds), *arguments)

    def with_page(self, workers: int = 0) -> tuple[Locust, str]:
        """Start Locust with its web page, and workers if any; gives the leader and the page's address."""
        web, port = free_port(), str(free_port())
        distributed = ("--master", "--master-bind-port", port) if workers else ()
        leader = self.start(
            "--web-host", "127.0.0.1", "--web-port", str(web), "--exit-code-on-error", "0", *distributed
        )  # fmt: skip
        for _ in range(workers):
            self.start("--worker", "--master-port", port)
        if workers:
            leader.wait_for(f"(index {workers - 1}) reported as ready")
        leader.wait_for("Starting web interface")
        _wait_for_port(web)
        return leader, f"http://127.0.0.1:{web}"

    @property
    def store_path(self) -> Path:
        return self.folder / "soakwatch.db"

    def open_store(self) -> WindowStore:
        """The InfluxDB that the environment names, else the SQLite file in the folder."""
        prefix = "SOAKWATCH_STORE__"
        named = {
            key.removeprefix(prefix).lower(): value for key, value in self.environment.items() if key.startswith(prefix)
        }
        if named.get("kind") != StoreKind.INFLUXDB:
            named = {}
        section = StoreSection.model_validate({**named, "path": self.store_path})
        return open_store(Configuration(store=section))

    def runs(self) -> list[Run]:
        with self.open_store() as store:
            return store.runs()

    def reached(self) -> Counter[str]:
        """Requests that reached Locust's entries in any process, by `METHOD name`."""
        files = (self.folder / "counts").iterdir()
        return Counter(line for file in files for line in file.read_text(encoding="utf-8").splitlines())

    def stored(self) -> Counter[str]:
        """Requests in the store over all runs, by `METHOD name`."""
        counts: Counter[str] = Counter()
        with self.open_store() as store:
            for run in store.runs():
                for window in store.windows(run.id):
                    series = window.series
                    name = f"shop: {series.endpoint}" if series.service == "shop" else series.endpoint
                    counts[f"{series.method} {name}"] += window.count
        return counts

    def close(self) -> None:
        for locust in self.started:
            with suppress(ProcessLookupError):
                os.killpg(locust.process.pid, signal.SIGKILL)
            locust.process.wait()


def processes(number: int) -> tuple[str, ...]:
    """Locust's options for so many forked workers, on a port of their own."""
    port = str(free_port())
    return ("--processes", str(number), "--master-bind-port", port, "--master-port", port)


def _wait_for_port(port: int, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise TimeoutError(f"nothing listens on port {port}")


def post(url: str, **form: object) -> None:
    """POST a form, as Locust's web page does."""
    data = "&".join(f"{key}={value}" for key, value in form.items()).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data=data), timeout=30) as answer:
        answer.read()
