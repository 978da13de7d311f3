"""What faults of InfluxDB and of the disk cost a test: throughput within 5 % of that without, and nothing is lost.

Run as `python benchmarks/faults.py [--only NAME] [--seconds 20] [--cycles 2]`: 25 minutes.

For each fault there is one real Locust process, with users without waits (a
closed loop, so that every delay of the event loop costs requests), windows of one second, and a real InfluxDB behind a
proxy. Two processes of the same program differ by some percent of their throughput for their whole life, so the fault
comes and goes within one process: each cycle is a stretch without it, one with it and with the recovery, and a second
one without. The ratio is the throughput with the fault against the mean of the two stretches around it, which cancels
any drift. One of these two against the other is the same thing against itself (A/A); the spread of all of these is how
well this machine can tell. In the end Locust's exit code must be its own, and every request it counted must be stored.

The stall of the event loop while each fsync takes half a second is measured by a greenlet inside a Locust with few
requests, beside the same with a fast disk, and beside a process that does nothing else: what the machine itself does.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from bisect import bisect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median, stdev

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from cpu_per_request import server as fast_target
from fault_runs import FULL, LATE_FSYNC, PACED, STALLS, FaultBench, fault_bench, proxied, switched
from faulty_proxy import FaultyProxy
from influxd_process import InfluxdProcess
from locust_runs import Ended
from measuring import verdict

LIMIT = 0.05
STALL_LIMIT = 0.015
STALL = "stall"
WARM_UP = 5.0
RECOVERY = 5.0
"""Seconds after a fault that still count as its own: what waited is delivered in them."""

DISK = "a-fast-disk"
FULL_DISK = "spool's disk full"

CLOSED_LOOP = """
import time
import gevent
from locust import FastHttpUser, constant, events, task

class Visitor(FastHttpUser):
    wait_time = constant(0)

    def on_start(self):
        with self.client.get("/page", name="/fail", catch_response=True) as answer:
            answer.failure("so that the exit code is told")

    @task
    def page(self):
        self.client.get("/page", name="shop: /page")

def tell(environment):
    with open("progress.txt", "w", buffering=1) as file:
        while True:
            file.write(f"{time.monotonic()} {environment.stats.total.num_requests}\\n")
            gevent.sleep(0.1)

@events.test_start.add_listener
def begin(environment, **_):
    gevent.spawn(tell, environment)
"""

IDLE = """
import sys, time
end, worst = time.perf_counter() + float(sys.argv[1]), 0.0
while (begin := time.perf_counter()) < end:
    time.sleep(0.001)
    worst = max(worst, time.perf_counter() - begin - 0.001)
print(worst)
"""


@dataclass(frozen=True)
class Place:
    """What a fault can be done to."""

    faults: FaultBench
    influxd: InfluxdProcess


@contextmanager
def killed(place: Place) -> Iterator[None]:
    place.influxd.kill()
    try:
        yield
    finally:
        place.influxd.start()


@contextmanager
def full_disk(place: Place) -> Iterator[None]:
    ballast = place.faults.spool.parent / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def late_fsync(place: Place) -> Iterator[None]:
    (place.faults.bench.folder / DISK).unlink()
    try:
        yield
    finally:
        (place.faults.bench.folder / DISK).touch()


def in_front(cause: Callable[[FaultyProxy], AbstractContextManager[None]]) -> "Cause":
    """The same, of a place's proxy."""
    return lambda place: cause(place.faults.proxy)


Cause = Callable[[Place], AbstractContextManager[None]]

FAULTS: Mapping[str, Cause] = {
    **{name: in_front(cause) for name, cause in switched(FULL).items()},
    "killed": killed,
    FULL_DISK: full_disk,
    "every fsync 500 ms late": late_fsync,
}


@dataclass(frozen=True)
class Cycle:
    """Requests a second without the fault, with it, and without it again."""

    before: float
    during: float
    after: float

    @property
    def ratio(self) -> float:
        """With the fault against without."""
        return self.during / fmean((self.before, self.after))

    @property
    def itself(self) -> float:
        """The same again (A/A)."""
        return self.after / self.before


@dataclass(frozen=True)
class Result:
    """The cycles of one fault, and what did not hold besides."""

    name: str
    cycles: Sequence[Cycle]
    complaint: str

    @property
    def ratio(self) -> float:
        """Of the cycle in the middle."""
        return median(cycle.ratio for cycle in self.cycles)


@contextmanager
def place(name: str, host: str, locustfile: str) -> Iterator[Place]:
    with tempfile.TemporaryDirectory() as folder:
        bench, disk = Path(folder) / "bench", Path(folder) / "disk"
        bench.mkdir()
        disk.mkdir()
        with (
            small(disk) if name == FULL_DISK else nullcontext(),
            InfluxdProcess.running(Path(folder) / "influxd") as influxd,
            proxied(influxd.server.url) as proxy,
            fault_bench(bench, host, proxy, influxd.server, locustfile) as faults,
        ):
            faults.set(spool=disk / "spool", timeout=FULL.patience)
            (bench / DISK).touch()
            yield Place(faults, influxd)


@contextmanager
def small(disk: Path) -> Iterator[None]:
    subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)], check=True)
    try:
        yield
    finally:
        subprocess.run(["/bin/umount", str(disk)], check=True)


