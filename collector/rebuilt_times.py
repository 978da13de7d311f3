"""Rebuilt times: a histogram from the percentiles that Locust wrote, log-linear between them."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from math import ceil, exp2, log2

from soakwatch.core.histogram import BUCKETS_PER_OCTAVE, Histogram, bucket_middle

SMALLEST = 0.1
"""Milliseconds: where the curve begins when the fastest response took no time and a percentile did."""

Buckets = dict[int | None, int]
"""Counts by index of the histogram's bucket; None are the responses that took no time at all."""

_NOTHING = Histogram()
# encoded once for all windows without a failure

Point = tuple[float, float | None]
"""A share of the responses and where their times end, in buckets (a fraction of one counts); None is zero."""


def place_of(time: float) -> float | None:
    """Where `time` (ms) is among the buckets, as a fraction; None for zero."""
    return BUCKETS_PER_OCTAVE * log2(time) if time > 0 else None


def spread(points: Sequence[Point], low: float | None, count: int) -> Buckets:
    """Spread `count` responses over the buckets between `low` and the ascending `points`, evenly on the log scale.

    The last point has the share 1. Each share gets the whole number of responses that is nearest to it.
    """
    buckets: Buckets = {}
    done, begin = 0, low
    for share, end in points:
        upto = round(share * count)
        if upto > done:
            _fill(buckets, begin, end, upto - done)
            done = upto
        begin = end
    return buckets


def _fill(buckets: Buckets, begin: float | None, end: float | None, count: int) -> None:
    if end is None or begin == end:
        index = None if end is None else ceil(end)
        buckets[index] = buckets.get(index, 0) + count
        return
    if begin is None:
        begin = min(end, BUCKETS_PER_OCTAVE * log2(SMALLEST))
    if count <= end - begin:
        # at least a bucket apart: each has one of its own, but for the last one from before, and what floats round
        step = (end - begin) / count
        middle = begin + step / 2
        for number in range(count):
            index = ceil(middle + number * step)
            buckets[index] = buckets.get(index, 0) + 1
        return
    density = count / (end - begin) if end > begin else 0.0
    placed = 0
    for index in range(ceil(begin), ceil(end)):
        upto = round((index - begin) * density)
        if upto > placed:
            buckets[index] = buckets.get(index, 0) + upto - placed
            placed = upto
    buckets[ceil(end)] = buckets.get(ceil(end), 0) + count - placed


def split(buckets: Buckets, failures: int) -> tuple[Histogram, Histogram]:
    """Successes, and `failures` responses that are as fast as all are: Locust's files do not tell their times apart."""
    if not failures:
        return _histogram(buckets), _NOTHING
    total = sum(buckets.values())
    failed: Buckets = {}
    ends = accumulate(buckets.values())
    done = 0
    for index, end in zip(buckets, ends, strict=True):
        upto = end * failures // total
        if upto > done:
            failed[index] = upto - done
            done = upto
    succeeded = {index: count - failed.get(index, 0) for index, count in buckets.items()}
    return _histogram(succeeded), _histogram(failed)


def _histogram(buckets: Buckets) -> Histogram:
    if None not in buckets and 0 not in buckets.values():
        return Histogram(0, buckets)  # type: ignore[arg-type]  # no None among its keys
    return Histogram(buckets.get(None, 0), {index: n for index, n in buckets.items() if index is not None and n})


def mean_of(buckets: Buckets) -> float:
    """Mean of the responses (ms), each taken as the middle of its bucket."""
    total = sum(count * bucket_middle(index) for index, count in buckets.items() if index is not None)
    return total / sum(buckets.values())


def time_at(place: float | None) -> float:
    """The time (ms) that `place_of` had placed there."""
    return 0.0 if place is None else exp2(place / BUCKETS_PER_OCTAVE)


def difference(after: Buckets, before: Buckets, count: int) -> Buckets:
    """What came to `before` to make it `after`, brought to `count` responses; buckets that lost some count as none."""
    grown = {index: n - before.get(index, 0) for index, n in sorted(after.items(), key=_order)}
    ends = list(accumulate(max(n, 0) for n in grown.values()))
    total = ends[-1] if ends else 0
    if not total:
        return {}
    buckets: Buckets = {}
    done = 0
    for index, end in zip(grown, ends, strict=True):
        upto = round(end * count / total)
        if upto > done:
            buckets[index] = upto - done
            done = upto
    return buckets


def _order(item: tuple[int | None, int]) -> float:
    return float("-inf") if item[0] is None else item[0]


def rebuild(percentiles: Mapping[float, float], count: int) -> Histogram:
    """The histogram of `count` responses with these percentiles (share: ms), ascending from the share 0 to 1."""
    points: list[Point] = [(share, place_of(time)) for share, time in percentiles.items()]
    (_, low), *others = points
    return _histogram(spread(others, low, count))


def merge_percentiles(parts: Iterable[tuple[Mapping[float, float], int]]) -> dict[float, float]:
    """Percentiles of all responses together, from those of each part and how many responses it had.

    As exact as rebuilding is, but for the fastest and the slowest, which are. Empty when no part has any.
    """
    known = [(percentiles, count) for percentiles, count in parts if percentiles and count]
    if len(known) < 2:  # noqa: PLR2004  (one is as it is)
        return dict(known[0][0]) if known else {}
    low = min(percentiles[0.0] for percentiles, _ in known)
    high = max(percentiles[1.0] for percentiles, _ in known)
    shares = sorted({share for percentiles, _ in known for share in percentiles})
    whole = Histogram.merge(rebuild(percentiles, count) for percentiles, count in known)
    times = zip(shares, whole.quantiles(shares), strict=True)
    inner = {share: min(max(time or 0.0, low), high) for share, time in times}
    return {**inner, 0.0: low, 1.0: high}
