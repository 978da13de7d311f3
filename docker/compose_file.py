"""The compose file, read as Docker Compose reads it, as far as ours goes.

The rules of interpolation are those of docs.docker.com/reference/compose-file/interpolation.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
COMPOSE = ROOT / "docker-compose.yml"

_REFERENCE = re.compile(r"\$(?:(?P<escaped>\$)|\{(?P<name>\w+)(?:(?P<rule>:-|:\?)(?P<word>[^}]*))?\})")


class MissingVariableError(Exception):
    """A variable without a value, which the compose file cannot do without."""


@dataclass(frozen=True)
class Service:
    """One service; all that it says is in `raw`."""

    name: str
    raw: Mapping[str, Any]

    @property
    def command(self) -> Sequence[str]:
        """What is run, after the entry point of its image."""
        return list(self.raw.get("command", ()))

    @property
    def environment(self) -> Mapping[str, str]:
        """Its environment variables."""
        return {name: str(value) for name, value in self.raw.get("environment", {}).items()}

    @property
    def needs(self) -> Mapping[str, str]:
        """The condition of each service that comes before it."""
        return {name: one["condition"] for name, one in self.raw.get("depends_on", {}).items()}

    @property
    def health(self) -> Sequence[str] | None:
        """The command of its health check."""
        kind, *command = self.raw.get("healthcheck", {}).get("test", ["NONE"])
        return command if kind == "CMD" else None

    @property
    def mounts(self) -> Mapping[str, str]:
        """What is mounted, by its place in the container; nothing stands for a volume without a name."""
        return dict(_mount(volume) for volume in self.raw.get("volumes", ()))


def _mount(volume: str) -> tuple[str, str]:
    source, _, rest = volume.partition(":")
    return (rest.partition(":")[0], source) if rest else (volume, "")


def read_env(text: str) -> dict[str, str]:
    """The variables of an `.env` file."""
    lines = (line.strip() for line in text.splitlines())
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def read_services(variables: Mapping[str, str], path: Path = COMPOSE) -> dict[str, Service]:
    """All services, in an order in which each comes after what it needs. Raises MissingVariableError."""
    content = interpolated(yaml.safe_load(path.read_text(encoding="utf-8")), variables)
    services = {name: Service(name, raw) for name, raw in content["services"].items()}
    order = TopologicalSorter({name: list(one.needs) for name, one in services.items()}).static_order()
    return {name: services[name] for name in order}


def interpolated(value: Any, variables: Mapping[str, str]) -> Any:  # noqa: ANN401  (what YAML has)
    """`value` with all references to variables replaced; keys are left alone. Raises MissingVariableError."""
    if isinstance(value, str):
        return _REFERENCE.sub(lambda found: _value_of(found, variables), value)
    if isinstance(value, list):
        return [interpolated(one, variables) for one in value]
    if isinstance(value, dict):
        return {key: interpolated(one, variables) for key, one in value.items()}
    return value


def _value_of(found: re.Match[str], variables: Mapping[str, str]) -> str:
    if found["escaped"]:
        return "$"
    value = variables.get(found["name"], "")
    if found["rule"] == ":?" and not value:
        raise MissingVariableError(f"{found['name']}: {found['word']}")
    return value or (found["word"] if found["rule"] == ":-" else "")


def references(value: Any) -> Iterator[tuple[str, str, str]]:  # noqa: ANN401  (what YAML has)
    """Name, rule and word of each reference to a variable."""
    if isinstance(value, str):
        for found in _REFERENCE.finditer(value):
            if found["name"]:
                yield found["name"], found["rule"] or "", found["word"] or ""
    elif isinstance(value, list | dict):
        for one in value.values() if isinstance(value, dict) else value:
            yield from references(one)
