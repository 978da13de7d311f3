"""Roll-ups: the windows of a series merged exactly over time, processes and runs."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from soakwatch.core.gathering import Gathering
from soakwatch.core.histogram import Histogram, bucket_middle
from soakwatch.core.series import WHOLE_SERVICE, Series
from soakwatch.core.span import Span
from soakwatch.core.window import Window

MINUTE, TEN_MINUTES = 60.0, 600.0
"""Widths of the roll-ups that are kept, in seconds."""

HEAT_BOUNDS = tuple(float(step * 10**power) for power in range(5) for step in (1, 2, 5))
"""Upper bounds of the cells of a heat map, 1 ms to 50 s, in milliseconds; one more cell is for what took longer."""


@dataclass(frozen=True, slots=True)
class RollUp:
    """One series over [start, start + width), all processes and runs merged: `window.run` and `window.source` are "".

    The row of a whole service has `*` as method and endpoint.
    """

    window: Window

    @property
    def heat(self) -> tuple[int, ...]:
        """Responses by the cell of `HEAT_BOUNDS` that their time falls in; they add up to all that had a time.

        A bucket of the histogram counts for the cell that its middle is in, so bounds are exact within 1.1 %.
        """
        return heat_of(self.window.responses)


def heat_of(responses: Histogram) -> tuple[int, ...]:
    """`RollUp.heat` of a histogram."""
    cells = [0] * (len(HEAT_BOUNDS) + 1)
    cells[0] = responses.zeros
    for index, count in responses.buckets.items():
        cells[_cell(bucket_middle(index))] += count
    return tuple(cells)


def _cell(time: float) -> int:
    return next((place for place, bound in enumerate(HEAT_BOUNDS) if time <= bound), len(HEAT_BOUNDS))


def roll_up(windows: Iterable[Window], width: float) -> list[RollUp]:
    """Merge `windows` into aligned stretches of `width` seconds: one for each series, and one for each service.

    Each window counts for the stretch that it starts in. By start, then series. Memory grows with what comes out of
    it, not with how many windows there are.
    """
    parts: defaultdict[tuple[float, Series], Gathering] = defaultdict(Gathering)
    for window in windows:
        start = Span.aligned(window.start, width).start
        # a set, because people may name an endpoint as the whole service is named
        for series in {window.series, whole_service(window.series)}:
            parts[start, series].add(window)
    return [_merged(start, series, width, group) for (start, series), group in sorted(parts.items(), key=_key)]


def _key(item: tuple[tuple[float, Series], object]) -> tuple[float, Series]:
    return item[0]


def _merged(start: float, series: Series, width: float, windows: Gathering) -> RollUp:
    return RollUp(replace(windows.merged(), series=series, run="", source="", start=start, width=width))


def whole_service(series: Series) -> Series:
    """The series that stands for all endpoints of the service of `series` together."""
    return replace(series, method=WHOLE_SERVICE, endpoint=WHOLE_SERVICE)


def is_whole_service(series: Series) -> bool:
    """Whether `series` stands for all endpoints of its service together."""
    return (series.method, series.endpoint) == (WHOLE_SERVICE, WHOLE_SERVICE)
