"""Writing into InfluxDB: encoding takes little, and a store is not much slower than the server takes the bytes.

Run as `python benchmarks/influxdb_write.py [--short]` (some ten minutes; one in the short form).

- Encoding the windows of 200 series to line protocol, nothing of which was encoded before: at most 10 ms. In a Locust
  process the spool has encoded their histograms already, which the store then uses. Beside them json.dumps of the same
  rows, for which the standard library has a C loop, and gzip as the store uses it.
- An hour of windows of 5,000 series, 1.8 million points, written by the store as delivery does, ten seconds at a time:
  at most 1.5 times what http.client needs to send the very bodies that the store sends (a second store sends them to a
  server that records them). Both write five minutes in turn, in random order, each into buckets of its own. The time
  of the store is split by sending to a server that takes everything at once: what is left is its own work.
"""

import argparse
import gzip
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

from bare_influxdb import Server, running_server
from measuring import Ratio, cpu_of, verdict
from recorded_requests import Recording, Request, accepting
from windows_of_a_test import RUN, WIDTH, Pool, endpoints

from soakwatch.core.retention import FOR_EVER
from soakwatch.core.series import Series
from soakwatch.core.window import Window
from soakwatch.store import rows
from soakwatch.store.influxdb import InfluxStore
from soakwatch.store.line_protocol import line_of

Flushes = Sequence[Sequence[Window]]
"""What is written at once, ten seconds apart."""

LEVEL = 3
"""Of gzip, as the store uses it."""

ENCODING_LIMIT = 10.0
WRITING_LIMIT = 1.5
FLUSHES = 30
"""Writes of ten seconds each that are timed together."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured."""

    repetitions: int
    series: int
    chunks: int


WHOLE, SHORT = Extent(200, 5_000, 12), Extent(50, 1_000, 4)


def spread(values: Sequence[float]) -> str:
    """Median, smallest and largest."""
    return f"{median(values):9.2f}{min(values):9.2f}{max(values):9.2f}"


def measure_encoding(repetitions: int) -> bool:
    """Print what encoding takes, in ms of CPU; whether the claim holds."""
    series, pool = endpoints(200), Pool.of(250)
    lines_took, again_took, json_took, gzip_took = [], [], [], []
    for _ in range(repetitions):
        windows = list(pool.at(1_780_000_000.0, series, random.Random()))
        lines_took.append(1000 * cpu_of(partial(encoded, windows)))
        again_took.append(1000 * cpu_of(partial(encoded, windows)))
        plain = [(*rows.of_series(window.series), *rows.of_window(window)) for window in windows]
        json_took.append(1000 * cpu_of(partial(json.dumps, plain)))
        gzip_took.append(1000 * cpu_of(partial(gzip.compress, b"\n".join(encoded(windows)), LEVEL)))
    print(f"encoding 200 series of 250 requests each, ms of CPU, {repetitions} times\n")
    print(f"{'':42}{'median':>9}{'least':>9}{'most':>9}")
    holds = median(lines_took) <= ENCODING_LIMIT
    print(f"{'to line protocol':42}{spread(lines_took)}  at most {ENCODING_LIMIT:.0f} ms: {verdict(holds=holds)}")
    print(f"{'the same, when the spool has them already':42}{spread(again_took)}")
    print(f"{'json.dumps of the same rows (floor)':42}{spread(json_took)}")
    print(f"{'gzip of the lines':42}{spread(gzip_took)}\n")
    return holds


