"""A daemon that is served without its jobs: what it says of itself is what the test says, what it is told is kept."""

import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ledgers import ledger_at

from soakwatch.scheduler.daemon_app import daemon_app
from soakwatch.scheduler.daemon_report import DaemonReport
from soakwatch.scheduler.daemon_view import DaemonView, DetectionCounts
from soakwatch.scheduler.http_server import DaemonServer
from soakwatch.scheduler.job_board import JobState
from soakwatch.scheduler.post_box import PostBox
from soakwatch.store.contract import WindowStore
from soakwatch.store.sqlite import SqliteStore

NOW = 1_795_420_000.0
TOKEN = "a-token-of-this-test"  # noqa: S105  (of this test alone)
TICK = JobState("detection", "every 1 min", NOW + 20, None, NOW - 40, 1.5, rounds=7, succeeded=NOW - 40)


def a_report(*jobs: JobState, leads: bool = True) -> DaemonReport:
    return DaemonReport("process 7 on here (a-1)", NOW, NOW - 3600, "0.1.0", leads, jobs=jobs or (TICK,))


@dataclass(frozen=True)
class Told:
    """An answer: its status, headers and body."""

    status: int
    headers: Mapping[str, str]
    body: str


@dataclass
class Served:
    """What a daemon says of itself, to be set at any time, and where its ledger and store are."""

    folder: Path
    report: DaemonReport = field(default_factory=a_report)
    detected: DetectionCounts | None = None
    spooled: int | None = None
    lease_trouble: str = ""
    heard: list[str] = field(default_factory=list)
    address: str = ""
    clock: Callable[[], float] = lambda: NOW

    def store(self) -> WindowStore:
        return SqliteStore.create(self.folder / "soakwatch.db", 0.2)

    @property
    def ledger_file(self) -> Path:
        return self.folder / "soakwatch-ledger.db"

    @contextmanager
    def serving(self, token: str = TOKEN) -> Iterator[None]:
        with ledger_at(str(self.ledger_file)) as ledger:
            box = PostBox(ledger, self.store, self.clock, self.heard.append)
            view = DaemonView(
                lambda: self.report,
                box.take_alerts,
                box.take_deploy,
                "staging",
                lambda: self.detected,
                lambda: self.spooled,
                lambda: self.lease_trouble,
            )
            with DaemonServer("127.0.0.1", 0, daemon_app(view, token, self.clock)) as server:
                self.address = server.address
                yield

    def asks(
        self, path: str, body: bytes | None = None, token: str = TOKEN, method: str | None = None, accept: str = "*/*"
    ) -> Told:
        """Ask for `path`, or send `body` there."""
        headers = {"Accept": accept, **({"Authorization": f"Bearer {token}"} if body is not None else {})}
        request = urllib.request.Request(f"{self.address}{path}", body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return Told(answer.status, dict(answer.headers), answer.read().decode())
        except urllib.error.HTTPError as error:
            return Told(error.code, dict(error.headers), error.read().decode())

    def connected(self) -> socket.socket:
        """A connection that a test does with what it likes."""
        host, _, port = self.address.removeprefix("http://").rpartition(":")
        return socket.create_connection((host, int(port)), timeout=30)
