"""A real PostgreSQL for all tests of a session, and one of a test's own that may be stopped and started again."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from locust_runs import free_port
from session_server import keep, told_by_server

_VARIABLE = "SOAKWATCH_TEST_POSTGRESQL_URL"
PASSWORD = "correct-horse-battery"  # noqa: S105  (of a server that lives for a minute, on the loopback)

_AS_POSTGRES = [
    *("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"),
    # there are machines on which only root may write to /dev/null, which initdb must
    *("--inh-caps=+dac_override", "--ambient-caps=+dac_override"),
]
"""It refuses to run as root."""


def programs() -> Path | None:
    """The folder of initdb and postgres, the newest of Debian's or where the PATH says; None where there is none."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda one: float(one.parts[-3]))
    return versions[-1].parent if versions else None


@dataclass
class PostgresProcess:
    """One postgres, with its data in `folder`, on a port of its own."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    @contextmanager
    def running(cls) -> Iterator["PostgresProcess"]:
        # not in pytest's folder, which only its owner may enter
        with tempfile.TemporaryDirectory(prefix="soakwatch-postgresql-", ignore_cleanup_errors=True) as name:
            made = cls(Path(name), free_port())
            made._set_up()
            made.start()
            try:
                yield made
            finally:
                made.kill()

    @property
    def url(self) -> str:
        return f"postgresql://soak:{PASSWORD}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": "", "fsync": "off"}
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        self.process = self._run("postgres", "-D", str(self.folder / "data"), *settings)
        deadline = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self.url, connect_timeout=1).close()
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, "postgres does not answer"
                time.sleep(0.05)
            else:
                return

    def kill(self) -> None:
        """End it at once, and all of its connections."""
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)  # it does not wait for its clients, and its children end too
            self.process.wait(timeout=30)

    def _set_up(self) -> None:
        password = self.folder / "password"
        password.write_text(PASSWORD)
        if os.geteuid() == 0:
            for path in (self.folder, password):
                shutil.chown(path, "postgres")
        options = ("--username=soak", f"--pwfile={password}", "--auth=scram-sha-256", "--encoding=UTF8", "--no-sync")
        made = self._run("initdb", "-D", str(self.folder / "data"), "--locale=C", *options)
        assert made.wait(timeout=60) == 0, "initdb failed"

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        folder = programs()
        assert folder is not None
        return subprocess.Popen(
            [*(_AS_POSTGRES if os.geteuid() == 0 else []), folder / program, *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self.folder,
        )


def the_server(shared: Path) -> str:
    """The URL of the server that SOAKWATCH_TEST_POSTGRESQL_URL names, else of one that ends with the session."""
    if _VARIABLE in os.environ:
        return os.environ[_VARIABLE]
    if programs() is None:
        pytest.skip(f"no PostgreSQL here (Debian's package postgresql has it), and no {_VARIABLE}")
    return told_by_server(shared, "postgresql", __file__)


@contextmanager
def new_database(server: str) -> Iterator[str]:
    """The URL of a new, empty database of the server with this URL."""
    name = f"test_{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
    yield f"{server.rpartition('/')[0]}/{name}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def _running(_folder: Path) -> Iterator[str]:
    with PostgresProcess.running() as running:
        yield running.url


if __name__ == "__main__":
    keep(_running)
