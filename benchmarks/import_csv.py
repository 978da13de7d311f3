"""Importing a large history: memory that does not grow with it, and speed against reading it with csv.

Run as `python benchmarks/import_csv.py [--size 1024]` (a few minutes, and twice the size on disk). Histories of two
sizes are written as Locust would: a row for each of eight endpoints and their sum each second, percentiles of the last
ten seconds. Each is imported by `soakwatch import csv` in a process of its own, whose peak memory is read; reading the
same file with csv.reader, also in a process of its own, is the floor.
"""

import argparse
import csv
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from math import exp
from pathlib import Path

from measuring import verdict

MIB = 1024 * 1024
SMALL = 64
"""MiB of the history that the large one is held against."""

MOST_GROWTH = 16
"""MiB of peak memory by which the large one may be above the small one."""

SHARES = (0.5, 0.66, 0.75, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999, 0.9999, 1.0)
HEADER = [
    *("Timestamp", "User Count", "Type", "Name", "Requests/s", "Failures/s"),
    *("50%", "66%", "75%", "80%", "90%", "95%", "98%", "99%", "99.9%", "99.99%", "100%"),
    *("Total Request Count", "Total Failure Count", "Total Median Response Time", "Total Average Response Time"),
    *("Total Min Response Time", "Total Max Response Time", "Total Average Content Size"),
]
ENDPOINTS = (
    *(("GET", "api_gateway: /api/users"), ("POST", "api_gateway: /api/orders"), ("GET", "api_gateway: /api/search")),
    *(("POST", "rag_service: /rag/query"), ("POST", "rag_service: /rag/embed"), ("GET", "rag_service: /rag/documents")),
    *(("POST", "mcp_server: /mcp/tools"), ("GET", "mcp_server: /mcp/resources")),
)
START = 1_764_000_000
PER_SECOND = 13
POOL = 2_000


@dataclass
class Entry:
    """What Locust would have counted for one endpoint."""

    method: str
    name: str
    median: float
    chance: random.Random
    failing: float = 0.0
    count: int = 0
    failures: int = 0
    total: float = 0.0
    low: float = 1e9
    high: float = 0.0

    def __post_init__(self) -> None:  # noqa: D105  (a benchmark)
        # sorting samples of ten seconds takes longer than all the rest: a few thousand are drawn, and used in turn
        self.pool = [self._second() for _ in range(POOL)]

    def _second(self) -> tuple[float, float, float, int, list[int]]:
        times = sorted(self.median * exp(0.35 * self.chance.gauss(0, 1)) for _ in range(PER_SECOND * 10))
        latest = self.chance.sample(times, PER_SECOND)
        percentiles = [rounded(times[min(int(len(times) * share), len(times) - 1)]) for share in SHARES]
        return sum(latest), min(latest), max(latest), self.chance.random() < self.failing, percentiles

    def row(self, second: int) -> list[object]:
        """Its row of the history in this second."""
        total, low, high, failed, percentiles = self.pool[self.chance.randrange(POOL)]
        self.count += PER_SECOND
        self.failures += failed
        self.total += total
        self.low, self.high = min(self.low, low), max(self.high, high)
        return [
            *(START + second, 100, self.method, self.name, "13.000000", "0.010000", *percentiles),
            *(self.count, self.failures, rounded(self.median), self.total / self.count, self.low, self.high, 512.25),
        ]


def rounded(value: float) -> int:
    """As Locust rounds response times."""
    return round(value) if value < 100 else round(value, -1 if value < 1000 else -2).__trunc__()


def write_history(path: Path, size: int) -> int:
    """Write about `size` bytes; gives the number of requests."""
    chance = random.Random(11)
    entries = [
        Entry(*endpoint, 20.0 + 12.0 * number, chance, 0.1 if number < 2 else 0.0)
        for number, endpoint in enumerate(ENDPOINTS)
    ]
    everything = Entry("", "Aggregated", 60.0, chance)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for second in range(sys.maxsize):
            writer.writerows([*(entry.row(second) for entry in entries), everything.row(second)])
            if second % 1000 == 0 and file.tell() > size:
                return sum(entry.count for entry in entries)
    raise AssertionError


MEASURED = """
import atexit, resource, runpy, sys
def tell():
    used = resource.getrusage(resource.RUSAGE_SELF)
    sys.stderr.write(f"used={used.ru_utime + used.ru_stime},{used.ru_maxrss}")
atexit.register(tell)
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True) if sys.argv[0] != "-" else exec(sys.argv[1])
"""

FLOOR = "import csv\nfor row in csv.reader(open({path!r}, newline='', encoding='utf-8')): pass"


@dataclass(frozen=True, slots=True)
class Ended:
    """A process that has ended: its wall time and CPU time in seconds, its peak memory in MiB, what it printed."""

    seconds: float
    cpu: float
    peak: float
    output: str


def run(*arguments: str) -> Ended:
    """Run Python in a process of its own."""
    # the history is of a fixed day, which is longer and longer ago
    environment = {**os.environ, "SOAKWATCH_RETENTION__RAW": "0", "SOAKWATCH_RETENTION__TEN_MINUTES": "0"}
    command = [sys.executable, "-c", MEASURED, *arguments]
    begin = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - begin
    cpu, peak = done.stderr.rsplit("used=", 1)[1].split(",")
    return Ended(seconds, float(cpu), int(peak) / 1024, done.stdout)


@dataclass(frozen=True, slots=True)
class Measured:
    """One history: its size in MiB, and what was measured of it."""

    size: float
    imported: Ended
    floor: Ended
    exact: bool

    def line(self) -> str:
        """A line of the table."""
        imported, floor = self.imported, self.floor
        cells = (
            f"{self.size:8,.0f} MiB",
            f"{imported.seconds:8.1f} s",
            f"{self.size / imported.seconds:8.1f} MiB/s",
            f"{self.size / floor.seconds:10.1f} MiB/s",
            f"{floor.cpu / imported.cpu:10.3f}",
            f"{imported.peak:10.1f} MiB",
            "exact" if self.exact else "WRONG",
        )
        return "  ".join(cells)


def measure(folder: Path, size: int) -> Measured:
    """Write, read and import a history of `size` MiB."""
    path, store = folder / "large_stats_history.csv", folder / f"store-{size}.db"
    requests = write_history(path, size * MIB)
    floor = run("-", FLOOR.format(path=str(path)))
    imported = run("soakwatch.cli.main", "import", "csv", str(path), "--store", str(store), "--json")
    exact = f'"requests": {requests},' in imported.output
    measured = Measured(path.stat().st_size / MIB, imported, floor, exact)
    path.unlink()
    store.unlink()
    return measured


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1024, help="MiB of the large history")
    size = parser.parse_args().size
    with tempfile.TemporaryDirectory() as folder:
        small, large = (measure(Path(folder), each) for each in (SMALL, size))
    print("        size      import           speed        csv.reader   CPU share     peak memory  requests")
    print(small.line(), large.line(), sep="\n")
    growth = large.imported.peak - small.imported.peak
    bounded, exact = growth < MOST_GROWTH, small.exact and large.exact
    print(f"peak memory grows by {growth:.1f} MiB: {verdict(holds=bounded)} (at most {MOST_GROWTH})")
    print(f"every request is imported: {verdict(holds=exact)}")
    print("CPU share: what reading the file with csv.reader costs of what importing it costs; 1 is the floor")
    return int(not (bounded and exact))


if __name__ == "__main__":
    sys.exit(main())
