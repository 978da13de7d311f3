"""`soakwatch scenarios` as a process, and what it leaves, for tests."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from soakwatch.core.run import Run
from soakwatch.store.execution_metadata import FILE_NAME, Execution, ExecutionMetadata, read_metadata
from soakwatch.store.sqlite import SqliteStore

OUT = "results"


@contextmanager
def demo_target() -> Iterator[str]:
    """The demo's target on a free port. Gives its address."""
    command = [sys.executable, "-m", "soakwatch.demo.target", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().removeprefix("listening on ").strip()
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


@dataclass(frozen=True)
class Scenarios:
    """A folder in which scenarios are run against `host`."""

    folder: Path
    host: str
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Run `soakwatch scenarios run` to its end."""
        return subprocess.run(
            self._command(options),
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )

    @contextmanager
    def begun(self, *options: str) -> Iterator["subprocess.Popen[str]"]:
        """Start it; it is gone after the block."""
        process = subprocess.Popen(
            self._command(options),
            cwd=self.folder,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.communicate(timeout=90)

    def _command(self, options: Sequence[str]) -> list[str]:
        ours = ["--host", self.host, "--out", OUT, "--seconds", "6", "--users", "12", "--cool-down", "0.5"]
        return [sys.executable, "-m", "soakwatch.cli.main", "scenarios", "run", *ours, *options]

    def _environment(self) -> Mapping[str, str]:
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("SOAKWATCH_", "LOCUST_"))}
        return {**clean, "COLUMNS": "200", "SOAKWATCH_COLLECTOR__WINDOW": "1", **self.environment}

    @property
    def results(self) -> Path:
        return self.folder / OUT

    @property
    def store(self) -> Path:
        return self.folder / "soakwatch.db"

    @property
    def metadata(self) -> ExecutionMetadata:
        return read_metadata(self.results / FILE_NAME)

    def execution(self, scenario: str) -> Execution:
        (found,) = [execution for execution in self.metadata.executions if execution.scenario == scenario]
        return found

    def outcomes(self) -> dict[str, str]:
        return {execution.scenario: execution.outcome.value for execution in self.metadata.executions}

    def counted(self, scenario: str) -> int:
        """Requests that Locust counted, by its own final word."""
        entries = json.loads((self.results / scenario / f"{scenario}.json").read_text(encoding="utf-8"))
        return sum(entry["num_requests"] for entry in entries)

    def users_by_second(self, scenario: str) -> list[int]:
        """How many users there were, by Locust's history."""
        with (self.results / scenario / f"{scenario}_stats_history.csv").open(encoding="utf-8") as history:
            return [int(line["User Count"]) for line in csv.DictReader(history) if line["Name"] == "Aggregated"]

    def wait_for_requests(self, scenario: str, seconds: float = 30) -> None:
        """Wait until the scenario runs and Locust has counted some requests."""
        deadline = time.monotonic() + seconds
        history = self.results / scenario / f"{scenario}_stats_history.csv"
        while not (history.exists() and history.read_text(encoding="utf-8").count("Aggregated") > 2):
            assert time.monotonic() < deadline, f"{scenario} does not begin"
            time.sleep(0.1)


def run_in(store: Path, run: str | None) -> Run:
    """The run of this id."""
    with SqliteStore.open(store) as opened:
        (found,) = [known for known in opened.runs() if known.id == run]
    return found


def stored_requests(store: Path, run: str | None) -> int:
    """How many requests of a run are in a store."""
    with SqliteStore.open(store) as opened:
        return sum(opened.requests_stored(str(run)).values())


def processes_with(text: str) -> list[str]:
    """Command lines of the running processes that contain `text`."""
    lines = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in line:
            lines.append(line)
    return lines
