"""Resolutions: how finely a dashboard looks at a stretch of time, so that no question has too many points."""

from dataclasses import dataclass

_HOUR, _DAY = 3_600.0, 86_400.0


@dataclass(frozen=True, slots=True)
class Resolution:
    """For stretches longer than that of the resolution before, up to `longest` seconds: a point each `step` seconds.

    Counts are added up from `data`; percentiles, which cannot be added, are read from `exact`, windows that are merged
    over all processes: `raw` are windows as they were measured, `1m` and `10m` roll-ups. What is written each ten
    minutes is shown `slowly`.
    """

    step: str
    seconds: int
    longest: float
    data: str
    exact: str
    slowly: str

    @property
    def width(self) -> int:
        """Seconds of the windows that percentiles are read from."""
        return {"1m": 60, "10m": 600}[self.exact]


RESOLUTIONS = (
    Resolution("10s", 10, _HOUR, "raw", "1m", "10m"),
    Resolution("1m", 60, 12 * _HOUR, "1m", "1m", "10m"),
    Resolution("10m", 600, 8 * _DAY, "10m", "10m", "10m"),
    Resolution("1h", 3_600, 35 * _DAY, "10m", "10m", "1h"),
    Resolution("6h", 21_600, 4_000 * _DAY, "10m", "10m", "6h"),
)
"""Finest first. Up to the 400 days that are kept by default, no line has more than 1,600 points."""
