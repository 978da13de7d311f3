"""Slow bounds: how long a level is looked at, and how often the slow layer may be wrong."""

from dataclasses import dataclass
from typing import Self

from soakwatch.core.detector_settings import DetectorSection
from soakwatch.detector.timing import BLOCK, Timing

_BUDGET = 0.05
"""Part of the false incidents that people accept which this layer may make.

It makes several times as many: after a week how much a series wanders is known from some twenty hours' worth of it.
"""

_METRICS = 2.0
"""Response times of one series mostly move together: its metrics are about two tests."""

_MONTH = 30.0
_ROUTES = 4
"""A step, a level of hours, one of days, a trend."""

_LONG = 3
"""Days over which a wander of hours mostly cancels out, and a creep does not."""


@dataclass(frozen=True, slots=True)
class SlowBounds:
    """Durations in blocks; `allowed` is the rate of false alarms of each route, for each metric and block.

    `held` is how long a change must have lasted, `lasting` an improvement; `long` is how long a creep is looked at.
    `jump` blocks before and after a moment show whether the level changed there: the wander of hours hardly moves it
    between them.
    """

    held: int
    lasting: int
    long: int
    jump: int
    blocks_a_day: float
    allowed: float

    @classmethod
    def of(cls, settings: DetectorSection, timing: Timing, watched: int) -> Self:
        """As `settings` say, where `watched` series are tested at each block."""
        a_day = timing.day / timing.step / BLOCK
        looks = max(watched, 1) * _METRICS * _MONTH * a_day
        held = max(timing.held // BLOCK, 4)
        lasting = max(timing.lasting // BLOCK, held)
        jump = max(timing.reference // BLOCK, 2)
        return cls(held, lasting, _LONG * lasting, jump, a_day, _BUDGET / _ROUTES * settings.false_incidents / looks)

    @property
    def blocks(self) -> int:
        """How many of the newest blocks are needed at each look."""
        return max(self.lasting + self.jump, self.long)

    @property
    def of_a_step(self) -> int:
        """How many of them a step needs; all others tell of creeps."""
        return self.lasting + self.jump

    @property
    def enough(self) -> int:
        """How many blocks there must be before anything is usual."""
        return 2 * (self.lasting + self.jump)
