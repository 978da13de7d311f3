"""Error bounds: how much more must fail, and how seldom that may be by chance, before anybody is told."""

from dataclasses import dataclass
from typing import Self

from soakwatch.core.detector_settings import DetectorSection
from soakwatch.detector.timing import Timing

_BUDGET = 0.2
"""Part of the false incidents that people accept which errors may make."""

_MONTH = 30.0


@dataclass(frozen=True, slots=True)
class ErrorBounds:
    """What must be passed: smallest and critical change as shares, false alarms allowed for each series and step.

    `step` is in seconds; `outage` are the steps that it takes to be called one.
    """

    smallest: float
    critical: float
    allowed: float
    outage: int
    step: float

    @classmethod
    def of(cls, settings: DetectorSection, timing: Timing, watched: int) -> Self:
        """As `settings` say, where `watched` series are tested at each step."""
        looks = max(watched, 1) * _MONTH * timing.day / timing.step
        allowed = _BUDGET * settings.false_incidents / looks
        return cls(settings.min_error_change, settings.critical_error_change, allowed, timing.short, timing.step)
