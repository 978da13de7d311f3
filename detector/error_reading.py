"""Error readings: what is wrong with the failures of one series, with the numbers that say so."""

from dataclasses import dataclass

from soakwatch.core.numbers import format_duration, format_value
from soakwatch.core.roll_up import MINUTE
from soakwatch.core.span import Span
from soakwatch.core.verdict import Effect, Metric, Severity


@dataclass(frozen=True, slots=True)
class BadSteps:
    """`bad` of the last `width` steps had `many` failures or more, which one of them has with probability `usual`.

    A step takes `step` seconds.
    """

    bad: int
    width: int
    many: int
    usual: float
    step: float


@dataclass(frozen=True, slots=True)
class ErrorReading:
    """What is wrong with the failures of one series; `alarm` or else elevated.

    `baseline` and `current` (since the onset) are shares, `effect` is their difference. The onset lies between
    `earliest` and `latest` steps before the end.
    """

    alarm: bool
    severity: Severity
    baseline: float
    current: float
    effect: Effect
    earliest: float
    latest: float
    steps: BadSteps

    def onset(self, at: float) -> Span:
        """When it began, where the last step ended at `at` (seconds since the epoch)."""
        return Span(at - self.earliest * self.steps.step, at - self.latest * self.steps.step)

    @property
    def says(self) -> str:
        """A sentence for people."""
        steps = self.steps
        unit = "minutes" if steps.step == MINUTE else f"stretches of {format_duration(steps.step)}"
        now, before = (format_value(Metric.ERROR_RATE, share) for share in (self.current, self.baseline))
        failures = "a failure" if steps.many == 1 else f"{steps.many:,} failures"
        return (
            f"{steps.bad} of the last {steps.width} {unit} had {failures} or more, of which usually "
            f"{steps.usual * steps.width:.1f} have as many; "
            f"since it began {now} of the requests failed, usually {before}"
        )
