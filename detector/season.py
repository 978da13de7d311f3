"""Season: what of a level the time of the day and the weekend explain."""

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from soakwatch.core.detector_settings import DetectorSection
from soakwatch.detector.sample import FloatArray

_DAY = 86_400.0
_HARMONICS = 4
"""Of the day: bends of about three hours. More would follow what is not there the next day."""

TERMS = 1 + 2 * _HARMONICS + 1
"""A level, sines and cosines, the weekend."""

_EPOCH = 3
"""1 January 1970 was a Thursday, the fourth day from Monday."""
_SATURDAY = 5
_WEEK = 7


@dataclass(frozen=True, slots=True)
class Season:
    """The regressors of the time of the day, whose length is `day` seconds, and of the weekend in `zone`."""

    zone: ZoneInfo
    day: float

    @classmethod
    def of(cls, settings: DetectorSection) -> "Season":
        """As `settings` say; in a rehearsal days are shorter, and so are weeks."""
        return cls(ZoneInfo(settings.time_zone), _DAY * settings.time_scale)

    def design(self, moments: FloatArray) -> FloatArray:
        """Regressors at `moments` (n,), seconds since the epoch; shape (n, TERMS), the first is the level."""
        days = (moments + self._offsets(moments)) / self.day
        angles = 2 * np.pi * np.outer(days % 1, np.arange(1, _HARMONICS + 1))
        weekend = (np.floor(days) + _EPOCH) % _WEEK >= _SATURDAY
        return np.column_stack([np.ones_like(days), np.sin(angles), np.cos(angles), weekend])

    def _offsets(self, moments: FloatArray) -> FloatArray:
        """Seconds that local time is ahead of UTC; none in a rehearsal, whose days are nobody's."""
        if self.day != _DAY or self.zone.key == "UTC":
            return np.zeros_like(moments)
        return np.array([self._offset(moment) for moment in moments])

    def _offset(self, moment: float) -> float:
        ahead = datetime.fromtimestamp(moment, UTC).astimezone(self.zone).utcoffset()
        return ahead.total_seconds() if ahead else 0.0
