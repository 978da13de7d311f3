"""How long the closing of a window holds up the event loop: under 15 ms with 200 series.

Run as `python benchmarks/flush.py [--flushes 25]`. A ticker greenlet asks for its turn every millisecond, while windows
are closed, encoded, written ahead to the spool and delivered into SQLite, as in a Locust process; its longest wait is
the stall. The floor is the same ticker in the same process with nothing else to do.
"""

import locust.main  # noqa: I001  (first: it patches the standard library for gevent)

import argparse
import gc
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median, quantiles

import gevent
from measuring import verdict
from requests_of_a_test import Traffic, new_recorder

from soakwatch.collector.delivery import Delivery
from soakwatch.collector.recorder import make_hook
from soakwatch.store.sqlite import SqliteStore

assert locust.main

LIMIT = 15.0
TICK = 0.001
WIDTH = 10.0


@dataclass
class Ticker:
    """Asks for its turn every millisecond, and notes the longest wait beyond that, in ms."""

    longest: float = 0.0
    _running: bool = field(default=True, repr=False)

    def run(self) -> None:
        """Tick until told to stop."""
        last = time.perf_counter()
        while self._running:
            gevent.sleep(TICK)
            now = time.perf_counter()
            self.longest = max(self.longest, (now - last - TICK) * 1000)
            last = now

    @classmethod
    def beside(cls, work: Callable[[], object]) -> float:
        """The longest wait while `work` is done."""
        ticker = cls()
        greenlet = gevent.spawn(ticker.run)
        gevent.sleep(5 * TICK)
        work()
        gevent.sleep(2 * TICK)
        ticker._running = False
        greenlet.join()
        return ticker.longest


class Process:
    """What of soakwatch is in a Locust process: hook, recorder, delivery with its native threads."""

    def __init__(self, folder: Path, series: int) -> None:
        self._events = Traffic(series).events(250 * series)
        self._delivery = Delivery(partial(SqliteStore.create, folder / "store.db"), folder / "spool", "source", 1 << 30)
        self._recorder = new_recorder(0.0)
        self._hook, _ = make_hook(self._recorder, time.time)
        self._now = 0.0
        self._delivery.start()
        self.took: list[float] = []

    def fill(self) -> None:
        """Take the requests of one window."""
        for event in self._events:
            self._hook(**event)
        self._now += WIDTH
        gc.collect()

    def flush(self) -> None:
        """Close the window, and wait until it is in the store."""
        begin = time.perf_counter()
        self._delivery.submit(self._recorder.rotate(self._now))
        while self._delivery.waiting:
            gevent.sleep(TICK)
        self.took.append(time.perf_counter() - begin)

    def close(self) -> None:
        """Let go of the files."""
        self._delivery.close()


@dataclass(frozen=True, slots=True)
class Stalls:
    """Longest waits of the ticker in ms, one per flush, and beside as long a stretch of nothing."""

    flushing: Sequence[float]
    idle: Sequence[float]
    took: float


def measure(series: int, flushes: int, folder: Path) -> Stalls:
    process = Process(folder, series)
    process.fill()
    process.flush()
    flushing, idle = [], []
    for _ in range(flushes):
        process.fill()
        flushing.append(Ticker.beside(process.flush))
        idle.append(Ticker.beside(partial(gevent.sleep, process.took[-1])))
    process.close()
    return Stalls(flushing, idle, median(process.took))


def row(name: str, values: Sequence[float]) -> str:
    ninth = quantiles(values, n=10)[-1]
    return f"{name:34}{median(values):9.2f}{ninth:9.2f}{max(values):9.2f}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flushes", type=int, default=25)
    flushes = parser.parse_args().flushes
    with tempfile.TemporaryDirectory() as folder:
        usual = measure(200, flushes, Path(folder) / "usual")
        many = measure(2000, max(3, flushes // 5), Path(folder) / "many")
    print(f"longest wait of the event loop in ms, over {flushes} flushes of 200 series with 250 requests each\n")
    print(f"{'':34}{'median':>9}{'90 %':>9}{'max':>9}")
    print(row("idle (floor)", usual.idle))
    holds = median(usual.flushing) < LIMIT
    print(row("200 series", usual.flushing), f" under {LIMIT:.0f} ms in the median: {verdict(holds=holds)}")
    print(row("2,000 series: idle (floor)", many.idle))
    print(row("2,000 series", many.flushing))
    print(f"\nuntil all is in SQLite: {usual.took * 1000:.0f} ms and {many.took * 1000:.0f} ms (median)")
    return int(not holds)


if __name__ == "__main__":
    sys.exit(main())
