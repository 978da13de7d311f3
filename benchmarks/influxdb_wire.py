"""Bytes on the wire and on InfluxDB's disk per million requests, against one point per request: at least 50 times less.

Run as `python benchmarks/influxdb_wire.py [--short]` (a quarter of an hour; two minutes in the short form, too few for
the claim on disk). Both designs write the same traffic, of 200 series, into an InfluxDB of the benchmark's own through
a proxy that counts what passes, headers included:

- soakwatch: a write every ten seconds, by its own store, as in a Locust process; three hours of it.
- a point per request: each with the tags and fields of locust-influxdb-listener, written once a second, in the form of
  the library that it uses, which does not compress unless it is told to. So there are two rows of it: as it is really
  sent, and as it would be if somebody switched gzip on (at level 9, as that library would).

Disk is what the folders of the buckets take after InfluxDB has compacted them, index and all. The index has the name of
each series once per field, however long the test is: after one hour of 5,000 requests a second it is a tenth of all.
The point per request stops after a million requests, because each million is like the last. soakwatch's roll-ups,
which outlive the windows, are shown beside: they are no part of the ratio.
"""

import argparse
import gzip
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bare_influxdb import ORG, BareClient, Server, running_server
from measuring import verdict
from recorded_requests import forwarding
from windows_of_a_test import LENGTH, WIDTH, Request, Traffic, endpoints

from soakwatch.core.retention import FOR_EVER
from soakwatch.core.roll_up import MINUTE, TEN_MINUTES, roll_up
from soakwatch.core.span import Span
from soakwatch.store.influx_buckets import Bucket, Buckets
from soakwatch.store.influxdb import InfluxStore

