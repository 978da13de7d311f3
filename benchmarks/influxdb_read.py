"""Reading from InfluxDB: weeks of history into arrays, the last hour, and a panel of a dashboard.

Run as `python benchmarks/influxdb_read.py [--short]` (some ten minutes; one in the short form). An InfluxDB of the
benchmark's own is filled with ten-minute roll-ups of 200 series over 28 days, and with those of one minute over the
last hour; all fields are there. Then, warm, in random order:

- `history` of four columns over all of it: at most 1.5 times what http.client needs to ask and to drain, without
  looking at a single number. Bare are: the very questions that the store asks (recorded), one question for all four
  fields, and that with the server's pivot. The claim is against the fastest of the three.
- `history` of everything over the last hour: every column of every series by the minute, in less than half a second.
- One panel of a dashboard, the 95th percentile of 50 endpoints over 7 days, in less than a second: in InfluxQL, as
  Grafana asks, and through `history`.
"""

import argparse
import gzip
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from urllib.parse import urlencode

from bare_influxdb import ORG, BareClient, running_server
from measuring import Ratio, verdict
from recorded_requests import Request, forwarding
from windows_of_a_test import Pool, endpoints

from soakwatch.core.retention import FOR_EVER
from soakwatch.core.roll_up import MINUTE, TEN_MINUTES
from soakwatch.core.series import Series
from soakwatch.core.span import Span
from soakwatch.core.store_settings import StoreSection
from soakwatch.store.contract import Column
from soakwatch.store.flux import Selection
from soakwatch.store.influx_buckets import Buckets
from soakwatch.store.influxdb import InfluxStore
from soakwatch.store.line_protocol import line_of

HISTORY_LIMIT, HOUR_LIMIT, PANEL_LIMIT = 1.5, 0.5, 1.0
HOUR, DAY = 3_600.0, 86_400.0
SERIES = endpoints(200)
SERVICE = SERIES[0].service
"""Has 50 of the endpoints."""

COLUMNS = (Column.COUNT, Column.FAILURES, Column.OK_P50, Column.OK_P95)
NAME = "store"
BUCKETS = Buckets.of(NAME, FOR_EVER)
TAGS = ("env", "test", "service", "method", "endpoint")


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured."""

    days: int
    repetitions: int


WHOLE, SHORT = Extent(28, 9), Extent(4, 5)


def fill(client: BareClient, bucket: str, width: float, span: Span, series: Sequence[Series] = SERIES) -> int:
    """Write roll-ups of `series` in `span`, as the store encodes them; how many."""
    pool, chance = Pool.of(400), random.Random(7)
    lines = [line_of(one) for one in pool.roll_ups(0.0, width, list(series) * 3, chance)]
    return write_often(client, bucket, lines, len(series), (width, span))


def write_often(client: BareClient, bucket: str, patterns: Sequence[str], series: int, when: tuple[float, Span]) -> int:
    """Write points of the first so many `patterns`, at each width of a span, with the fields of any of them."""
    chance, (width, span) = random.Random(8), when
    # encoding a million of them would take longer than all the rest; keys have no spaces here
    keys = [line.partition(" ")[0] for line in patterns[:series]]
    fields = [line.partition(" ")[2].rpartition(" ")[0] for line in patterns]
    starts = [span.start + width * number for number in range(round((span.end - span.start) / width))]
    for first in range(0, len(starts), 20):
        lines = [f"{key} {chance.choice(fields)} {start:.0f}" for start in starts[first : first + 20] for key in keys]
        body = gzip.compress("\n".join(lines).encode(), 1)
        path = f"/api/v2/write?org={ORG}&bucket={bucket}&precision=s"
        client.ask("POST", path, body, {"Content-Encoding": "gzip"})
    return len(starts) * len(keys)


@dataclass
class Took:
    """Seconds of each repetition by the clock, and of this process's CPU, which a busy machine makes it wait for."""

    clock: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def measure(self, work: Callable[[], object]) -> None:
        """One repetition more."""
        clock, cpu = time.perf_counter(), time.process_time()
        work()
        self.clock.append(time.perf_counter() - clock)
        self.cpu.append(time.process_time() - cpu)

    @property
    def median(self) -> float:
        """By the clock."""
        return median(self.clock)


def measure(works: dict[str, Callable[[], object]], repetitions: int) -> dict[str, Took]:
    """Do each of `works` in random order, and print what it took; all are warm."""
    took = {name: Took() for name in works}
    for work in works.values():
        work()
    for _ in range(repetitions):
        for name in random.sample(list(works), len(works)):
            took[name].measure(works[name])
    for name, one in took.items():
        print(f"{name:50}{one.median:8.3f}{min(one.clock):8.3f}{max(one.clock):8.3f}{median(one.cpu):9.3f}")
    return took


def recorded(section: StoreSection, ask: Callable[[InfluxStore], object]) -> list[Request]:
    """What the store sends to do `ask`."""
    with forwarding(section.url) as recording:
        passing = section.model_copy(update={"url": recording.url})
        with InfluxStore.connect(passing, FOR_EVER) as store:
            ask(store)
        return recording.take()


def replay(client: BareClient, requests: Sequence[Request]) -> None:
    for request in requests:
        kept = {name: text for name, text in request.headers.items() if name not in {"Host", "Content-Length"}}
        client.drain(request.method, request.path, request.body, kept)


