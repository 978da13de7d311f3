"""Points of a history: from what entries did in stretches of time to what the collector would have stored."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil

from soakwatch.collector.history_entry import Part
from soakwatch.collector.history_facts import Stretch
from soakwatch.collector.rebuilt_times import (
    Buckets,
    Point,
    difference,
    mean_of,
    place_of,
    split,
    spread,
    time_at,
)
from soakwatch.core.histogram import Histogram
from soakwatch.core.run import Run
from soakwatch.core.series import Series
from soakwatch.core.window import LoadSample, Window

_TELLING = 0.25
"""Share of all requests so far from which on the difference of two cumulative distributions tells of a stretch.

The columns are rounded to two digits; what one stretch adds to many more requests before it is lost in that.
"""


@dataclass(frozen=True, slots=True)
class PointSettings:
    """What points are made of: `shares` are those of the percentile columns, `width` is in seconds."""

    run: Run
    source: str
    width: float
    shares: Sequence[float]
    cumulative: bool


@dataclass(slots=True)
class Rebuilt:
    """What one series did in a stretch of time, with a distribution of its times; times in milliseconds."""

    count: int
    failures: int
    sum: float
    size: int
    low: float
    high: float
    hists: list[Histogram]
    fail_hists: list[Histogram]


def points_of(
    stretches: Iterable[Stretch], series_of: Callable[[int], Series], settings: PointSettings
) -> Iterator[Window | LoadSample]:
    """The windows of `stretches`, which are in order, and samples of the load where a file tells of users.

    `series_of` names the entry of a number. The file knows nothing of the load generator but its users.
    """
    curves = Curves(settings)
    for number, group in groupby(stretches, key=lambda stretch: stretch.number):
        opened: dict[Series, Rebuilt] = {}
        users: int | None = None
        for stretch in group:
            users = stretch.users
            for part in stretch.parts:
                if part.requests:
                    _add(opened, series_of(part.entry), curves.rebuilt(part))
        for series, one in opened.items():
            yield _window(series, one, number, settings)
        if users is not None:
            yield _load_sample(users, number, settings)


def _load_sample(users: int, number: int, settings: PointSettings) -> LoadSample:
    run, width = settings.run, settings.width
    start = number * width
    return LoadSample(run.environment, run.test, run.id, settings.source, start, width, users, 0.0, saturated=False)


def _add(opened: dict[Series, Rebuilt], series: Series, part: Rebuilt) -> None:
    known = opened.get(series)
    if known is None:
        opened[series] = part
        return
    known.count += part.count
    known.failures += part.failures
    known.sum += part.sum
    known.size += part.size
    known.low = min(known.low, part.low)
    known.high = max(known.high, part.high)
    known.hists += part.hists
    known.fail_hists += part.fail_hists


def _window(series: Series, one: Rebuilt, number: int, settings: PointSettings) -> Window:
    return Window(
        series=series,
        run=settings.run.id,
        source=settings.source,
        start=number * settings.width,
        width=settings.width,
        count=one.count,
        failures=one.failures,
        sum=one.sum,
        fail_sum=one.sum * one.failures / one.count,
        min=one.low,
        max=one.high,
        hist=_together(one.hists),
        fail_hist=_together(one.fail_hists),
        bytes=one.size,
    )


def _together(hists: Sequence[Histogram]) -> Histogram:
    return hists[0] if len(hists) == 1 else Histogram.merge(hists)


class _Places(dict[str, float | None]):
    """Where the times of percentile columns are among the buckets: Locust writes a few hundred different ones."""

    def __missing__(self, text: str) -> float | None:
        place = place_of(float(text))
        if len(self) < 10_000:  # noqa: PLR2004  (more than Locust's rounding leaves)
            self[text] = place
        return place


class Curves:
    """The distribution of each part; the last cumulative one of each entry is remembered, to tell what came since."""

    def __init__(self, settings: PointSettings) -> None:
        self._shares = [*settings.shares]
        self._cumulative = settings.cumulative
        self._places = _Places()
        self._before: dict[int, tuple[list[Point], float | None]] = {}

    def rebuilt(self, part: Part) -> Rebuilt:
        """The part with a distribution of its times: as many as it has requests, between its bounds."""
        count, failures = part.requests, part.failures
        mean = part.mean if part.total is None else part.total / count
        mean = min(max(mean, part.low), part.high)
        if not part.percentiles or (count == 1 and part.total is not None):
            place = place_of(mean)
            buckets: Buckets = {None if place is None else ceil(place): count}
            low = high = mean
        else:
            buckets = self._buckets(part, mean)
            low, high = _bounds(buckets, part)
        succeeded, failed = split(buckets, failures)
        return Rebuilt(
            count,
            failures,
            mean_of(buckets) * count if part.total is None else part.total,
            part.size,
            part.low if part.new_low else low,
            part.high if part.new_high else high,
            [succeeded],
            [failed],
        )

    def _buckets(self, part: Part, mean: float) -> Buckets:
        low, high = place_of(part.low), place_of(part.high)
        points = self._points(part.percentiles, low, high)
        if not self._cumulative:
            return spread(points, low, part.requests)
        before = self._before.get(part.entry, ([], None))
        self._before[part.entry] = points, low
        return _since(part, points, low, before) or spread(*_shifted(points, low, high, mean, part.mean), part.requests)

    def _points(self, percentiles: str, low: float | None, high: float | None) -> list[Point]:
        # rounded percentiles between exact bounds; see between_bounds
        places = [self._places[text] for text in percentiles.split(",")]
        if low is not None:
            places = [low if place is None or place < low else place for place in places]
        places = [high if high is None or (place is not None and place > high) else place for place in places]
        # each call of Locust's for a percentile looks at its own clock, and a second may end between two of them
        points: list[Point] = []
        highest = low
        for share, place in zip(self._shares, places, strict=True):
            if place is not None and (highest is None or place > highest):
                highest = place
            points.append((share, highest))
        if self._shares[-1] < 1:
            points.append((1.0, high))
        return points


def _since(part: Part, points: list[Point], low: float | None, before: tuple[list[Point], float | None]) -> Buckets:
    """What came to the cumulative distribution `before`; empty where that cannot be told."""
    if part.sofar == part.requests:
        return spread(points, low, part.requests)
    if part.requests < _TELLING * part.sofar or not before[0]:
        return {}
    return difference(spread(points, low, part.sofar), spread(*before, part.sofar - part.requests), part.requests)


def _shifted(
    points: list[Point], low: float | None, high: float | None, mean: float, whole_mean: float
) -> tuple[list[Point], float | None]:
    """The shape of the whole run so far, moved to the mean of this stretch, which is known exactly."""
    target, usual = place_of(mean), place_of(whole_mean)
    if target is None or usual is None or low is None or high is None:
        return points, low
    move = target - usual
    return [(share, min(max((low if place is None else place) + move, low), high)) for share, place in points], low


def _bounds(buckets: Buckets, part: Part) -> tuple[float, float]:
    known = [index for index in buckets if index is not None]
    low = 0.0 if None in buckets or not known else time_at(min(known) - 0.5)
    high = time_at(max(known) - 0.5) if known else 0.0
    return min(max(low, part.low), part.high), min(max(high, part.low), part.high)
