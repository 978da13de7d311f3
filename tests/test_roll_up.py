"""Rolling up: windows of many processes and runs merged exactly, and what heat maps are made of."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import ceil, inf
from operator import mul

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soakwatch.core.histogram import Histogram
from soakwatch.core.roll_up import HEAT_BOUNDS, MINUTE, TEN_MINUTES, RollUp, roll_up, whole_service
from soakwatch.core.series import Series
from soakwatch.core.window import Exemplar, Window

CART = Series("perf", "soak", "cart", "GET", "/cart")
PAY = Series("perf", "soak", "cart", "POST", "/pay")
ORDER = Series("perf", "soak", "order", "POST", "/order")

times = st.lists(st.floats(0, 1e5), max_size=12)


def window_of(  # noqa: PLR0913, PLR0917  (a builder: all have a usual value)
    good: Sequence[float] = (12.5,),
    bad: Sequence[float] = (),
    start: float = 0.0,
    series: Series = CART,
    run: str = "run",
    source: str = "a",
    exemplar: Exemplar | None = None,
) -> Window:
    everything = [*good, *bad]
    return Window(
        *(series, run, source, start, 10.0, len(everything), len(bad), sum(everything), sum(bad)),
        *(min(everything, default=None), max(everything, default=None), Histogram.of(good), Histogram.of(bad)),
        bytes=100 * len(everything),
        exemplar=exemplar,
    )


exemplars = st.none() | st.builds(
    Exemplar, st.sampled_from([1.0, 2.0]), st.sampled_from([5.0, 9.0]), st.text(max_size=2)
)
windows = st.lists(
    st.builds(
        window_of,
        times,
        times,
        st.sampled_from([10.0 * number for number in range(180)]),
        st.sampled_from([CART, PAY, ORDER]),
        st.sampled_from(["run", "another run"]),
        st.sampled_from(["a", "b", "c"]),
        exemplars,
    ),
    max_size=25,
)


def assert_same(these: Sequence[RollUp], those: Sequence[RollUp]) -> None:
    """Equal in everything; sums, which are rounded on the way, but for the last digits."""
    assert without_sums(these) == without_sums(those)
    for one, other in zip(these, those, strict=True):
        assert one.window.sum == pytest.approx(other.window.sum, rel=1e-12)
        assert one.window.fail_sum == pytest.approx(other.window.fail_sum, rel=1e-12)


def without_sums(roll_ups: Iterable[RollUp]) -> list[Window]:
    return [replace(one.window, sum=0.0, fail_sum=0.0) for one in roll_ups]


def endpoints(roll_ups: Iterable[RollUp]) -> list[Window]:
    """The windows of all rows but those of whole services."""
    return [one.window for one in roll_ups if one.window.series != whole_service(one.window.series)]


# Merging


def test_windows_of_all_processes_and_runs_of_a_minute_become_one_of_the_endpoint_and_one_of_the_service() -> None:
    parts = [
        window_of([10.0, 20.0], [900.0], 60.0, CART, "run", "a"),
        window_of([30.0], [], 70.0, CART, "run", "b"),
        window_of([40.0], [], 110.0, CART, "another run", "c"),
        window_of([50.0], [], 80.0, PAY),
    ]
    cart = Window(
        *(CART, "", "", 60.0, MINUTE, 5, 1, 1000.0, 900.0, 10.0, 900.0),
        *(Histogram.of([10.0, 20.0, 30.0, 40.0]), Histogram.of([900.0]), 500),
    )
    service = replace(
        cart,
        series=whole_service(CART),
        count=6,
        sum=1050.0,
        hist=Histogram.of([10.0, 20.0, 30.0, 40.0, 50.0]),
        bytes=600,
    )
    pay = replace(parts[3], run="", source="", start=60.0, width=MINUTE)
    assert roll_up(parts, MINUTE) == [RollUp(service), RollUp(cart), RollUp(pay)]


def test_each_window_counts_for_the_stretch_that_it_starts_in() -> None:
    rolled = roll_up([window_of(start=start) for start in (0.0, 59.999, 60.0, 119.5, 600.0)], MINUTE)
    assert [(one.start, one.count) for one in endpoints(rolled)] == [(0.0, 2), (60.0, 2), (600.0, 1)]


def test_they_come_by_start_then_series() -> None:
    rolled = roll_up([window_of(start=start, series=one) for start in (60.0, 0.0) for one in (ORDER, CART)], MINUTE)
    keys = [(one.window.start, one.window.series) for one in rolled]
    assert keys == sorted(keys)


def test_of_nothing_there_is_no_roll_up() -> None:
    assert roll_up([], MINUTE) == []


def test_an_endpoint_that_is_named_as_the_whole_service_counts_once() -> None:
    rolled = roll_up([window_of(series=CART), window_of(series=whole_service(CART))], MINUTE)
    assert [(one.window.series, one.window.count) for one in rolled] == [(whole_service(CART), 2), (CART, 1)]


@pytest.mark.parametrize("sums", [(1e308, 1e308), (inf, 1.0), (inf, inf)])
def test_absurd_times_make_the_largest_sum_that_a_store_keeps(sums: Sequence[float]) -> None:
    absurd = [replace(window_of(start=10.0 * n), sum=total, fail_sum=total) for n, total in enumerate(sums)]
    (merged,) = endpoints(roll_up(absurd, MINUTE))
    assert merged.sum == merged.fail_sum == sys.float_info.max


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Exemplar(2.0, 5.0, "a"), Exemplar(3.0, 9.0, "a")),
        (Exemplar(3.0, 9.0, "a"), Exemplar(2.0, 9.0, "a")),
        (Exemplar(2.0, 9.0, "a"), Exemplar(2.0, 9.0, "b")),
    ],
    ids=["the slowest", "the first of the slowest", "the same one of two at once"],
)
def test_the_example_is_the_same_whatever_came_first(one: Exemplar, other: Exemplar) -> None:
    parts = [window_of(exemplar=one), window_of(exemplar=other, source="b"), window_of(source="c")]
    for order in (parts, parts[::-1]):
        assert [window.exemplar for window in endpoints(roll_up(order, MINUTE))] == [other]


# Laws


@given(windows, st.randoms(use_true_random=False))
def test_order_does_not_matter(parts: list[Window], generator: object) -> None:
    shuffled = list(parts)
    generator.shuffle(shuffled)  # type: ignore[attr-defined]  # random.Random
    assert_same(roll_up(shuffled, MINUTE), roll_up(parts, MINUTE))


@given(windows, st.data())
def test_which_process_and_run_a_window_came_from_does_not_matter(parts: list[Window], data: st.DataObject) -> None:
    elsewhere = [replace(one, run=data.draw(st.text()), source=data.draw(st.text())) for one in parts]
    assert roll_up(elsewhere, MINUTE) == roll_up(parts, MINUTE)


@given(windows)
def test_ten_minutes_of_the_minutes_are_those_of_the_raw_windows(parts: list[Window]) -> None:
    assert_same(roll_up(endpoints(roll_up(parts, MINUTE)), TEN_MINUTES), roll_up(parts, TEN_MINUTES))


@given(windows)
def test_every_request_counts_for_its_endpoint_and_for_its_service(parts: list[Window]) -> None:
    rolled = roll_up(parts, MINUTE)
    services = [one.window for one in rolled if one.window.series == whole_service(one.window.series)]
    for merged in (endpoints(rolled), services):
        assert sum(one.count for one in merged) == sum(one.count for one in parts)
        assert sum(one.failures for one in merged) == sum(one.failures for one in parts)
        assert sum(one.bytes for one in merged) == sum(one.bytes for one in parts)
        assert sum(one.responses.count for one in merged) == sum(one.responses.count for one in parts)


@given(st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=60), st.data(), st.sampled_from([0.5, 0.95, 0.99]))
@settings(max_examples=300)
def test_percentiles_are_those_of_all_requests_together(all_times: list[float], data: st.DataObject, q: float) -> None:
    owners = data.draw(st.lists(st.integers(0, 5), min_size=len(all_times), max_size=len(all_times)))
    parts = [
        window_of([time for time, one in zip(all_times, owners, strict=True) if one == owner], [], 10.0 * owner)
        for owner in range(6)
    ]
    exact = sorted(all_times)[ceil(q * len(all_times)) - 1]
    (service, endpoint) = (one.window for one in roll_up(parts, MINUTE))
    assert service.quantile(q) == endpoint.quantile(q) == pytest.approx(exact, rel=0.011)


# Heat maps


def test_the_grid_has_three_cells_for_each_power_of_ten() -> None:
    assert HEAT_BOUNDS[:4] == (1.0, 2.0, 5.0, 10.0)
    assert HEAT_BOUNDS[-1] == 50_000.0
    assert len(HEAT_BOUNDS) == 15


@given(windows)
def test_cells_add_up_to_the_responses_that_had_a_time(parts: list[Window]) -> None:
    for one in roll_up(parts, MINUTE):
        assert sum(one.heat) == one.window.responses.count
        assert len(one.heat) == len(HEAT_BOUNDS) + 1


near_bounds = st.builds(mul, st.sampled_from(HEAT_BOUNDS), st.floats(0.9, 1.1))


@given(st.floats(0, 1e7) | near_bounds)
def test_a_response_is_in_the_cell_of_its_time_unless_it_is_within_a_percent_of_a_bound(time: float) -> None:
    (cell,) = [place for place, count in enumerate(RollUp(window_of([time])).heat) if count]
    lower, upper = (-inf, *HEAT_BOUNDS)[cell], (*HEAT_BOUNDS, inf)[cell]
    assert lower * 0.989 < time <= upper * 1.011


def test_failures_are_in_the_heat_map_as_well() -> None:
    heat = RollUp(window_of([3.0], [700.0, 1e6])).heat
    assert {place: count for place, count in enumerate(heat) if count} == {2: 1, 9: 1, 15: 1}
