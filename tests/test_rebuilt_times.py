"""What is promised of distributions that are rebuilt from percentile columns."""

from itertools import pairwise
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soakwatch.collector.history_entry import Part
from soakwatch.collector.history_points import Curves, PointSettings, Rebuilt
from soakwatch.collector.rebuilt_times import place_of, spread
from soakwatch.core.histogram import Histogram
from soakwatch.core.run import Run

SHARES = (0.5, 0.66, 0.75, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999, 0.9999, 1.0)


def curves(*, cumulative: bool) -> Curves:
    return Curves(PointSettings(Run("run", "staging", "nightly", 0.0), "csv", 10.0, SHARES, cumulative))


def part(requests: int, sofar: int, times: tuple[float, float, float], percentiles: list[float]) -> Part:
    """What happened in a stretch, `requests` of the `sofar` ones; `times` are the fastest, mean and slowest of both."""
    low, mean, high = times
    return Part(
        entry=0,
        requests=requests,
        failures=requests // 3,
        total=mean * requests,
        size=0,
        percentiles=",".join(f"{time:g}" for time in percentiles),
        low=low,
        new_low=False,
        high=high,
        new_high=False,
        sofar=sofar,
        mean=mean,
    )


def responses(rebuilt: Rebuilt) -> Histogram:
    return Histogram.merge((*rebuilt.hists, *rebuilt.fail_hists))


@pytest.mark.parametrize("time", [0.5, 1.0, 2.0])
def test_a_later_stretch_of_a_cumulative_history_has_the_median_of_the_run(time: float) -> None:
    made = curves(cumulative=True)
    made.rebuilt(part(1000, 1000, (time / 10, time, 50.0), [time] * 10 + [50.0]))
    later = responses(made.rebuilt(part(100, 1100, (time / 10, time, 50.0), [time] * 10 + [50.0])))
    # half of the requests are between the fastest one and the median, evenly on the log scale
    assert later.quantile(0.5) == pytest.approx(time, rel=0.1)
    assert later.quantile(0.25) == pytest.approx(time / 10**0.5, rel=0.15)


times = st.one_of(st.just(0.0), st.just(1.0), st.floats(0.001, 5000.0), st.integers(0, 300).map(float))


@given(st.lists(times, min_size=11, max_size=11), st.lists(times, min_size=3, max_size=3), st.booleans(), st.data())
def test_every_request_is_in_the_distribution_whatever_the_percentiles_are(
    percentiles: list[float], others: list[float], cumulative: bool, data: st.DataObject
) -> None:
    low, mean, high = sorted(others)
    made = curves(cumulative=cumulative)
    sofar = 0
    for count in data.draw(st.lists(st.integers(1, 500), min_size=1, max_size=4)):
        sofar += count
        one = made.rebuilt(part(count, sofar, (low, mean, high), percentiles))
        assert responses(one).count == count
        assert sum(hist.count for hist in one.fail_hists) == count // 3


def test_requests_under_a_millisecond_are_all_there() -> None:
    percentiles = [0.9, 1.0, *[20.0] * 9]
    made = curves(cumulative=True)
    for count, sofar in ((1000, 1000), (100, 1100)):
        assert responses(made.rebuilt(part(count, sofar, (0.4, 1.5, 20.0), percentiles))).count == count


@given(st.lists(st.floats(0.0, 1e7), min_size=1, max_size=12), st.integers(0, 3000))
def test_as_many_responses_are_spread_as_there_are(percentiles: list[float], count: int) -> None:
    ascending = sorted(percentiles)
    points = [(number / len(ascending), place_of(time)) for number, time in enumerate(ascending, 1)]
    buckets = spread(points, points[0][1], count)
    assert sum(buckets.values()) == count
    order = [-inf if index is None else index for index in buckets]
    assert all(before < after for before, after in pairwise(order))


def test_two_responses_whose_places_floats_round_together_are_two() -> None:
    buckets = spread([(1.0, 1.5)], -0.49999999999999994, 2)
    assert sum(buckets.values()) == 2
