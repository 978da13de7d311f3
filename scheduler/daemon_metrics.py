"""Daemon metrics: what Prometheus scrapes of a daemon, made anew for each scrape from how the daemon is then.

Names and units are as prometheus.io/docs/practices/naming says: base units, `_total` for what only grows, and
`_info` for what is said in labels. A job's name is in the label `name`: Prometheus has a `job` of its own.
"""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from soakwatch.core.incident import State
from soakwatch.core.verdict import Severity
from soakwatch.scheduler.daemon_report import DaemonReport
from soakwatch.scheduler.daemon_view import DaemonView, DetectionCounts
from soakwatch.scheduler.job_board import JobState
from soakwatch.scheduler.soak_state import SoakState

_OPEN = (State.SUSPECT, State.CONFIRMED, State.RECOVERING)
_SEVERITIES = (Severity.WARNING, Severity.CRITICAL)


class DaemonMetrics:
    """The page that is scraped, with the process' own metrics beside the daemon's. Any thread may ask for it."""

    def __init__(self, view: DaemonView) -> None:
        """Ask nothing yet."""
        self._registry = CollectorRegistry()
        self._registry.register(_OfDaemon(view))
        ProcessCollector(registry=self._registry)

    def page(self, accept: str) -> tuple[bytes, str]:
        """The page in the form that the header Accept asks for, and its content type."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type


class _OfDaemon(Collector):
    def __init__(self, view: DaemonView) -> None:
        self._view = view

    def describe(self) -> list[Metric]:
        """None beforehand: nothing is to be asked while it is registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All metrics of one moment."""
        report = self._view.report()
        yield InfoMetricFamily("soakwatch_build", "What this daemon is.", {"version": report.version})
        yield GaugeMetricFamily("soakwatch_leader", "1 for the daemon that works, 0 for one that waits.", report.leads)
        yield from _of_jobs(report)
        yield from _of_soaks(report)
        detected = self._view.detected()
        # what was open when it last worked says nothing while another daemon does
        if report.leads and detected is not None:
            yield from _of_detection(detected)
        spooled = self._view.spooled()
        if spooled is not None:
            yield GaugeMetricFamily(
                "soakwatch_spool_bytes", "Bytes in this machine's spool that no store has taken yet.", spooled
            )


def _of_jobs(report: DaemonReport) -> list[Metric]:
    succeeded = _gauge("job_last_success_timestamp_seconds", "When the job last went well, since the epoch.", "name")
    took = _gauge("job_last_duration_seconds", "How long the last round took.", "name")
    next_round = _gauge("job_next_timestamp_seconds", "When the job is due next, since the epoch.", "name")
    running = _gauge("job_running", "1 while a round is under way.", "name")
    hanging = _gauge("job_hanging", "1 while a round shows no sign of life.", "name")
    in_a_row = _gauge("job_consecutive_failures", "Rounds that failed since the job last went well.", "name")
    rounds = _counter("job_rounds", "Rounds that went well since the daemon began.", "name")
    failures = _counter("job_failures", "Rounds that failed since the daemon began.", "name")
    for job in report.jobs:
        _add_where_known(succeeded, job.name, job.succeeded)
        _add_where_known(took, job.name, job.took)
        _add_where_known(next_round, job.name, job.due)
        running.add_metric([job.name], _is_running(job))
        hanging.add_metric([job.name], job.hangs)
        in_a_row.add_metric([job.name], job.in_a_row)
        rounds.add_metric([job.name], job.rounds)
        failures.add_metric([job.name], job.failed)
    return [succeeded, took, next_round, running, hanging, in_a_row, rounds, failures]


def _of_soaks(report: DaemonReport) -> list[Metric]:
    wanted = _gauge("soak_wanted", "1 while the soak should run.", "soak")
    up = _gauge("soak_up", "1 while Locust runs for the soak.", "soak")
    restarts = _counter("soak_restarts", "Restarts after something went wrong.", "soak")
    for soak in report.soaks:
        wanted.add_metric([soak.name], soak.wanted)
        up.add_metric([soak.name], _is_up(soak))
        restarts.add_metric([soak.name], soak.restarts)
    return [wanted, up, restarts]


def _of_detection(detected: DetectionCounts) -> Iterator[Metric]:
    yield GaugeMetricFamily("soakwatch_series", "Series that are known.", detected.series)
    yield GaugeMetricFamily("soakwatch_series_learning", "Series of which too little is known yet.", detected.learning)
    yield GaugeMetricFamily(
        "soakwatch_series_unknown", "Series of which something could not be told at the last step.", detected.unknown
    )
    incidents = GaugeMetricFamily("soakwatch_incidents", "Incidents that are open.", labels=["state", "severity"])
    for state in _OPEN:
        for severity in _SEVERITIES:
            incidents.add_metric([state, severity], detected.incidents.get((state, severity), 0))
    yield incidents


def _gauge(name: str, documentation: str, label: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"soakwatch_{name}", documentation, labels=[label])


def _counter(name: str, documentation: str, label: str) -> CounterMetricFamily:
    return CounterMetricFamily(f"soakwatch_{name}", documentation, labels=[label])


def _add_where_known(gauge: GaugeMetricFamily, name: str, value: float | None) -> None:
    if value is not None:
        gauge.add_metric([name], value)


def _is_running(job: JobState) -> bool:
    return job.begun is not None


def _is_up(soak: SoakState) -> bool:
    return soak.process != 0
