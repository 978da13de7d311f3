"""The interval of a query: how far apart its points are, so that a panel gets about as many as it has pixels.

As Grafana's rangeUtil (packages/grafana-data/src/datetime/rangeutil.ts: calculateInterval, roundInterval), and its way
of writing one (grafana-plugin-sdk-go, backend/gtime: FormatInterval).
"""

import re
from bisect import bisect_right

from soakwatch.grafana.time_range import TimeRange

_BELOW = {
    10: 1, 15: 10, 35: 20, 75: 50, 150: 100, 350: 200, 750: 500, 1_500: 1_000, 3_500: 2_000, 7_500: 5_000,
    12_500: 10_000, 17_500: 15_000, 25_000: 20_000, 45_000: 30_000, 90_000: 60_000, 210_000: 120_000,
    450_000: 300_000, 750_000: 600_000, 1_050_000: 900_000, 1_500_000: 1_200_000, 2_700_000: 1_800_000,
    5_400_000: 3_600_000, 9_000_000: 7_200_000, 16_200_000: 10_800_000, 32_400_000: 21_600_000,
    86_400_000: 43_200_000, 604_800_000: 86_400_000, 1_814_400_000: 604_800_000, 3_628_800_000: 2_592_000_000,
}  # fmt: skip
_A_YEAR = 31_536_000_000
_BOUNDS, _ROUNDED = [*_BELOW], [*_BELOW.values(), _A_YEAR]

_UNITS = {
    "y": _A_YEAR, "M": 2_592_000_000, "w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000,
    "ms": 1,
}  # fmt: skip
_WRITTEN = {unit: _UNITS[unit] for unit in ("y", "d", "h", "m", "s", "ms")}
_INTERVAL = re.compile(r"(-?\d+(?:\.\d+)?)(ms|[Mwdhmsy])")


def interval_of(asked: TimeRange, most_points: int, at_least: str = "") -> int:
    """Milliseconds between the points of a panel that has room for `most_points`; `at_least` is such as `10s`."""
    rounded = _ROUNDED[bisect_right(_BOUNDS, asked.length / max(most_points, 1))]
    return max(rounded, milliseconds_of(at_least.removeprefix(">")) if at_least else 1)


def milliseconds_of(interval: str) -> int:
    """Read an interval such as `10s`; without a unit it is seconds, and what is none is 0."""
    found = _INTERVAL.match(interval)
    if found:
        return int(float(found[1])) * _UNITS[found[2]]
    return int(interval) * 1_000 if interval.isdigit() else 0


def written(milliseconds: int) -> str:
    """Write an interval in the largest unit that it is one of at least, rounded down: `10s`, `2h`."""
    for unit, size in _WRITTEN.items():
        if milliseconds >= size:
            return f"{milliseconds // size}{unit}"
    return "1ms"
