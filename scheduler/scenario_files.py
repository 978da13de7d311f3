"""Locust's files of one scenario: which there are, and how far they say it has come."""

import csv
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

LOG = "locust.log"

_ENDINGS = ("_stats.csv", "_stats_history.csv", "_failures.csv", "_exceptions.csv", ".json")
_TAIL = 65_536
"""Bytes of a file's end that are read to see where it is: lines of all endpoints of a second, and more."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a scenario is: `seconds` since its load began, users now, requests and failures so far."""

    seconds: float
    users: int
    requests: int
    failures: int


@dataclass(frozen=True, slots=True)
class Totals:
    """Requests and failures of a whole scenario; `p95` in milliseconds, None where nothing was measured."""

    requests: int
    failures: int
    p95: float | None


@dataclass(frozen=True, slots=True)
class ScenarioFiles:
    """The files of the scenario `name` in `folder`."""

    folder: Path
    name: str

    @property
    def log(self) -> Path:
        """What Locust, or Docker, had to say."""
        return self.folder / LOG

    def written(self) -> list[Path]:
        """Those that there are."""
        return [path for path in self._all() if path.is_file()]

    def clear(self) -> None:
        """Take away those of an earlier execution: a new one that fails must not seem to have written them."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in self._all():
            path.unlink(missing_ok=True)

    def _all(self) -> list[Path]:
        return [*(self._path(ending) for ending in _ENDINGS), self.log]

    def _path(self, ending: str) -> Path:
        return self.folder / f"{self.name}{ending}"

    def last_words(self, lines: int) -> str:
        """The end of the log, without empty lines."""
        return "\n".join([line for line in _end_of(self.log).splitlines() if line.strip()][-lines:])

    def progress(self) -> Progress | None:
        """Where the scenario is; None before Locust has written of it."""
        path = self._path("_stats_history.csv")
        beginning = _aggregated(_beginning_of(path))
        # the last line may be half written
        end = _aggregated(f"{_header_of(path)}\n{_end_of(path).rpartition(chr(10))[0]}")
        with suppress(KeyError, TypeError, ValueError, IndexError):
            return Progress(
                seconds=float(end[-1]["Timestamp"]) - float(beginning[0]["Timestamp"]),
                users=int(end[-1]["User Count"]),
                requests=int(end[-1]["Total Request Count"]),
                failures=int(end[-1]["Total Failure Count"]),
            )
        return None

    def totals(self) -> Totals | None:
        """What Locust counted over the whole scenario; None where it has not written that."""
        lines = _aggregated(_read(self._path("_stats.csv")))
        counted = self._counted()
        with suppress(KeyError, TypeError, ValueError, IndexError):
            requests, failures = counted or (int(lines[-1]["Request Count"]), int(lines[-1]["Failure Count"]))
            return Totals(requests, failures, float(lines[-1]["95%"]) if lines and requests else None)
        return None

    def _counted(self) -> tuple[int, int] | None:
        # Locust's CSV lacks up to a second of requests at the end, its JSON none; when it is killed there is only CSV
        with suppress(OSError, ValueError, KeyError, TypeError):
            entries = json.loads(self._path(".json").read_text(encoding="utf-8"))
            return sum(entry["num_requests"] for entry in entries), sum(entry["num_failures"] for entry in entries)
        return None


def _aggregated(text: str) -> list[Mapping[str, str]]:
    with suppress(csv.Error):
        return [line for line in csv.DictReader(text.splitlines()) if _is_sum(line)]
    return []


def _is_sum(line: Mapping[str, str]) -> bool:
    # an endpoint may be called so, but has a type besides
    return line.get("Name") == "Aggregated" and not line.get("Type")


def _header_of(path: Path) -> str:
    return _beginning_of(path).partition("\n")[0].strip()


def _beginning_of(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(_TAIL)
    except OSError:
        return ""


def _end_of(path: Path) -> str:
    """The last lines of a file, from the beginning of one."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    return text.partition("\n")[2] if size > _TAIL else text


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
