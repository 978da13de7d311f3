"""Stores for dashboards to look at, in InfluxDB: a simulated month with incidents in its last day; two real runs."""

from dataclasses import dataclass, replace
from pathlib import Path

from influxd_process import Server
from locust_runs import Bench

from soakwatch.core.configuration import Configuration
from soakwatch.core.detector_settings import DetectorSection, LedgerSection
from soakwatch.core.pass_account import PassAccount, PassName
from soakwatch.core.store_settings import StoreKind, StoreSection
from soakwatch.demo.event_text import parse_event
from soakwatch.demo.history_plan import HistoryPlan
from soakwatch.demo.history_writing import Horizon, write_history
from soakwatch.demo.simulated_history import SimulatedHistory
from soakwatch.detector.engine import Engine
from soakwatch.detector.timing import Timing
from soakwatch.scheduler.detection import Detection
from soakwatch.scheduler.detection_position import NAME, DetectionPosition
from soakwatch.scheduler.showing import Showing
from soakwatch.store.contract import WindowStore
from soakwatch.store.ledger import Ledger
from soakwatch.store.ledger_opening import create_ledger
from soakwatch.store.opening import open_projection, open_store
from soakwatch.store.roll_up_pass import roll_up_stored

DAY = 86_400.0
DAYS = 28
START = 1_792_972_800.0
"""When the month begins: Monday 2026-10-26, 00:00 UTC."""

END = START + DAYS * DAY
_WATCHED = 1.5
"""Days at the end that the detector saw: of these the month has roll-ups of a minute."""

_EVENTS = (
    "step:+80%@day=27.6,series=1,deploy=yes",
    "errors:20%@day=27.2,series=2,for=2h",
    "outage@day=27.8,service=rag_service,for=30m",
    "deploy@day=20",
)
ISSUE = "https://github.com/octo-org/shop/issues/7"

TRACED = """
from locust import HttpUser, constant, task

class Visitor(HttpUser):
    wait_time = constant(0.05)

    @task(3)
    def page(self):
        self.client.get("/page", name="shop: /page", context={"trace_id": "4bf92f3577b34da6"})

    @task
    def failing(self):
        self.client.get("/fail")
"""


@dataclass(frozen=True)
class Filled:
    """A store with something in it, and the ledger of who watched it; `end` is its last moment."""

    configuration: Configuration
    end: float

    def store(self) -> WindowStore:
        return open_store(self.configuration)

    def ledger(self) -> Ledger:
        return create_ledger(self.configuration)


def configured(server: Server, bucket: str, folder: Path, learning: float = 0.5) -> Configuration:
    section = StoreSection(kind=StoreKind.INFLUXDB, url=server.url, org=server.org, bucket=bucket, token=server.token)
    ledger = LedgerSection(path=folder / "ledger.db")
    return Configuration(
        environment="simulated", store=section, ledger=ledger, detector=DetectorSection(learning=learning)
    )


def fill_month(configuration: Configuration, plan: HistoryPlan | None = None) -> Filled:
    """Write the month, and watch its end as a daemon would have."""
    plan = plan or HistoryPlan(seed=11, series=4, services=2, days=DAYS, start=START, requests_per_minute=60)
    plan = replace(plan, events=tuple(parse_event(text, plan) for text in _EVENTS))
    watched = END - _WATCHED * DAY
    with open_store(configuration) as store, create_ledger(configuration) as ledger:
        write_history(SimulatedHistory(plan), store, Horizon(raw=watched, minutes=watched))
        _watch(configuration, store, ledger, watched)
    return Filled(configuration, END)


def _watch(configuration: Configuration, store: WindowStore, ledger: Ledger, since: float) -> None:
    first_judged = since + configuration.detector.learning * DAY
    position = DetectionPosition(since, first_judged, Engine.identity(configuration.detector))
    with ledger.transaction() as work:
        work.set_cursor(NAME, position.encode())
    with open_projection(configuration) as projection:
        issues = _EveryIssue()
        showing = Showing(projection, Timing.of(configuration.detector), lambda: issues)
        Detection(store, ledger, configuration, showing.step).detect(END + 30, store.arrivals(""))
        accounts = [(PassName.DETECTION, 0), (PassName.ROLL_UP, 0), (PassName.ISSUES, 3), (PassName.ANNOTATIONS, 1)]
        projection.write(
            [
                PassAccount(END - minute * 60, "simulated", name, 0.3, requests=requests, steps=1, series=6, lag=31.0)
                for minute in range(10)
                for name, requests in accounts
            ]
        )


class _EveryIssue(dict[str, str]):
    """Every incident has the same issue."""

    def get(self, _key: str, _default: object = None) -> str:
        return ISSUE


def run_twice(bench: Bench, server: Server, bucket: str, folder: Path) -> Filled:
    """Two real runs, one after the other, rolled up."""
    configuration = configured(server, bucket, folder)
    store = configuration.store
    named = {"kind": "influxdb", "url": store.url, "org": store.org, "bucket": bucket, "token": server.token}
    bench.environment = {f"SOAKWATCH_STORE__{name.upper()}": value for name, value in named.items()} | {
        "SOAKWATCH_ENVIRONMENT": "simulated",
        "SOAKWATCH_TEST": "checkout",
    }
    bench.rewrite(TRACED)
    for version in ("1.4.0", "1.5.0"):
        ended = bench.headless("--soakwatch-version", version, seconds=8, users=4).wait()
        assert ended.code == 0, ended.output
    with open_store(configuration) as opened, open_projection(configuration) as projection:
        runs = opened.runs()
        end = max(run.end or run.start for run in runs)
        roll_up_stored(opened, end + 1_200)
        projection.write([])
    return Filled(configuration, end)
