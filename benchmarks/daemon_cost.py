"""Daemon cost: what share of a core, and how much memory, a daemon with 200 series takes, over SQLite and InfluxDB.

Run as `python benchmarks/daemon_cost.py`, three quarters of an hour; `--short` takes half of it. OMP_NUM_THREADS=1
keeps it honest. A daemon that has learnt for a week, and one that has for four, which is as far as it looks back, tick
for two hours each; windows of ten seconds come from four load generators, and an endpoint of each gets slower. What a
tick costs is CPU time of the daemon's process, detection and ledger included; with InfluxDB that of the client. The
floor beside it is to read the windows of the minute, and to write its roll-ups, and nothing else.

With InfluxDB ticks come once a minute by the real clock, and history ends now: the server's own clock says what has
arrived since the last one, and ticks that follow at once would each do the work of many.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from math import ceil
from pathlib import Path
from statistics import mean, median
from subprocess import PIPE

import numpy as np
from bare_influxdb import running_server
from daemon_ticks import Daemon, learnt, moved, write
from many_tests import ManyTests, Minute
from measuring import verdict
from scipy.stats import linregress, t

from soakwatch.core.environment_variables import TOKEN_VARIABLE
from soakwatch.core.roll_up import TEN_MINUTES, roll_up
from soakwatch.core.span import Span
from soakwatch.core.store_settings import StoreKind
from soakwatch.core.truth import EventKind
from soakwatch.demo.history_events import DAY, HOUR, MINUTE, Event
from soakwatch.demo.history_plan import HistoryPlan
from soakwatch.detector.timing import Timing
from soakwatch.scheduler.detection import grace
from soakwatch.store.contract import WindowStore
from soakwatch.store.opening import create_store

MOST_OF_A_CORE = 0.04
MOST_MEMORY = 200.0
"""MiB of the whole process."""

FLAT = 1.25
"""Times the ticks after a week that those after four may cost."""

GROWTH = 1.0
"""MiB that a hundred ticks may add, by the lower bound of the interval: what cannot be told from nothing is flat."""

_OF_A_TEST = 50
_SETTLED = 40
"""The last ticks, over which memory is looked at: the first ones fill caches, and the first alarm loads libraries."""


@dataclass(frozen=True, slots=True)
class Size:
    """Of how many series how many ticks are measured after how many days, and how many by the real clock after all.

    Learning from all of them takes up to `learning` seconds.
    """

    series: int
    days: tuple[int, ...]
    ticks: int
    by_the_clock: int
    learning: float


WHOLE = Size(200, (7, 28), 140, 25, 15 * MINUTE)
SHORT = Size(200, (7, 8), 140, 12, 3 * MINUTE)


@dataclass(slots=True)
class Measured:
    """CPU seconds and resident MiB of a daemon: of its first tick, and of each after that; the floor of a tick."""

    store: str
    daemon: Daemon
    again: float = 0.0
    ticks: list[float] = field(default_factory=list)
    resident: list[float] = field(default_factory=list)
    floor: float = 0.0

    @property
    def share(self) -> float:
        """Of a core, over all ticks."""
        return mean(self.ticks) / MINUTE


def measured(size: Size) -> Iterator[Measured]:
    """Each daemon over each store."""
    events = tuple(
        Event(EventKind.STEP, onset=day * DAY + 10 * MINUTE, series=(3,), size=0.5, length=2 * HOUR)
        for day in size.days
    )
    last = max(size.days)
    end = ceil((time.time() + size.learning) / TEN_MINUTES) * TEN_MINUTES
    plan = HistoryPlan(series=_OF_A_TEST, days=last + 1, events=events, start=end - last * DAY)
    with tempfile.TemporaryDirectory() as folder, running_server() as server:
        for daemon in learnt(ManyTests(plan, size.series // _OF_A_TEST), Path(folder), size.days):
            minutes = list(daemon.tests.minutes(Span(daemon.until, daemon.until + size.ticks * MINUTE)))
            if daemon.days == last:
                elsewhere = moved(daemon, server.make_store("daemon"))
                yield _measure("InfluxDB", elsewhere, minutes[: size.by_the_clock], _wait_until)
            yield _measure("SQLite", daemon, minutes, _go_on)


def _wait_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.time()))


def _go_on(_moment: float) -> None:
    """For a store whose own clock does not matter."""


def _measure(store: str, daemon: Daemon, minutes: Sequence[Minute], wait: Callable[[float], None]) -> Measured:
    found, chance = Measured(store, daemon), np.random.default_rng(1)
    late = grace(Timing.of(daemon.configuration.detector))
    with _told(daemon) as process, create_store(daemon.configuration) as collectors:
        wait(daemon.until + late)
        found.again, memory = _tick(process, daemon.until + late)
        found.resident.append(memory)
        for minute in minutes:
            end = minute.day.start + MINUTE
            wait(end)
            write(collectors, chain(minute.windows(chance), minute.load()))
            wait(end + late)
            cost, memory = _tick(process, end + late)
            found.ticks.append(cost)
            found.resident.append(memory)
    found.floor = _floor(daemon, minutes)
    return found


@contextmanager
def _told(daemon: Daemon) -> Iterator["subprocess.Popen[str]"]:
    store = daemon.configuration.store
    environment = {**os.environ, **store.variables, "SOAKWATCH_LEDGER__PATH": str(daemon.configuration.ledger.path)}
    if store.kind is StoreKind.INFLUXDB:
        environment[TOKEN_VARIABLE] = store.read_token().get_secret_value()
    script = str(Path(__file__).with_name("told_daemon.py"))
    with subprocess.Popen(
        [sys.executable, script], cwd=daemon.folder, env=environment, stdin=PIPE, stdout=PIPE, text=True
    ) as process:
        yield process


def _tick(process: "subprocess.Popen[str]", now: float) -> tuple[float, float]:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("a told daemon needs pipes")
    process.stdin.write(f"{now}\n")
    process.stdin.flush()
    cost, memory = process.stdout.readline().split()
    return float(cost), float(memory)


def _floor(daemon: Daemon, minutes: Sequence[Minute]) -> float:
    """CPU seconds of reading a minute's windows back, and of writing what is rolled up of them."""
    with create_store(daemon.configuration) as store:
        return median(_read_and_write(store, minute) for minute in minutes)


