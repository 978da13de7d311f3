"""Portions: many points, as many at a time as one write should have."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from soakwatch.core.run_series import RunLoad, RunSeries
from soakwatch.store.contract import Point

P = TypeVar("P", bound=Point)

POINTS_AT_ONCE = 2_000
"""Points of one write, some 800 KB."""

_HEAVY = 40
"""What is kept of a run is 20 KB a series, as much as so many other points."""


def portions(points: Iterable[P]) -> Iterator[list[P]]:
    """All of `points`, in their order."""
    portion: list[P] = []
    weight = 0
    for point in points:
        portion.append(point)
        weight += _HEAVY if isinstance(point, RunSeries | RunLoad) else 1
        if weight >= POINTS_AT_ONCE:
            yield portion
            portion, weight = [], 0
    if portion:
        yield portion
