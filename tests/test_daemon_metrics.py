"""What Prometheus scrapes: read back by its own parser, named by its rules, and whole however the daemon changes."""

import re
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families
from served_daemon import NOW, TICK, Served, a_report

from soakwatch.core.incident import State
from soakwatch.core.rhythm import Every
from soakwatch.core.verdict import Severity
from soakwatch.scheduler.daemon_app import METRICS
from soakwatch.scheduler.daemon_metrics import DaemonMetrics
from soakwatch.scheduler.daemon_report import DaemonReport
from soakwatch.scheduler.daemon_view import DaemonView, DetectionCounts
from soakwatch.scheduler.job import Job
from soakwatch.scheduler.job_board import JobBoard, JobState
from soakwatch.scheduler.soak_state import SoakState

DETECTED = DetectionCounts(200, 12, 3, {(State.CONFIRMED, Severity.CRITICAL): 2})
SOAK = SoakState("web", wanted=True, test="web", process=4711, restarts=5)
OTHER_UNITS = re.compile(r"(milliseconds|_ms|minutes|hours|days|kilobytes|megabytes|percent|timestamp)$")
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path)
    with served.serving():
        yield served


def whole() -> DaemonReport:
    """A report in which there is something of all that there can be."""
    issues = JobState("issues", "every 1 min", NOW, NOW - 900, NOW - 950, 2.5, 1, 4, 4, "GitHub is away", hangs=True)
    return replace(a_report(TICK, issues), soaks=(SOAK,))


def scraped(daemon: Served) -> Samples:
    return samples(text_string_to_metric_families(daemon.asks(METRICS).body))


def samples(families: Iterable[Metric]) -> Samples:
    return {(one.name, tuple(sorted(one.labels.items()))): one.value for family in families for one in family.samples}


def test_a_scrape_says_how_jobs_incidents_spools_and_soaks_are(daemon: Served) -> None:
    daemon.report, daemon.detected, daemon.spooled = whole(), DETECTED, 1_234
    said = scraped(daemon)
    tick, issues, web = (("name", "detection"),), (("name", "issues"),), (("soak", "web"),)
    assert said["soakwatch_build_info", (("version", "0.1.0"),)] == 1
    assert said["soakwatch_leader", ()] == 1
    assert said["soakwatch_job_last_success_timestamp_seconds", tick] == NOW - 40
    assert ("soakwatch_job_last_success_timestamp_seconds", issues) not in said
    assert said["soakwatch_job_last_duration_seconds", issues] == 2.5
    assert said["soakwatch_job_rounds_total", tick] == 7
    assert said["soakwatch_job_failures_total", issues] == 4
    assert said["soakwatch_job_consecutive_failures", issues] == 4
    assert (said["soakwatch_job_running", tick], said["soakwatch_job_running", issues]) == (0, 1)
    assert (said["soakwatch_job_hanging", tick], said["soakwatch_job_hanging", issues]) == (0, 1)
    known = ("soakwatch_series", "soakwatch_series_learning", "soakwatch_series_unknown")
    assert [said[name, ()] for name in known] == [200, 12, 3]
    assert said["soakwatch_incidents", (("severity", "critical"), ("state", "confirmed"))] == 2
    assert said["soakwatch_incidents", (("severity", "warning"), ("state", "suspect"))] == 0
    assert said["soakwatch_spool_bytes", ()] == 1_234
    assert (said["soakwatch_soak_wanted", web], said["soakwatch_soak_up", web]) == (1, 1)
    assert said["soakwatch_soak_restarts_total", web] == 5
    assert said["process_resident_memory_bytes", ()] > 1e6
    assert said["process_open_fds", ()] > 3


def test_what_is_not_known_is_left_out_and_is_not_zero(daemon: Served) -> None:
    names = {name for name, _ in scraped(daemon)}
    assert not names & {"soakwatch_series", "soakwatch_incidents", "soakwatch_spool_bytes"}


