"""Memory over 24 hours of windows: under 2 MiB of growth after the first hour.

Run as `python benchmarks/memory.py [--hours 24]` (a few minutes). The clock is moved, the work is real: 200 series get
a few requests in each of 8,640 windows of ten seconds, which go through spool and SQLite. Resident memory is read at
each hour; afterwards one more hour runs under tracemalloc, which tells Python's own memory from fragments of the heap.
"""

import locust.main  # noqa: I001  (first: it patches the standard library for gevent)

import argparse
import gc
import sys
import tempfile
import time
import tracemalloc
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from measuring import resident, verdict
from requests_of_a_test import Traffic, new_recorder

from soakwatch.collector.delivery import Delivery
from soakwatch.collector.recorder import make_hook
from soakwatch.store.sqlite import SqliteStore

assert locust.main

LIMIT = 2.0
WINDOWS_PER_HOUR = 360
WIDTH = 10.0
REQUESTS = 400
MIB = 1024 * 1024


class Day:
    """A recorder and its delivery, hour by hour."""

    def __init__(self, folder: Path) -> None:
        self._delivery = Delivery(partial(SqliteStore.create, folder / "store.db"), folder / "spool", "source", 1 << 30)
        self._recorder = new_recorder(0.0)
        self._hook, _ = make_hook(self._recorder, time.time)
        self._batches = [Traffic(failing=0.02).events(REQUESTS) for _ in range(50)]
        self._now = 0.0

    def hour(self) -> None:
        """Take, close and deliver the windows of one hour."""
        for number in range(WINDOWS_PER_HOUR):
            for event in self._batches[number % len(self._batches)]:
                self._hook(**event)
            self._now += WIDTH
            self._delivery.submit(self._recorder.rotate(self._now))
            assert self._delivery.drain(60)

    def close(self) -> None:
        """Let go of the files."""
        self._delivery.close()


@dataclass(frozen=True, slots=True)
class Traced:
    """Python's own memory over one hour, in MiB."""

    growth: float
    peak: float


def traced_hour(day: Day) -> Traced:
    tracemalloc.start()
    day.hour()
    gc.collect()
    begin, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    day.hour()
    gc.collect()
    end, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return Traced((end - begin) / MIB, (peak - begin) / MIB)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=int, default=24)
    hours = parser.parse_args().hours
    with tempfile.TemporaryDirectory() as folder:
        day = Day(Path(folder))
        print(f"{'hour':>4}{'resident MiB':>14}{'since hour 1':>14}")
        print(f"{0:4}{resident():14.2f}", flush=True)
        first = last = 0.0
        for hour in range(1, hours + 1):
            day.hour()
            last = resident()
            first = first or last
            print(f"{hour:4}{last:14.2f}{last - first:+14.2f}", flush=True)
        traced = traced_hour(day)
        day.close()
    holds = last - first < LIMIT
    print(f"\ngrowth after the first hour: {last - first:.2f} MiB; under {LIMIT:.0f} MiB: {verdict(holds=holds)}")
    print(f"Python's own memory in one more hour: {traced.growth:+.3f} MiB, peak {traced.peak:.2f} MiB above its start")
    return int(not holds)


if __name__ == "__main__":
    sys.exit(main())
