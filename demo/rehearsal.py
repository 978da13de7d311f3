"""Rehearsal: a healthy load test and one with two faults, by real processes, in a folder of their own."""

import json
import os
import random
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic

from soakwatch.core.environment_variables import TOKEN_VARIABLE
from soakwatch.core.errors import ServiceUnavailable
from soakwatch.core.run import Run
from soakwatch.core.store_settings import StoreKind, StoreSection
from soakwatch.demo.faults import Fault, FaultKind
from soakwatch.demo.target import ENDPOINTS, Endpoint

ENVIRONMENT = TEST = "demo"

USERS = 48
WINDOW = 1
SECONDS = 25
"""Length of each run: long enough for 20 windows of a second, short enough that people stay and watch."""

LATENCY_FACTOR = 3.0
ERROR_RATE = 0.12

_POLL_INTERVAL = 0.25
_LAST_LINES = 15


@dataclass(frozen=True, slots=True)
class Injection:
    """The two faults of a rehearsal, on endpoints of different services."""

    slow: Endpoint
    failing: Endpoint

    @classmethod
    def drawn(cls, seed: int) -> "Injection":
        """Draw the two endpoints by `seed`."""
        draw = random.Random(seed)
        slow = draw.choice(ENDPOINTS)
        return cls(slow, draw.choice([endpoint for endpoint in ENDPOINTS if endpoint.service != slow.service]))

    @property
    def faults(self) -> tuple[Fault, Fault]:
        """As the target takes them."""
        return (
            Fault(str(self.slow), FaultKind.LATENCY_FACTOR, LATENCY_FACTOR),
            Fault(str(self.failing), FaultKind.ERROR_RATE, ERROR_RATE),
        )


@dataclass(frozen=True, slots=True)
class Step:
    """One Locust run of the rehearsal, of so many seconds; `name` is also the beginning of its files."""

    name: str
    faults: Sequence[Fault]
    seconds: int = SECONDS


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """Where a rehearsal happens, with what chance, how many users, and the store that its runs go to.

    `mark` is the commit that its runs name: by it they are told from others in the same store.
    """

    folder: Path
    seed: int
    store: StoreSection
    mark: str = ""
    users: int = USERS

    def is_of(self, run: Run, step: Step) -> bool:
        """Whether `run` is that of `step`."""
        return (run.environment, run.test, run.version, run.commit) == (ENVIRONMENT, TEST, step.name, self.mark)

    @contextmanager
    def target(self) -> Iterator[str]:
        """Run the target on a free loopback port; gives its address.

        Raises ServiceUnavailable when it does not come up.
        """
        log = self.folder / "target.log"
        with log.open("w", encoding="utf-8") as errors:
            process = subprocess.Popen(  # noqa: S603  (our own module)
                [sys.executable, "-m", "soakwatch.demo.target", "--port", "0", "--seed", str(self.seed)],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
            try:
                yield _address(process, log)
            finally:
                process.terminate()
                process.wait()

    def run(self, step: Step, address: str) -> Iterator[float]:
        """Run Locust against the target; gives the seconds passed, a few times a second, until it has ended.

        Raises ServiceUnavailable when Locust ends with an error.
        """
        _switch(address, step.faults)
        log = self.folder / f"{step.name}-locust.log"
        with log.open("w", encoding="utf-8") as output:
            process = subprocess.Popen(  # noqa: S603  (our own module)
                self._command(step, address),
                cwd=self.folder,
                env=self._environment(),
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
            )
            try:
                yield from _passing(process)
            finally:
                process.terminate()
                process.wait()
        if process.returncode:
            raise ServiceUnavailable(
                f"Locust ended with exit code {process.returncode}; {log} ends with:\n{_end_of(log)}"
            )

    def _command(self, step: Step, address: str) -> list[str]:
        locustfile = Path(__file__).with_name("locustfile.py")
        return [
            *(sys.executable, "-m", "soakwatch.collector.launcher", "--locustfile", str(locustfile)),
            *("--host", address, "--headless", "--users", str(self.users), "--spawn-rate", str(self.users)),
            *("--run-time", f"{step.seconds}s", "--csv", step.name, "--only-summary", "--exit-code-on-error", "0"),
            *("--soakwatch-test", TEST, "--soakwatch-version", step.name, "--soakwatch-commit", self.mark),
        ]

    def _environment(self) -> Mapping[str, str]:
        ours = {
            **self.store.variables,
            "SOAKWATCH_COLLECTOR__WINDOW": str(WINDOW),
            "SOAKWATCH_ENVIRONMENT": ENVIRONMENT,
        }
        if self.store.kind is StoreKind.INFLUXDB:
            ours[TOKEN_VARIABLE] = self.store.read_token().get_secret_value()
        theirs = {key: value for key, value in os.environ.items() if not key.startswith(("SOAKWATCH_", "LOCUST_"))}
        return {**theirs, **ours}


def _address(process: subprocess.Popen[str], log: Path) -> str:
    line = process.stdout.readline() if process.stdout else ""
    if not line.startswith("listening on "):
        raise ServiceUnavailable(f"the demo's target did not start; {log} says:\n{_end_of(log)}")
    return line.removeprefix("listening on ").strip()


def _passing(process: subprocess.Popen[bytes]) -> Iterator[float]:
    began = monotonic()
    while True:
        try:
            process.wait(_POLL_INTERVAL)
        except subprocess.TimeoutExpired:
            yield monotonic() - began
        else:
            return


def _switch(address: str, faults: Sequence[Fault]) -> None:
    body = json.dumps([asdict(fault) for fault in faults]).encode()
    request = urllib.request.Request(f"{address}/faults", body, method="PUT")  # noqa: S310  (our own target)
    with urllib.request.urlopen(request, timeout=10):  # noqa: S310  (the same)
        pass


def _end_of(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:])