def _read_and_write(store: WindowStore, minute: Minute) -> float:
    begin = time.process_time()
    windows = list(store.windows_between(Span(minute.day.start, minute.day.start + MINUTE)))
    took = time.process_time() - begin
    made = roll_up(windows, MINUTE)
    begin = time.process_time()
    write(store, made)
    return took + time.process_time() - begin


def growth(memory: Sequence[float]) -> tuple[float, float, float]:
    """MiB that a hundred ticks add to resident memory, and the bounds of that with 95 % confidence (least squares)."""
    settled = memory[-_SETTLED:]
    line = linregress(range(len(settled)), settled)
    half = t.ppf(0.975, len(settled) - 2) * line.stderr
    return 100 * line.slope, 100 * (line.slope - half), 100 * (line.slope + half)


def _show(one: Measured) -> None:
    slope, low, high = growth(one.resident)
    print(
        f"{one.store:9} {one.daemon.days:5} {one.again:7.2f} {median(one.ticks):7.2f} "
        f"{max(one.ticks):8.2f} {one.floor:6.2f} {one.share:7.2%} {one.resident[0]:6.0f} "
        f"{one.resident[-1]:5.0f}  {slope:+.2f} [{low:+.2f}, {high:+.2f}]",
        flush=True,
    )


def _is_flat(found: Sequence[Measured], store: str) -> bool:
    first, last = sorted((one for one in found if one.store == store), key=lambda one: one.daemon.days)
    return mean(last.ticks) <= FLAT * mean(first.ticks)


def main() -> int:
    """Measure, print a table, and end with 1 when a claim does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="fewer days, fewer ticks")
    size = SHORT if parser.parse_args().short else WHOLE
    print(f"{size.series} series, seconds of CPU, MiB")
    print("store      days   start  median  dearest  floor of core  after first, last, a hundred ticks add", flush=True)
    found = []
    for one in measured(size):
        found.append(one)
        _show(one)
    claims = {
        f"under {MOST_OF_A_CORE:.0%} of a core": all(one.share < MOST_OF_A_CORE for one in found),
        f"under {MOST_MEMORY:.0f} MiB": all(max(one.resident) < MOST_MEMORY for one in found),
        f"after {max(size.days)} days at most {FLAT} times as after {min(size.days)}": _is_flat(found, "SQLite"),
        f"no more than {GROWTH:.0f} MiB in a hundred ticks": all(growth(one.resident)[1] <= GROWTH for one in found),
    }
    for claim, holds in claims.items():
        print(f"{claim}: {verdict(holds=holds)}")
    return 0 if all(claims.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