def test_a_daemon_that_waits_says_nothing_of_incidents(daemon: Served) -> None:
    daemon.report, daemon.detected = a_report(leads=False), DETECTED
    said = scraped(daemon)
    assert said["soakwatch_leader", ()] == 0
    assert not [name for name, _ in said if name.startswith(("soakwatch_incidents", "soakwatch_series"))]


def test_names_and_units_are_by_the_rules_of_prometheus(daemon: Served) -> None:
    daemon.report, daemon.detected, daemon.spooled = whole(), DETECTED, 1
    for family in text_string_to_metric_families(daemon.asks(METRICS).body):
        if family.name.startswith("process_"):
            continue
        assert re.fullmatch(r"soakwatch_[a-z]+(_[a-z]+)*", family.name)
        assert re.fullmatch(r"[A-Z0-9].+\.", family.documentation), family.name
        assert not OTHER_UNITS.search(family.name)
        assert ("timestamp" in family.name) <= family.name.endswith("_timestamp_seconds")
        for sample in family.samples:
            assert sample.name.endswith("_total") == (family.type == "counter")
            assert not {"job", "instance", "le", "quantile"} & set(sample.labels)


def test_the_page_names_every_metric_and_no_other(daemon: Served) -> None:
    daemon.report, daemon.detected, daemon.spooled = whole(), DETECTED, 1
    page = (Path(__file__).parent.parent / "docs" / "http.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`soakwatch_.+?) \|", page, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named == {name for name, _ in scraped(daemon) if name.startswith("soakwatch_")}


def test_whoever_asks_for_openmetrics_gets_it(daemon: Served) -> None:
    daemon.report, daemon.detected = whole(), DETECTED
    told = daemon.asks(METRICS, accept="application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert told.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert told.body.endswith("# EOF\n")
    told_families = open_metrics(told.body)  # type: ignore[no-untyped-call]
    mine = {key: value for key, value in samples(told_families).items() if key[0].startswith("soakwatch")}
    plain = {key: value for key, value in scraped(daemon).items() if key[0].startswith("soakwatch")}
    assert mine == plain


@given(st.text(), st.text(), st.floats(0, 4e9))
def test_any_name_reads_back_equal(name: str, soak: str, moment: float) -> None:
    report = a_report(replace(TICK, name=name, succeeded=moment))
    report = replace(report, soaks=(replace(SOAK, name=soak),))
    view = DaemonView(lambda: report, lambda _alerts: None, lambda _deploy: None, "staging")
    body = DaemonMetrics(view).page("")[0].decode()
    said = samples(text_string_to_metric_families(body))
    assert said["soakwatch_job_last_success_timestamp_seconds", (("name", name),)] == moment
    assert said["soakwatch_soak_up", (("soak", soak),)] == 1


def test_scrapes_at_once_while_jobs_change_are_each_whole_and_never_go_back(daemon: Served) -> None:
    board = JobBoard()
    board.enlist([Job("detection", Every(60.0), lambda _now, _stopping: (), 60.0)])
    trouble, over = list[object](), threading.Event()

    def scrape() -> None:
        before = 0.0
        while not over.is_set():
            said = scraped(daemon)
            rounds = said["soakwatch_job_rounds_total", (("name", "detection"),)]
            if rounds < before or "process_cpu_seconds_total" not in {name for name, _ in said}:
                trouble.append((before, rounds))
            before = rounds

    threads = [threading.Thread(target=scrape) for _ in range(4)]
    daemon.report = a_report(*board.states(NOW))
    for thread in threads:
        thread.start()
    for number in range(2_000):
        board.begun("detection", NOW + number)
        board.went_well("detection", NOW + number, 0.5)
        daemon.report = a_report(*board.states(NOW + number))
    over.set()
    for thread in threads:
        thread.join(30)
    assert trouble == []
    assert scraped(daemon)["soakwatch_job_rounds_total", (("name", "detection"),)] == 2_000