def encoded(windows: Sequence[Window]) -> list[bytes]:
    return [line_of(window).encode() for window in windows]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Seconds that five minutes of windows took: the store, the bare client, and the store sending to nobody.

    `cpu` are seconds of this process's CPU that the store took, which a busy machine makes it wait for.
    """

    store: float
    bare: float
    nowhere: float
    cpu: float

    @property
    def ratio(self) -> float:
        """The store against the bare client."""
        return self.store / self.bare

    def __str__(self) -> str:
        """A line of the table."""
        return f"{self.store:9.2f}{self.bare:9.2f}{self.ratio:9.2f}{self.nowhere:14.2f}{self.cpu:10.2f}"


class Writers:
    """The store, the same store in front of a server that takes everything and keeps nothing, and a bare client."""

    def __init__(self, server: Server, recording: Recording) -> None:
        section, _ = server.make_store("store"), server.make_store("bare")
        self.store = InfluxStore.connect(section, FOR_EVER)
        self._nowhere = InfluxStore.connect(section.model_copy(update={"url": recording.url}), FOR_EVER)
        self._client, self._recording = server.client(), recording

    def chunk(self, make: Callable[[], Flushes]) -> Chunk:
        """Write what `make` gives anew each time: all three encode and send the same windows."""
        # what is sent must be known first; the other two take turns at being first
        nowhere, _ = self._write(self._nowhere, make())
        bodies = self._recording.take()
        if random.random() < 0.5:
            (store, cpu), bare = self._write(self.store, make()), self._replay(bodies)
        else:
            bare, (store, cpu) = self._replay(bodies), self._write(self.store, make())
        return Chunk(store, bare, nowhere, cpu)

    def close(self) -> None:
        """Close the connections."""
        self.store.close()
        self._nowhere.close()

    def _write(self, store: InfluxStore, flushes: Flushes) -> tuple[float, float]:
        clock, cpu = time.perf_counter(), time.process_time()
        for windows in flushes:
            store.write(windows)
        return time.perf_counter() - clock, time.process_time() - cpu

    def _replay(self, requests: Sequence[Request]) -> float:
        begin = time.perf_counter()
        for request in requests:
            path = request.path.replace("bucket=store", "bucket=bare")
            self._client.ask("POST", path, request.body, {"Content-Encoding": "gzip", "Content-Type": "text/plain"})
        return time.perf_counter() - begin


def measure_writing(server: Server, extent: Extent) -> bool:
    """Print what writing takes; whether the claim holds."""
    series, pool = endpoints(extent.series), Pool.of(50)
    begin = time.time() // WIDTH * WIDTH - extent.chunks * FLUSHES * WIDTH
    windows = extent.series * FLUSHES * extent.chunks
    print(f"{windows:,} windows of {extent.series:,} series; each line: {FLUSHES} writes\n")
    print(f"{'store s':>9}{'bare s':>9}{'ratio':>9}{'to nowhere s':>14}{'own CPU s':>10}")
    chunks = []
    with accepting() as recording:
        writers = Writers(server, recording)
        for number in range(extent.chunks):
            start = begin + number * FLUSHES * WIDTH
            chunks.append(writers.chunk(partial(flushes_from, pool, series, start, random.randrange(1 << 30))))
            print(chunks[-1], flush=True)
        stored = sum(writers.store.requests_stored(RUN).values())
        writers.close()
    assert stored == 50 * windows
    ratio = Ratio.of([chunk.ratio for chunk in chunks])
    total = sum(chunk.store for chunk in chunks) / sum(chunk.bare for chunk in chunks)
    holds = total <= WRITING_LIMIT
    print(f"\nall of it {total:.3f}; median and 95 % interval {ratio}")
    print(f"at most {WRITING_LIMIT} of what the bare client needs: {verdict(holds=holds)}")
    return holds


def flushes_from(pool: Pool, series: Sequence[Series], start: float, seed: int) -> Flushes:
    """Five minutes of windows, the same for one `seed` each time; as in a Locust process the spool has them already."""
    chance = random.Random(seed)
    flushes = [list(pool.at(start + number * WIDTH, series, chance)) for number in range(FLUSHES)]
    for windows in flushes:
        rows.encode(windows)
    return flushes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="a fifth of the series, for twenty minutes")
    extent = SHORT if parser.parse_args().short else WHOLE
    encodes = measure_encoding(extent.repetitions)
    with running_server() as server:
        writes = measure_writing(server, extent)
    return int(not (encodes and writes))


if __name__ == "__main__":
    sys.exit(main())
