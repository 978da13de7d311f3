"""Files as the installed Locust writes them, by its own code, from requests and seconds that a test chooses.

Locust patches the standard library when it is imported, so it works in a process of its own, on a clock that is moved.
"""

import csv
import json
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

START = 1_764_000_000

DRIVER = '''
import json, sys
from types import SimpleNamespace
import locust.stats
from locust.stats import PERCENTILES_TO_REPORT, RequestStats, StatsCSVFileWriter, save_stats_json

class HTTPError(Exception):
    """As requests has it."""

class CatchResponseError(Exception):
    """As Locust has it."""

plan = json.load(sys.stdin)
clock = SimpleNamespace(now=plan["start"], users=0)
locust.stats.time = SimpleNamespace(time=lambda: clock.now)
stats = RequestStats()
runner = SimpleNamespace(user_count=0, exceptions={}, stats=stats)
writer = StatsCSVFileWriter(
    SimpleNamespace(stats=stats, runner=runner), PERCENTILES_TO_REPORT, plan["prefix"], plan["full"]
)
writer.stats_history_csv_writer.writerow(writer.stats_history_csv_columns)

def request(method, name, time, kind, message):
    stats.log_request(method, name, time, 100)
    if kind:
        stats.log_error(method, name, globals()[kind](message))

def tick(seconds, users):
    runner.user_count = users
    writer._stats_history_data_rows(writer.stats_history_csv_writer, clock.now)
    clock.now += seconds

for step, *arguments in plan["steps"]:
    {"request": request, "tick": tick, "reset": stats.reset_all}[step](*arguments)
for write, target in (
    (writer.requests_csv, writer.requests_csv_writer),
    (writer.failures_csv, writer.failures_csv_writer),
    (writer.exceptions_csv, writer.exceptions_csv_writer),
):
    write(target)
writer.close_files()
truth = {
    f"{entry.method} {entry.name}": [
        entry.num_requests, entry.num_failures, entry.avg_response_time, entry.min_response_time,
        entry.max_response_time, entry.get_response_time_percentile(0.95),
    ] for entry in stats.entries.values()
}
save_stats_json(stats, plan["prefix"])  # which empties them
print(json.dumps(truth))
'''


@dataclass(frozen=True)
class Truth:
    """What Locust itself has counted of one entry in the end; times in milliseconds."""

    requests: int
    failures: int
    mean: float
    low: float
    high: float
    p95: float


@dataclass
class LocustWriter:
    """What happened in a run, second by second; `write` lets Locust put it into its files."""

    folder: Path
    name: str = "run"
    full_history: bool = True
    users: int = 5
    start: int = START
    steps: list[list[Any]] = field(default_factory=list)
    made: int = 0

    def request(self, method: str, name: str, time: float | None, error: tuple[str, str] = ("", "")) -> None:
        """A request; an `error` is its class and its message."""
        self.steps.append(["request", method, name, time, *error])
        self.made += 1

    def tick(self, seconds: float = 1.0) -> None:
        """Locust writes its rows, and the clock moves on, or back."""
        self.steps.append(["tick", seconds, self.users])

    def reset(self) -> None:
        """Locust discards its statistics."""
        self.steps.append(["reset"])

    def seconds(self, number: int, work: Callable[[], object]) -> None:
        """Do `work` in each of so many seconds."""
        for _ in range(number):
            work()
            self.tick()

    def write(self) -> dict[str, Truth]:
        """Write all files; gives what Locust has counted, by `METHOD name`."""
        plan = {
            "start": self.start + 0.25,
            "prefix": str(self.folder / self.name),
            "full": self.full_history,
            "steps": self.steps,
        }
        command = [sys.executable, "-W", "ignore", "-c", DRIVER]
        done = subprocess.run(command, input=json.dumps(plan), capture_output=True, text=True, check=True, timeout=60)
        return {name: Truth(*values) for name, values in json.loads(done.stdout).items()}

    def file(self, ending: str) -> Path:
        """The file of this run that ends so."""
        return self.folder / f"{self.name}{ending}"

    @property
    def history(self) -> Path:
        """The history of this run."""
        return self.file("_stats_history.csv")


HISTORY_COLUMNS = (
    *("Timestamp", "User Count", "Type", "Name", "Requests/s", "Failures/s"),
    *("50%", "66%", "75%", "80%", "90%", "95%", "98%", "99%", "99.9%", "99.99%", "100%"),
    *("Total Request Count", "Total Failure Count", "Total Median Response Time", "Total Average Response Time"),
    *("Total Min Response Time", "Total Max Response Time", "Total Average Content Size"),
)


def write_long_history(path: Path, size: int) -> int:
    """A history of about `size` bytes in Locust's format, 13 requests a second to each of 4 endpoints; gives them all.

    Locust itself would take hours for it.
    """
    chance = random.Random(size)
    shapes = [sorted(chance.randrange(20, 900) for _ in range(11)) for _ in range(500)]
    names = ["shop: /page", "shop: /cart", "rag: /query", "rag: /embed"]
    second = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HISTORY_COLUMNS)
        while file.tell() < size:
            second += 1
            for name in (*names, "Aggregated"):
                requests = 13 * second * (len(names) if name == "Aggregated" else 1)
                writer.writerow([
                    *(START + second, 5, "" if name == "Aggregated" else "GET", name, "13.000000", "0.000000"),
                    *(*chance.choice(shapes), requests, second // 9, 100, 120 + chance.random(), 20.5, 899.25, 512.25),
                ])  # fmt: skip
    return 13 * second * len(names)