SERIES = 200
CLAIMED_RATE, LIMIT = 5_000, 50.0
WINDOWS = 3 * 360


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is written: windows of soakwatch, and at most so many points of one request each."""

    rates: Sequence[int]
    windows: int
    requests: int


WHOLE = Extent((50, 200, 1_000, 5_000, 20_000), WINDOWS, 1_000_000)
SHORT = Extent((500, 5_000), 60, 200_000)


@dataclass(frozen=True, slots=True)
class Soakwatch:
    """Bytes per request: sent, on disk, and the disk that roll-ups of one and ten minutes take."""

    sent: float
    disk: float
    roll_ups: float


@dataclass(frozen=True, slots=True)
class PointPerRequest:
    """Bytes per request: sent, the same if it were compressed, and on disk."""

    sent: float
    compressed: float
    disk: float


def measure_soakwatch(server: Server, rate: int, extent: Extent, begin: float) -> Soakwatch:
    traffic, section = Traffic(rate, endpoints(SERIES)), server.make_store(f"soakwatch_{rate}")
    requests = sent = 0
    with forwarding(server.url) as recording:
        passing = section.model_copy(update={"url": recording.url})
        with InfluxStore.connect(passing, FOR_EVER) as store:
            for number in range(extent.windows):
                windows = traffic.windows(begin + number * WIDTH)
                store.write(windows)
                requests += sum(window.count for window in windows)
                sent += sum(request.size for request in recording.take())
            write_roll_ups(store, Span(begin, begin + extent.windows * WIDTH))
    raw, minutes, ten_minutes, _ = (
        server.compacted_size(bucket.name) for bucket in Buckets.of(section.bucket, FOR_EVER)
    )
    return Soakwatch(sent / requests, raw / requests, (minutes + ten_minutes) / requests)


def write_roll_ups(store: InfluxStore, span: Span) -> None:
    """As the roll-up pass does, ten minutes at a time."""
    start = span.start
    while start < span.end:
        windows = list(store.windows_between(Span(start, start + TEN_MINUTES)))
        store.write([*roll_up(windows, MINUTE), *roll_up(windows, TEN_MINUTES)])
        start += TEN_MINUTES


def measure_points(server: Server, rate: int, extent: Extent, begin: float) -> PointPerRequest:
    server.make_bucket(Bucket(f"points_{rate}", None))
    seconds = min(round(extent.windows * WIDTH), extent.requests // rate)
    path = f"/api/v2/write?org={ORG}&bucket=points_{rate}&precision=ns"
    sent = looked_at = compressed = 0
    with forwarding(server.url) as recording:
        client = BareClient(recording.url)
        for second, body in enumerate(seconds_of_points(rate, seconds, begin)):
            client.ask("POST", path, body)
            sent += sum(request.size for request in recording.take())
            # this takes long, and one second is like the next
            if second % 10 == 0:
                looked_at += len(body)
                compressed += len(gzip.compress(body, 9))
    requests = seconds * rate
    disk = server.compacted_size(f"points_{rate}")
    return PointPerRequest(sent / requests, sent / requests * compressed / looked_at, disk / requests)


def seconds_of_points(rate: int, seconds: int, begin: float) -> Iterator[bytes]:
    """Line protocol of each second."""
    traffic, made = Traffic(rate, endpoints(SERIES)), 0
    for second in range(seconds):
        requests = traffic.second(begin + second)
        lines = [point(request, made + number) for number, request in enumerate(requests, 1)]
        made += len(lines)
        yield "\n".join(lines).encode() + b"\n"


def point(request: Request, counter: int) -> str:
    """As locust-influxdb-listener describes a success; its times have microseconds."""
    tags = f"exception=None,name={request.series.endpoint},node_id=local,request_type=GET,success=True"
    fields = f"counter={counter}i,response_length={LENGTH}i,response_time={request.time!r},user_count=100i"
    return f"locust_requests,{tags} {fields} {round(request.at * 1e6)}000"


@dataclass(frozen=True, slots=True)
class Row:
    """Both designs at one rate."""

    rate: int
    ours: Soakwatch
    theirs: PointPerRequest

    @property
    def ratios(self) -> tuple[float, float, float]:
        """How many times less soakwatch takes: sent, sent if theirs were compressed, on disk."""
        ours, theirs = self.ours, self.theirs
        return theirs.sent / ours.sent, theirs.compressed / ours.sent, theirs.disk / ours.disk

    def __str__(self) -> str:
        """A line of the table; bytes per request are megabytes per million requests."""
        ours, theirs = self.ours, self.theirs
        sizes = f"{ours.sent:9.2f}{theirs.sent:9.1f}{theirs.compressed:9.1f}"
        disk = f"{ours.disk:9.2f}{ours.roll_ups:9.2f}{theirs.disk:9.1f}"
        plain, compressed, disk_ratio = self.ratios
        return f"{self.rate:8,} /s {sizes}{plain:8.1f}{compressed:8.1f}  |{disk}{disk_ratio:8.1f}"


def measure(server: Server, rate: int, extent: Extent) -> Row:
    begin = time.time() // TEN_MINUTES * TEN_MINUTES - 2 * WINDOWS * WIDTH
    return Row(rate, measure_soakwatch(server, rate, extent, begin), measure_points(server, rate, extent, begin))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="two rates, and ten minutes of windows")
    extent = SHORT if parser.parse_args().short else WHOLE
    print(f"megabytes per million requests, {SERIES} series, {extent.windows} windows of ten seconds, one process\n")
    print(f"{'':11}{'sent':>9}{'per':>9}{'the same':>9}{'times less':>16}  |{'on disk':>9}{'and its':>9}{'per':>9}")
    print(
        f"{'requests':>11}{'by us':>9}{'request':>9}{'gzipped':>9}{'sent':>8}{'gzipped':>8}  |"
        f"{'of us':>9}{'roll-ups':>9}{'request':>9}{'times less':>11}"
    )
    rows = []
    with running_server() as server:
        for rate in extent.rates:
            rows.append(measure(server, rate, extent))
            print(rows[-1], flush=True)
    (claimed,) = [row for row in rows if row.rate == CLAIMED_RATE]
    sent, compressed, disk = claimed.ratios
    holds = min(sent, disk) >= LIMIT
    print(f"\nat {CLAIMED_RATE:,} requests a second, at least {LIMIT:.0f} times less")
    print(f"  on the wire, as both really send  {sent:8.1f}  {verdict(holds=sent >= LIMIT)}")
    print(f"  on disk                           {disk:8.1f}  {verdict(holds=disk >= LIMIT)}")
    print(f"  (if the others switched gzip on   {compressed:8.1f})")
    return int(not holds)


if __name__ == "__main__":
    sys.exit(main())
