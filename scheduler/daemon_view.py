"""Daemon view: what the daemon's HTTP can ask of it, and tell it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from soakwatch.core.alert import Alert
from soakwatch.core.deploy import Deploy
from soakwatch.core.incident import Incident, State
from soakwatch.core.verdict import Severity
from soakwatch.scheduler.daemon_report import DaemonReport
from soakwatch.scheduler.detection_report import DetectionReport


@dataclass(frozen=True, slots=True)
class DetectionCounts:
    """How much the last pass of detection knew: of so many series, so many still learning or in part unknown.

    `incidents` are those that are open, by state and severity.
    """

    series: int
    learning: int
    unknown: int
    incidents: Mapping[tuple[State, Severity], int]

    @classmethod
    def of(cls, report: DetectionReport) -> Self:
        """What a pass has told."""
        return cls(len(report.series), len(report.learning), len(report.unknown), _counted(report.incidents))


@dataclass(frozen=True, slots=True)
class DaemonView:
    """What is asked is answered from memory, at once, from any thread, whatever the store and the ledger do.

    `report` is how the daemon is at this moment; `detected` what its last pass of detection knew, None before there was
    one; `spooled` the bytes that wait in this machine's spool, None where that cannot be told.

    What is told is kept when `take_alerts` and `take_deploy` return; they raise StoreUnavailable where it is not now,
    and StoreRefused where it never will be. A deploy that does not say where was in `environment`.

    The daemon cannot do its work without the jobs in `vital`, and not while `lease_trouble` says why it does not know
    which daemon works.
    """

    report: Callable[[], DaemonReport]
    take_alerts: Callable[[Sequence[Alert]], None]
    take_deploy: Callable[[Deploy], None]
    environment: str
    detected: Callable[[], DetectionCounts | None] = lambda: None
    spooled: Callable[[], int | None] = lambda: None
    lease_trouble: Callable[[], str] = lambda: ""
    vital: Collection[str] = ("detection",)


def _counted(incidents: Sequence[Incident]) -> Mapping[tuple[State, Severity], int]:
    kinds = [(one.state, one.severity) for one in incidents if one.state is not State.RESOLVED]
    return {kind: kinds.count(kind) for kind in kinds}
