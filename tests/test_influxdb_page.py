"""docs/influxdb.md says what is written where; it is held against what a server really gets."""

import gzip
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr
from stores import (
    a_deploy,
    a_health,
    a_load,
    a_roll_up,
    a_run,
    a_run_load,
    a_run_series,
    a_tally,
    a_window,
    an_error,
)

from soakwatch.core.deploy import Deploy
from soakwatch.core.incident import Finding, Incident, Kind, Shape, State
from soakwatch.core.judgement import Band, Judgement, ServiceVerdict
from soakwatch.core.pass_account import PassAccount, PassName
from soakwatch.core.retention import FOR_EVER
from soakwatch.core.roll_up import MINUTE, TEN_MINUTES
from soakwatch.core.shown_incident import Region, ShownIncident
from soakwatch.core.span import Span
from soakwatch.core.store_settings import StoreKind, StoreSection
from soakwatch.core.verdict import Decision, Effect, Metric, Severity
from soakwatch.store.contract import Point
from soakwatch.store.influx_projection import InfluxProjection
from soakwatch.store.influxdb import InfluxStore
from soakwatch.store.line_protocol import HEAT_FIELDS
from soakwatch.store.projection import Projected

PAGE = (Path(__file__).parent.parent / "docs" / "influxdb.md").read_text(encoding="utf-8")

Described = dict[tuple[str, str], tuple[set[str], set[str]]]
"""Tags and fields by bucket and measurement."""


def described() -> Described:
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| ([a-z ]+) \| ([\w ]+) \|$", PAGE, re.MULTILINE)
    return {
        (bucket, measurement): (
            set(tags.split()),
            set(fields.removesuffix(" and the cells").split()) | (set(HEAT_FIELDS) if "cells" in fields else set()),
        )
        for bucket, measurement, tags, fields in rows
    }


def written(requests: list[tuple[str, str]]) -> Described:
    found: Described = {}
    for bucket, lines in requests:
        for line in lines.splitlines():
            key, fields, *_ = re.split(r"(?<!\\) (?=(?:[^\"]|\"(?:\\.|[^\"])*\")*$)", line)
            measurement, *tags = re.split(r"(?<!\\),", key)
            names = set(re.findall(r"(?:^|,)(\w+)=", re.sub(r'"(?:\\.|[^"\\])*"', '""', fields)))
            found[bucket, measurement] = ({tag.partition("=")[0] for tag in tags}, names)
    return found


def shown() -> list[Projected]:
    """What is written for dashboards, with all that there can be in it."""
    series, effect = a_window().series, Effect(0.3, 0.2, 0.4)
    finding = Finding(series, Metric.P95, Severity.WARNING, Shape.STEP, Span(0.0, 60.0), 100.0, 130.0, effect)
    deploy = Deploy(series.environment, series.service, 0.0, "1.5.0")
    incident = Incident(
        *("0123456789ab", series.environment, series.service, Kind.LATENCY, State.CONFIRMED, 60.0, Span(0.0, 60.0)),
        *(Severity.WARNING, (finding,)),
        confirmed=60.0,
        deploy_before=deploy,
    )
    told = ShownIncident(600.0, incident, "p95 +30 %", "https://github.com/octo-org/shop/issues/7")
    one = (series.environment, series.test, series.service)
    verdict = (Decision.REGRESSED, Severity.WARNING, 100.0, 130.0, effect, Band(90.0, 110.0), 0.001, "a reason")
    return [
        Judgement(600.0, series, Metric.P95, *verdict),
        ServiceVerdict(600.0, *one, rank=2, judged=9, unknown=1, regressed=2),
        told,
        Region(told, 0.0, 600.0, "a text"),
        PassAccount(600.0, series.environment, PassName.DETECTION, 0.3),
    ]


@contextmanager
def listening() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """A server that takes every write. Gives its address, and bucket and lines of each request."""
    requests: list[tuple[str, str]] = []

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = gzip.decompress(self.rfile.read(int(self.headers["Content-Length"])))
            requests.append((parse_qs(urlsplit(self.path).query)["bucket"][0], body.decode()))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Taking)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", requests
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_every_bucket_measurement_tag_and_field_is_on_the_page() -> None:
    points: list[Point] = [
        *(a_window(), an_error(), a_load(), a_tally(), a_health(), a_run(), a_deploy(), a_run_series(), a_run_load()),
        *(a_roll_up(width=MINUTE), a_roll_up(width=TEN_MINUTES)),
    ]
    with listening() as (url, requests):
        section = StoreSection(kind=StoreKind.INFLUXDB, url=url, token=SecretStr("any"))
        with InfluxStore.connect(section) as store:
            store.write(points)
            store.set_position("roll-up", "1")
        with InfluxProjection.connect(section, FOR_EVER) as projection:
            projection.write(shown())
    assert described() == written(requests)


def test_every_cell_of_the_heat_map_is_on_the_page() -> None:
    (cells,) = re.findall(r"^- The cells .*\n.*\n.*$", PAGE, re.MULTILINE)
    assert re.findall(r"`(\w+)`", cells) == list(HEAT_FIELDS)