def pivoted(flux: str) -> str:
    return f'{flux} |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")'


@dataclass(frozen=True, slots=True)
class Readers:
    """The store and a bare client of one server."""

    section: StoreSection
    store: InfluxStore
    client: BareClient
    now: float

    def measure_history(self, extent: Extent) -> bool:
        """Print what weeks take; whether the claim holds."""
        span = Span(self.now - extent.days * DAY, self.now)
        ask = partial(InfluxStore.history, width=TEN_MINUTES, span=span, columns=COLUMNS)
        questions = recorded(self.section, ask)
        values = sum(len(one.starts) * len(one.values) for one in ask(self.store).values())
        assert values == len(SERIES) * len(COLUMNS) * extent.days * round(DAY / TEN_MINUTES)
        one = Selection(BUCKETS.ten_minutes.name, "requests_10m", COLUMNS, {}, span).query(
            ("_time", "_value", "_field", *TAGS)
        )
        bare: dict[str, Callable[[], object]] = {
            f"bare: the store's own questions ({len(questions)})": partial(replay, self.client, questions),
            "bare: one question": partial(self.client.query, one),
            "bare: one question, pivoted by the server": partial(self.client.query, pivoted(one)),
        }
        print(f"\n{extent.days} days by ten minutes, {len(SERIES)} series, four columns")
        took = measure({"store.history": partial(ask, self.store), **bare}, extent.repetitions)
        floor = min(bare, key=lambda name: took[name].median)
        pairs = zip(took["store.history"].clock, took[floor].clock, strict=True)
        ratio = Ratio.of([ours / theirs for ours, theirs in pairs])
        holds = ratio.median <= HISTORY_LIMIT
        print(f"against the fastest bare: {ratio}; at most {HISTORY_LIMIT}: {verdict(holds=holds)}")
        return holds

    def measure_hour(self, extent: Extent) -> bool:
        """Print what the last hour takes; whether the claim holds."""
        ask = partial(InfluxStore.history, width=MINUTE, span=Span(self.now - HOUR, self.now), columns=tuple(Column))
        questions = recorded(self.section, ask)
        ours, theirs = f"store.history, {len(Column)} columns", f"bare: the store's own questions ({len(questions)})"
        print(f"\nthe last hour by the minute, {len(SERIES)} series, every column")
        took = measure(
            {ours: partial(ask, self.store), theirs: partial(replay, self.client, questions)}, extent.repetitions
        )
        holds = took[ours].median < HOUR_LIMIT
        print(f"in less than {HOUR_LIMIT} s: {verdict(holds=holds)}")
        return holds

    def measure_panel(self, extent: Extent) -> bool:
        """Print what a panel takes; whether the claim holds."""
        span = Span(self.now - min(7, extent.days) * DAY, self.now)
        ask = partial(InfluxStore.history, width=TEN_MINUTES, span=span, columns=(Column.P95,), services=(SERVICE,))
        print(f"\na panel: p95 of 50 endpoints over {(span.end - span.start) / DAY:.0f} days")
        took = measure(
            {
                "InfluxQL, as Grafana asks": partial(self.client.drain, "GET", panel(span)),
                "store.history": partial(ask, self.store),
                "bare: the store's own questions": partial(replay, self.client, recorded(self.section, ask)),
            },
            extent.repetitions,
        )
        holds = max(one.median for one in took.values()) < PANEL_LIMIT
        print(f"in less than {PANEL_LIMIT} s: {verdict(holds=holds)}")
        return holds


def panel(span: Span) -> str:
    """The address that Grafana's InfluxQL panel gets its lines from."""
    query = (  # the names are our own
        'SELECT mean("p95") FROM "requests_10m" '  # noqa: S608  (our own words)
        f"WHERE \"service\" = '{SERVICE}' AND time >= {span.start:.0f}s AND time < {span.end:.0f}s "
        'GROUP BY time(10m), "endpoint"::tag fill(null)'
    )
    return "/query?" + urlencode({"db": BUCKETS.ten_minutes.name, "epoch": "ms", "q": query})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="four days of history")
    extent = SHORT if parser.parse_args().short else WHOLE
    now = time.time() // TEN_MINUTES * TEN_MINUTES
    with running_server() as server:
        section = server.make_store(NAME)
        server.map_database(BUCKETS.ten_minutes.name)
        begin = time.perf_counter()
        points = fill(server.client(), BUCKETS.ten_minutes.name, TEN_MINUTES, Span(now - extent.days * DAY, now))
        points += fill(server.client(), BUCKETS.minutes.name, MINUTE, Span(now - HOUR, now))
        took = time.perf_counter() - begin
        server.compacted_size(BUCKETS.ten_minutes.name)
        print(f"{points:,} roll-ups written in {took:.0f} s\n")
        print(f"{'seconds':50}{'median':>8}{'least':>8}{'most':>8}{'own CPU':>9}")
        with InfluxStore.connect(section, FOR_EVER) as store:
            readers = Readers(section, store, server.client(), now)
            measured = (readers.measure_history(extent), readers.measure_hour(extent), readers.measure_panel(extent))
    return int(not all(measured))


if __name__ == "__main__":
    sys.exit(main())
