"""The services of docker-compose.yml as plain processes of this machine, where there is no Docker. `make stack`.

Each service's command is run with its environment, in the order and on the conditions of the compose file, and its
health check as it stands there; on_this_machine.py has what differs. InfluxDB is the one that `make influxd` has built,
set up as its image would do it. There is no Grafana: what it would read can be asked of InfluxDB with its token.
"""

import argparse
import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from compose_file import ROOT, MissingVariableError, Service, read_env, read_services
from on_this_machine import PORTS, Machine

ABSENT = ("grafana",)
"""Services of which there is no program here."""

HEALTHY, COMPLETED = "service_healthy", "service_completed_successfully"
_PATIENCE = {HEALTHY: 120.0, COMPLETED: 600.0}
_SECONDS_TO_END = 60.0


class StackError(Exception):
    """A service that did not come up; the message says which, and where its log is."""


@dataclass
class Stack:
    """All services on `machine`. `scale` is how many processes a service has, where not one."""

    machine: Machine
    services: Mapping[str, Service]
    scale: Mapping[str, int] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def log(self, name: str) -> Path:
        """What a process has said."""
        return self.machine.folder / f"{name}.log"

    def up(self) -> Iterator[str]:
        """Start what is to run, one after the other; gives a sentence for each. Raises StackError."""
        for service in self.services.values():
            if service.name in ABSENT:
                yield f"{service.name}: there is none here"
                continue
            for other, condition in service.needs.items():
                if other not in ABSENT:
                    self._wait_for(other, condition)
            for number in range(self.scale.get(service.name, 1)):
                self._start(service, f"{service.name}-{number + 1}" if number else service.name)
            yield f"{service.name}: started"
        for name in self.processes:
            self._wait_for(name, HEALTHY if self._service(name).health else COMPLETED)
        yield "all are well"

    def down(self) -> dict[str, int]:
        """Ask all that still run to end, the last one first; gives the exit codes of all."""
        for name, process in reversed(list(self.processes.items())):
            if process.poll() is None:
                process.send_signal(signal.Signals[self._service(name).raw.get("stop_signal", "SIGTERM")])
                try:
                    process.wait(_SECONDS_TO_END)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        return {name: process.returncode for name, process in self.processes.items()}

    def is_healthy(self, name: str) -> bool:
        """Whether the health check of a process succeeds now."""
        service = self._service(name)
        done = subprocess.run(
            self.machine.check(service, name),
            env=self.machine.environment(service, name),
            cwd=self.machine.workdir(service, name),
            capture_output=True,
            timeout=30,
            check=False,
        )
        return done.returncode == 0

    def _service(self, name: str) -> Service:
        return self.services[name.partition("-")[0]]

    def _wait_for(self, name: str, condition: str) -> None:
        process = self.processes[name]
        deadline = time.monotonic() + _PATIENCE[condition]
        while time.monotonic() < deadline:
            code = process.poll()
            if (condition, code) == (COMPLETED, 0) or ((condition, code) == (HEALTHY, None) and self.is_healthy(name)):
                return
            if code is not None:
                break
            time.sleep(0.5)
        raise StackError(f"{name}: {condition} never came; see {self.log(name)}")

    def _start(self, service: Service, name: str) -> None:
        with self.log(name).open("wb") as log:
            self.processes[name] = subprocess.Popen(
                self.machine.program(service, name),
                env=self.machine.environment(service, name),
                cwd=self.machine.workdir(service, name),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        if service.name == "influxdb":
            self._wait_for(name, HEALTHY)
            set_up_influxdb(self.machine.url(name), service.environment)


def set_up_influxdb(url: str, asked: Mapping[str, str]) -> None:
    """What the image's entry point does with DOCKER_INFLUXDB_INIT_..., unless it is done already."""
    variables = {
        "username": "USERNAME",
        "password": "PASSWORD",
        "org": "ORG",
        "bucket": "BUCKET",
        "token": "ADMIN_TOKEN",
    }
    wanted = {key: asked[f"DOCKER_INFLUXDB_INIT_{name}"] for key, name in variables.items()}
    with urllib.request.urlopen(f"{url}/api/v2/setup", timeout=30) as answer:
        if not json.load(answer)["allowed"]:
            return
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/api/v2/setup", json.dumps(wanted).encode(), headers)
    with urllib.request.urlopen(request, timeout=30):
        pass


@contextmanager
def noted_signals() -> Iterator[list[int]]:
    """SIGINT and SIGTERM go into a list."""
    noted: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda one, _: noted.append(one)) for number in numbers}
    try:
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run(stack: Stack, seconds: float) -> bool:
    """Run all until somebody asks to stop, for so long at most; gives whether all came up, and ended well."""
    with noted_signals() as stopped:
        try:
            for sentence in stack.up():
                sys.stderr.write(f"{sentence}\n")
                if stopped:
                    return False
            sys.stderr.writelines(f"{name}: {stack.machine.url(name)}\n" for name in PORTS)
            deadline = time.monotonic() + seconds
            while not stopped and time.monotonic() < deadline:
                time.sleep(0.2)
        except StackError as error:
            sys.stderr.write(f"{error}\n")
            return False
        finally:
            codes = stack.down()
            sys.stderr.writelines(f"{name}: exit code {code}\n" for name, code in codes.items())
    return not any(codes.values())


def main() -> int:
    """Read the command line, and run all."""
    parser = argparse.ArgumentParser(description="Run the services of docker-compose.yml without Docker.")
    parser.add_argument("--folder", type=Path, default=ROOT / "soakwatch-stack", help="where volumes and logs are")
    parser.add_argument("--env", type=Path, default=ROOT / ".env", help="the file with the secrets; see `make env`")
    parser.add_argument("--workers", type=int, default=1, help="how many Locust workers")
    parser.add_argument("--seconds", type=float, default=86_400.0, help="for how long, unless it is interrupted")
    options = parser.parse_args()
    try:
        services = read_services(read_env(options.env.read_text(encoding="utf-8")))
    except (OSError, MissingVariableError) as error:
        parser.error(f"{options.env}: {error}")
    folder = options.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return 0 if run(Stack(Machine(folder), services, {"worker": options.workers}), options.seconds) else 1


if __name__ == "__main__":
    sys.exit(main())
