"""Signals: what the engine says of one metric of one series at one step, before anybody calls it an incident."""

from dataclasses import dataclass
from enum import StrEnum

from soakwatch.core.incident import Finding, Kind
from soakwatch.core.series import Series
from soakwatch.core.verdict import Metric


class Standing(StrEnum):
    """What the evidence of this step amounts to."""

    ALARM = "alarm"
    """Every gate passes."""

    ELEVATED = "elevated"
    """Still so much worse than normal that an open incident goes on (hysteresis); not enough to open one."""

    NORMAL = "normal"
    UNKNOWN = "unknown"
    """Cannot be told, and `reason` says what it waits for."""


Key = tuple[Series, Metric, Kind]


@dataclass(frozen=True, slots=True)
class Signal:
    """One metric of one series at the step that ends at `at` (seconds since the epoch).

    `finding` is what is wrong, None unless it is an alarm or elevated. `immediate` says that the layer which raised it
    has waited long enough already, so that it need not hold for further steps (a level that was held for hours).
    `looks_back` says that its numbers are means of hours, part of which may be from before the change.
    """

    at: float
    series: Series
    metric: Metric
    kind: Kind
    standing: Standing
    finding: Finding | None = None
    immediate: bool = False
    looks_back: bool = False
    reason: str = ""

    @property
    def key(self) -> Key:
        """What it is about."""
        return self.series, self.metric, self.kind
