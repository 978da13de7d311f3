"""The stage of the long job: a target that is deployed, an InfluxDB, fakes of GitHub and Grafana, and the daemon."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from beside import beside
from fake_github import FakeGitHub
from fake_grafana import FakeGrafana
from influxd_process import InfluxdProcess
from locust_runs import free_port

from soakwatch.core.configuration import Configuration
from soakwatch.core.store_settings import StoreKind, StoreSection

LOCUSTFILE = Path(__file__).parent.parent / "demo" / "locustfile.py"
SOAK = "staging"
BUCKET = "soak"

_OURS = ("SOAKWATCH_", "GITHUB_")


@dataclass(frozen=True)
class Pace:
    """How fast time goes: settings of the detector, and how wide windows are. Durations in seconds, but for days."""

    window: float
    step: float
    time_scale: float
    learning: float
    rotate: float

    def toml(self, stage: "Stage") -> str:
        day = 86_400 * self.time_scale
        return f"""
environment = "staging"

[store]
kind = "influxdb"
url = "{stage.influxd.server.url}"
org = "{stage.influxd.server.org}"
bucket = "{BUCKET}"

[collector]
window = {self.window}

[detector]
step = {self.step}
time_scale = {self.time_scale}
learning = {self.learning / day}

[schedule]
issues = {self.step}
annotations = {self.step}
spool = 5
jitter = 0

[http]
port = 0

[github]
repository = "{stage.github.name}"
api_url = "{stage.github.url}"

[grafana]
url = "{stage.grafana.url}"

[[soak]]
name = "{SOAK}"
locustfile = "{LOCUSTFILE}"
host = "{stage.target_url}"
users = 24
spawn_rate = 24
processes = 2
rotate = {self.rotate:g}
version_url = "{stage.target_url}/version"
version_field = "version"
"""


@dataclass
class Stage:
    """Everything that takes part. The fakes live in this process, the others in processes of their own."""

    folder: Path
    influxd: InfluxdProcess
    github: FakeGitHub
    grafana: FakeGrafana
    port: int = field(default_factory=free_port)
    target: subprocess.Popen[bytes] | None = None
    daemon: subprocess.Popen[bytes] | None = None
    daemons: int = 0

    @classmethod
    @contextmanager
    def set_up(cls, folder: Path, pace: Pace) -> Iterator["Stage"]:
        """All but the daemon is at work; in the end nothing is."""
        with ExitStack() as stack:
            influxd = stack.enter_context(InfluxdProcess.running(folder / "influxd"))
            influxd.server.make_buckets(BUCKET)
            github = stack.enter_context(FakeGitHub.running())
            stage = cls(folder, influxd, github, stack.enter_context(FakeGrafana.running()))
            stack.callback(stage.end)
            (folder / "soakwatch.toml").write_text(pace.toml(stage), encoding="utf-8")
            stage.deploy("1.0")
            yield stage

    @property
    def target_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What the daemon and the commands beside it are given: all secrets."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith(_OURS)}
        return {
            **clean,
            "SOAKWATCH_STORE__TOKEN": self.influxd.server.token,
            "SOAKWATCH_GRAFANA__TOKEN": self.grafana.token,
            "GITHUB_TOKEN": self.github.token,
        }

    @property
    def configuration(self) -> Configuration:
        """The store that all of it goes to."""
        server = self.influxd.server
        section = StoreSection(
            kind=StoreKind.INFLUXDB, url=server.url, org=server.org, bucket=BUCKET, token=server.token
        )
        return Configuration(environment="staging", store=section)

    def deploy(self, version: str) -> None:
        """Put another version of the target in the place of the one that is there."""
        self.take_target_away()
        command = [sys.executable, "-m", "soakwatch.demo.target", "--port", str(self.port), "--version", version]
        self.target = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self.target.stdout is not None
        assert b"listening" in self.target.stdout.readline()

    def take_target_away(self) -> None:
        if self.target is not None:
            self.target.terminate()
            self.target.communicate(timeout=30)
            self.target = None

    def fault(self, *faults: dict[str, object]) -> None:
        """Exactly these faults from now on."""
        data = json.dumps(faults).encode()
        request = urllib.request.Request(f"{self.target_url}/faults", data=data, method="PUT")
        with urllib.request.urlopen(request, timeout=10):
            pass

    def restart_influxd(self, away: float) -> None:
        self.influxd.kill()
        time.sleep(away)
        self.influxd.start()

    def start_daemon(self) -> None:
        self.daemons += 1
        log = (self.folder / f"daemon-{self.daemons}.log").open("wb")
        command = [sys.executable, "-m", "soakwatch.cli.main", "watch", "--apply"]
        with log:
            self.daemon = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=log, stderr=subprocess.STDOUT
            )

    def kill_daemon(self) -> None:
        """As the kernel would, out of memory; then whatever looks after it starts it again."""
        assert self.daemon is not None
        self.daemon.kill()
        self.daemon.wait(30)
        self.start_daemon()

    def stop_daemon(self) -> int:
        """Ask it to end; its exit code."""
        assert self.daemon is not None
        self.daemon.send_signal(signal.SIGTERM)
        return self.daemon.wait(30)

    def says(self, *arguments: str) -> str:
        """What a command prints."""
        done = subprocess.run(
            [sys.executable, "-m", "soakwatch.cli.main", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def end(self) -> None:
        """End what is left, also of the soak."""
        if self.daemon is not None and self.daemon.poll() is None:
            self.daemon.kill()
            self.daemon.wait(30)
        for process in self.locust():
            os.kill(process, signal.SIGKILL)
        self.take_target_away()

    def locust(self) -> list[int]:
        """The processes of the soak: master first."""
        return [
            one for one in _processes() if str(LOCUSTFILE) in _command_of(one) and self.target_url in _command_of(one)
        ]


def _processes() -> Sequence[int]:
    return sorted(int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit())


def _command_of(process: int) -> str:
    try:
        return (Path("/proc") / str(process) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


@dataclass(frozen=True)
class Sample:
    """One process at a moment: MiB that are resident, threads, and open files."""

    at: float
    process: int
    memory: float
    threads: int
    files: int

    @classmethod
    def of(cls, process: int, at: float) -> "Sample | None":
        """None where it has ended."""
        folder = Path("/proc") / str(process)
        try:
            status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines() if ":" in line)
            return cls(
                at,
                process,
                int(status["VmRSS"].split()[0]) / 1024,
                int(status["Threads"]),
                len(list((folder / "fd").iterdir())),
            )
        except (OSError, KeyError):
            return None


@dataclass
class Sampling:
    """Looks at the daemon and at the soak's processes while the block runs."""

    stage: Stage
    every: float
    daemon: list[Sample] = field(default_factory=list)
    locust: list[Sample] = field(default_factory=list)

    @contextmanager
    def going_on(self) -> Iterator["Sampling"]:
        def look(ended: threading.Event) -> None:
            while not ended.wait(self.every):
                now = time.monotonic()
                if self.stage.daemon is not None and (seen := Sample.of(self.stage.daemon.pid, now)):
                    self.daemon.append(seen)
                self.locust += [seen for one in self.stage.locust() if (seen := Sample.of(one, now))]

        with beside(look):
            yield self
