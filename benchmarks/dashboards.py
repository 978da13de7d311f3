"""Dashboards over a month: how long each question of each panel takes on a real InfluxDB.

Run as `python benchmarks/dashboards.py [--short]` (some ten minutes; two in the short form). An InfluxDB of the
benchmark's own is filled with roll-ups of 200 endpoints of four services over 28 days, ten minutes each (and a minute
each over the last day), and with a verdict for each of four metrics of each of them in each ten minutes. Then every
question of the five dashboards is asked as Grafana would ask it, over 28 days, for all services and all endpoints, and
for 20 endpoints chosen.

The slowest is to take less than 2 s. Beside it stands a floor, measured in the same run: what the server needs to count
the windows of all series in that time, the least that can be asked of each of them.
"""

import argparse
import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from bare_influxdb import BareClient, running_server
from influxdb_read import BUCKETS, DAY, NAME, SERIES, fill, write_often
from measuring import verdict

from soakwatch.core.judgement import Band, Judgement, service_verdicts
from soakwatch.core.retention import FOR_EVER
from soakwatch.core.roll_up import MINUTE, TEN_MINUTES
from soakwatch.core.run import Run
from soakwatch.core.series import WHOLE_SERVICE, Series
from soakwatch.core.span import Span
from soakwatch.core.store_settings import StoreSection
from soakwatch.core.verdict import Decision, Effect, Metric, Severity
from soakwatch.grafana.catalogue import DASHBOARDS, FOLDER
from soakwatch.grafana.dashboard_model import read_dashboard
from soakwatch.grafana.influxql import Influxql
from soakwatch.grafana.interpolation import Asked, interpolate_query
from soakwatch.grafana.time_range import TimeRange
from soakwatch.grafana.variable_values import resolve
from soakwatch.store.influx_projection import InfluxProjection
from soakwatch.store.influxdb import InfluxStore
from soakwatch.store.projected_lines import projected_line

LIMIT = 2.0
SERVICES = sorted({series.service for series in SERIES})
WHOLE = [
    replace(next(one for one in SERIES if one.service == service), method=WHOLE_SERVICE, endpoint=WHOLE_SERVICE)
    for service in SERVICES
]
METRICS = (Metric.P50, Metric.P95, Metric.P99, Metric.ERROR_RATE)
REPETITIONS = 3
FLOOR = 'SELECT count("count") FROM "{bucket}".."requests_10m" WHERE time >= {start}ms AND time <= {end}ms'


@dataclass(frozen=True, slots=True)
class Timed:
    """What one question took, in seconds: the median of some times."""

    where: str
    seconds: float
    query: str


def fill_all(client: BareClient, now: float, days: int) -> int:
    """Write everything; how many points."""
    month, last_day = Span(now - days * DAY, now), Span(now - DAY, now)
    points = fill(client, BUCKETS.ten_minutes.name, TEN_MINUTES, month, [*WHOLE, *SERIES])
    points += fill(client, BUCKETS.minutes.name, MINUTE, last_day, [*WHOLE, *SERIES])
    chance = random.Random(9)
    judged = [judgement(series, metric, chance) for _ in range(3) for series in (*WHOLE, *SERIES) for metric in METRICS]
    lines = [projected_line(one) for one in judged]
    points += write_often(client, BUCKETS.ten_minutes.name, lines, len(lines) // 3, (TEN_MINUTES, month))
    services = [projected_line(one) for one in service_verdicts(judged)]
    return points + write_often(client, BUCKETS.ten_minutes.name, services, len(services), (TEN_MINUTES, month))


def judgement(series: Series, metric: Metric, chance: random.Random) -> Judgement:
    """One as any other: one of fifty is a regression."""
    regressed, change = chance.random() < 0.02, chance.gauss(0, 0.05)
    decision = Decision.REGRESSED if regressed else Decision.SAME
    effect = Effect(change, change - 0.1, change + 0.1)
    severity = Severity.WARNING if regressed else Severity.NONE
    return Judgement(
        0.0, series, metric, decision, severity, 100.0, 100 * (1 + change), effect, Band(90.0, 110.0), chance.random()
    )


def describe(section: StoreSection, now: float, days: int) -> None:
    """Write what variables are found by: a run, and the resolutions."""
    first = SERIES[0]
    with InfluxStore.connect(section, FOR_EVER) as store:
        store.write([Run("run", first.environment, first.test, now - days * DAY)])
    with InfluxProjection.connect(section, FOR_EVER) as projection:
        projection.write([])


def timed(server: Influxql, asked: Asked, given: Mapping[str, Sequence[str]], mode: str) -> Iterator[Timed]:
    """Every question of every panel."""
    for name in DASHBOARDS:
        dashboard = read_dashboard(FOLDER / f"{name}.json")
        names = {variable.name for variable in dashboard.variables}
        chosen = {key: values for key, values in given.items() if key in names}
        choices = resolve(dashboard.variables, server.ask, asked, asked.range.end, chosen)
        for panel in dashboard.panels:
            for target in panel.targets:
                query = interpolate_query(target.query, choices, asked)
                yield Timed(f"{mode}: {name}, {panel.title}, {target.ref}", seconds_of(server, query), query)


def seconds_of(server: Influxql, query: str) -> float:
    took = []
    for _ in range(REPETITIONS):
        begin = time.perf_counter()
        server.ask(query)
        took.append(time.perf_counter() - begin)
    return median(took)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="four days of history")
    days = 4 if parser.parse_args().short else 28
    now = time.time() // TEN_MINUTES * TEN_MINUTES
    with running_server() as running:
        section = running.make_store(NAME)
        begin = time.perf_counter()
        points = fill_all(running.client(), now, days)
        describe(section, now, days)
        running.compacted_size(BUCKETS.ten_minutes.name)
        print(f"{points:,} points of {len(SERIES)} endpoints written in {time.perf_counter() - begin:.0f} s\n")
        server = Influxql(section)
        asked = Asked(TimeRange(round((now - days * DAY) * 1000), round(now * 1000)))
        floor = seconds_of(
            server, FLOOR.format(bucket=BUCKETS.ten_minutes.name, start=asked.range.start, end=asked.range.end)
        )
        several = [series.endpoint for series in SERIES if series.service == SERVICES[0]][:20]
        found = [
            *timed(server, asked, {"service": ["All"], "endpoint": ["All"]}, "all"),
            *timed(server, asked, {"service": SERVICES[:1], "endpoint": several}, "20 endpoints"),
        ]
    return report(found, floor)


def report(found: Sequence[Timed], floor: float) -> int:
    print(f"{'seconds':70}{'median':>8}{'x floor':>9}")
    print(f"{'floor: counting all windows of all series':70}{floor:8.3f}")
    slowest = sorted(found, key=lambda one: -one.seconds)
    for one in slowest[:12]:
        print(f"{one.where[:69]:70}{one.seconds:8.3f}{one.seconds / floor:9.2f}")
    print(f"{f'all {len(found)} questions, one after the other':70}{sum(one.seconds for one in found):8.3f}")
    holds = slowest[0].seconds < LIMIT
    print(f"\nthe slowest in less than {LIMIT:g} s: {verdict(holds=holds)}")
    return int(not holds)


if __name__ == "__main__":
    sys.exit(main())