def measure(name: str, host: str, seconds: float, cycles: int) -> Result:
    with place(name, host, LATE_FSYNC + CLOSED_LOOP) as made:
        locust = made.faults.start(86_400)
        locust.wait_for("All users spawned")
        time.sleep(WARM_UP)
        marks = [stretches(FAULTS[name](made), seconds) for _ in range(cycles)]
        locust.process.terminate()
        ended = locust.wait(60)
        progress = (made.faults.bench.folder / "progress.txt").read_text(encoding="utf-8")
        return Result(name, [cycle(progress, mark) for mark in marks], complaint(made.faults, ended))


def stretches(fault: AbstractContextManager[None], seconds: float) -> Sequence[float]:
    """Three stretches; the monotonic times at which they begin, and at which the last one ends."""
    half = max(4.0, seconds / 2)
    marks = [time.monotonic()]
    time.sleep(half)
    marks.append(time.monotonic())
    with fault:
        time.sleep(seconds)
    time.sleep(RECOVERY)
    marks.append(time.monotonic())
    time.sleep(half)
    return [*marks, time.monotonic()]


def cycle(progress: str, marks: Sequence[float]) -> Cycle:
    samples = [(float(at), int(requests)) for at, requests in map(str.split, progress.splitlines())]
    at_marks = [samples[bisect(samples, (mark, 0)) - 1] for mark in marks]
    rates = [(later[1] - earlier[1]) / (later[0] - earlier[0]) for earlier, later in pairwise(at_marks)]
    return Cycle(*rates)


def complaint(faults: FaultBench, ended: Ended) -> str:
    try:
        faults.hold_harmless(ended)
        faults.hold_complete()
    except AssertionError as error:
        return f"not unharmed or not complete: {str(error)[:300]}"
    return ""


@dataclass(frozen=True)
class Stalls:
    """Longest stalls in seconds: of a process that does nothing else, and of Locust's event loop on either disk."""

    idle: float
    fast: float
    late: float


def measure_stalls(host: str, seconds: float) -> Stalls:
    with place("", host, PACED + LATE_FSYNC + STALLS) as made:
        locust = made.faults.start(86_400)
        locust.wait_for("All users spawned")
        time.sleep(WARM_UP)
        begin, idle = time.monotonic(), idle_beside(2 * seconds)
        time.sleep(seconds)
        change = time.monotonic()
        with late_fsync(made):
            time.sleep(seconds)
        stalls = made.faults.stalls()
        locust.process.terminate()
        locust.wait(60)
        return Stalls(
            float(idle.communicate()[0]),
            max(stall.longest for stall in stalls if begin < stall.at < change),
            max(stall.longest for stall in stalls if stall.at > change),
        )


def idle_beside(seconds: float) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", IDLE, str(seconds)], stdout=subprocess.PIPE, text=True)


def report(results: Sequence[Result]) -> bool:
    """Print the table; whether all holds."""
    itself = [one.itself for result in results for one in result.cycles]
    spread = 1.96 * stdev(itself) if len(itself) > 2 else max(abs(one - 1) for one in itself)
    print(f"{'fault':30}{'without':>12}{'with':>12}{'ratio':>8}   of all cycles")
    print("\n".join(row(result, spread) for result in results))
    print(f"{'the same again (A/A)':30}{'':24}{median(itself):8.3f}   95 % of them within {spread:.1%}")
    if spread >= LIMIT:
        print(f"That is not within {LIMIT:.0%}: take a quieter machine, or more cycles.")
    return all(holds(result, spread) for result in results)


def holds(result: Result, spread: float) -> bool:
    return spread < LIMIT and result.ratio >= 1 - LIMIT - spread and not result.complaint


def row(result: Result, spread: float) -> str:
    without = fmean(fmean((one.before, one.after)) for one in result.cycles)
    with_it = fmean(one.during for one in result.cycles)
    cycles = " ".join(f"{one.ratio:.3f}" for one in result.cycles)
    untold = spread >= LIMIT and not result.complaint
    said = "cannot be told" if untold else verdict(holds=holds(result, spread))
    return (
        f"{result.name:30}{without:10.0f}/s{with_it:10.0f}/s{result.ratio:8.3f}   {cycles}   {said} {result.complaint}"
    )


def report_stalls(stalls: Stalls) -> bool:
    """Print the longest stalls; whether they are short."""
    short = stalls.late < max(STALL_LIMIT, stalls.idle)
    print(
        f"longest stall of the event loop: {stalls.late * 1000:.1f} ms with late fsyncs, {stalls.fast * 1000:.1f} ms "
        f"without; of an idle process beside it: {stalls.idle * 1000:.1f} ms   {verdict(holds=short)}"
    )
    return short


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=[*FAULTS, STALL], action="append", help="this one; may be given again")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of a fault (20)")
    parser.add_argument("--cycles", type=int, default=2, help="how often each fault comes and goes (2)")
    arguments = parser.parse_args()
    chosen = arguments.only or [*FAULTS, STALL]
    with fast_target() as host:
        names = [name for name in chosen if name != STALL]
        results = [measure(name, host, arguments.seconds, arguments.cycles) for name in names]
        held = [report(results)] if results else []
        if STALL in chosen:
            held.append(report_stalls(measure_stalls(host, arguments.seconds)))
        return int(not all(held))


if __name__ == "__main__":
    sys.exit(main())
