"""On this machine: what the commands and settings of compose services are without an engine.

Names of services become addresses on loopback, with ports that are free; volumes become folders; what an image has is
taken from this clone.
"""

import os
import re
import shlex
import socket
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from compose_file import ROOT, Service

INFLUXD = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"), "soakwatch-test-servers", "influxd-v2.7.12")
PORTS = {"influxdb": (8086,), "daemon": (9178,), "target": (8000,), "locust": (8089, 5557)}
"""The ports that a service listens on in its container; the first one speaks HTTP."""

LAUNCHER = (sys.executable, "-m", "soakwatch.collector.launcher")
"""The entry point of docker/Dockerfile.locust."""

_IN_THE_IMAGE = {
    "/opt/soakwatch/health.py": str(ROOT / "docker" / "health.py"),
    "/opt/soakwatch/demo/": f"{ROOT / 'demo'}/",
}
_ALSO_THEIRS = {"worker": (("locust", 5557),)}
"""Ports of other services that are also written without the service's name."""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def free_ports() -> dict[tuple[str, int], int]:
    """A port of this machine for each of `PORTS`."""
    return {(name, port): _free_port() for name, its in PORTS.items() for port in its}


@dataclass(frozen=True)
class Machine:
    """Where everything is: files in `folder`, and the ports."""

    folder: Path
    ports: Mapping[tuple[str, int], int] = field(default_factory=free_ports)

    def url(self, service: str) -> str:
        """Where a service listens."""
        return f"http://127.0.0.1:{self.ports[service, PORTS[service][0]]}"

    def volume(self, name: str) -> Path:
        """The folder that stands for a volume."""
        made = self.folder / "volumes" / name
        made.mkdir(parents=True, exist_ok=True)
        return made

    def workdir(self, service: Service, name: str) -> Path:
        """/data or /results of the container of the process `name`."""
        for place, source in service.mounts.items():
            if place in {"/data", "/results"}:
                return self.volume(source or f"{name}-results")
        return self.folder

    def program(self, service: Service, name: str) -> list[str]:
        """What runs as the process `name`."""
        command = self._local(service, name, service.command)
        if service.name == "influxdb":
            data = self.volume("influxdb-data")
            places = [f"--{kind}-path={data / kind}" for kind in ("bolt", "sqlite", "engine")]
            return [str(INFLUXD), *places, f"--http-bind-address=127.0.0.1:{self.ports['influxdb', 8086]}"]
        if "locust" in service.raw["image"]:
            return [*LAUNCHER, *command, *self._ports_of_locust(service.name)]
        return _found(command)

    def check(self, service: Service, name: str) -> list[str]:
        """What tells whether the process `name` is well."""
        return _found(self._local(service, name, service.health or ["false"]))

    def environment(self, service: Service, name: str) -> dict[str, str]:
        """The environment of the process `name`: that of this one, and the service's own."""
        ours = {
            variable: value
            for variable, value in os.environ.items()
            if not variable.startswith(("SOAKWATCH_", "LOCUST_", "GITHUB_"))
        }
        own = dict(zip(service.environment, self._local(service, name, service.environment.values()), strict=True))
        if service.name == "daemon":
            own["SOAKWATCH_HTTP__PORT"] = str(self.ports["daemon", 9178])
        return {**ours, "PATH": f"{self._programs()}{os.pathsep}{ours['PATH']}", "PYTHONUNBUFFERED": "1", **own}

    def _ports_of_locust(self, name: str) -> Sequence[str]:
        web, own = (str(self.ports["locust", port]) for port in PORTS["locust"])
        if name == "worker":
            return ("--master-port", own)
        return ("--web-host=127.0.0.1", "--web-port", web, "--master-bind-host=127.0.0.1", "--master-bind-port", own)

    def _programs(self) -> Path:
        """A folder with the program `soakwatch`, for the scripts of services."""
        folder = self.folder / "bin"
        folder.mkdir(parents=True, exist_ok=True)
        program = folder / "soakwatch"
        script = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m soakwatch.cli.main "$@"\n'
        if not program.exists():
            program.write_text(script, encoding="utf-8")
            program.chmod(0o700)
        return folder

    def _local(self, service: Service, name: str, words: Iterable[str]) -> list[str]:
        return [self._with_paths(service, name, self._with_addresses(service.name, word)) for word in words]

    def _with_addresses(self, service: str, word: str) -> str:
        for (name, port), here in self.ports.items():
            word = word.replace(f"//{name}:{port}", f"//127.0.0.1:{here}")
            if name == service or (name, port) in _ALSO_THEIRS.get(service, ()):
                word = word.replace(f"//localhost:{port}", f"//127.0.0.1:{here}")
                word = str(here) if word == str(port) else word
        word = re.sub(r"(?<=-host=)locust$", "127.0.0.1", word)
        return re.sub(r"^0\.0\.0\.0$", "127.0.0.1", word)

    def _with_paths(self, service: Service, name: str, word: str) -> str:
        for place, here in _IN_THE_IMAGE.items():
            word = word.replace(place, here)
        for place, source in service.mounts.items():
            if not source.startswith("."):
                folder = self.volume(source or f"{name}-results")
                word = re.sub(rf"(?<![\w/]){place}(?=/|$|\s)", str(folder), word)
        return word


def _found(command: Sequence[str]) -> list[str]:
    first, *rest = command
    if first == "soakwatch":
        return [sys.executable, "-m", "soakwatch.cli.main", *rest]
    return [sys.executable, *rest] if first == "python" else [first, *rest]
