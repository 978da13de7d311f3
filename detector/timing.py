"""Timing: every duration of the detector, in steps of its clock, from one scale."""

from dataclasses import dataclass
from math import floor
from typing import Self

from soakwatch.core.detector_settings import DetectorSection
from soakwatch.core.roll_up import MINUTE

BLOCK = 10
"""Steps of a block, the unit of what is remembered for weeks: ten minutes."""

_FINEST = 10.0
"""Seconds of the collector's windows, unless somebody sets others: no step is shorter."""

_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Timing:
    """Durations in steps, but for `step` and `day`, which are seconds.

    At a `time_scale` of 1 a step is a minute, unless `step` says otherwise. Where a scale would make a duration shorter
    than the fewest steps that its statistics need, it stays at those.
    """

    step: float
    day: float
    short: int
    """The last moments: is it still so?"""
    long: int
    """What is compared with the reference."""
    reference: int
    """What was before, for changes that come at once."""
    hold: int
    """Steps that an alarm holds before it is confirmed: bumps that follow one another for 18 steps do not."""
    patience: int
    """Steps without evidence after which a suspect is dropped, and a confirmed incident recovers."""
    healthy: int
    """Steps without evidence after which an incident is resolved."""
    held: int
    """Steps that a small change must have lasted."""
    learning: int
    history: int
    lasting: int
    """Steps that an improvement lasts before it is the new normal."""
    silence: int
    """Steps without requests that are no data."""

    @classmethod
    def of(cls, settings: DetectorSection) -> Self:
        """As `settings` say."""
        scale = settings.time_scale
        usual = max(_FINEST, round(MINUTE * scale / _FINEST) * _FINEST) if scale < 1 else MINUTE
        step = settings.step or usual

        def steps(minutes: float, fewest: int) -> int:
            return max(fewest, round(minutes * MINUTE * scale / step))

        return cls(
            step=step,
            day=_DAY * scale,
            short=steps(5, 3),
            long=steps(30, 6),
            reference=steps(120, 12),
            hold=steps(7, 2),
            patience=steps(15, 3),
            healthy=steps(30, 6),
            held=steps(12 * 60, 24),
            learning=steps(settings.learning * 1440, 2 * BLOCK),
            history=steps(settings.history * 1440, 20 * BLOCK),
            lasting=steps(24 * 60, 24),
            silence=steps(5, 3),
        )

    def block_after(self, moment: float) -> int:
        """The first block that begins after `moment`, in seconds since the epoch, from which blocks are counted."""
        return floor(moment / (BLOCK * self.step)) + 1
