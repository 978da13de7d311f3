"""The recorder counts what Locust's entries count, to the request, and keeps it in windows that never overlap."""

import logging
import math
import random
import sys
import tracemalloc
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any, Protocol, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soakwatch.collector.naming import Naming
from soakwatch.collector.recorder import Recorder, RecorderSettings, make_hook
from soakwatch.core.histogram import Histogram
from soakwatch.core.series import OTHER
from soakwatch.core.settings import ServiceRule
from soakwatch.core.window import ErrorCount, Window
from soakwatch.store import rows
from soakwatch.store.contract import Point

START = 1_700_000_000.0
WIDTH = 10.0
HOUR = 3600.0


@dataclass
class Test:
    """A recorder with a clock that the test sets, fed by its hook as Locust would."""

    __test__ = False

    max_series: int = 2000
    max_error_kinds: int = 20
    width: float = WIDTH
    now: float = START
    rules: tuple[ServiceRule, ...] = ()
    points: list[Point] = field(default_factory=list)

    def __post_init__(self) -> None:
        settings = RecorderSettings("run", "source", self.width, self.max_series, self.max_error_kinds)
        self.recorder = Recorder(settings, Naming("perf", "soak", "http://shop", self.rules), self.now)
        self.hook, self.use = make_hook(self.recorder, lambda: self.now)

    def request(self, name: object = "/cart", time: object = 12.5, **more: Any) -> None:
        event = {"request_type": "GET", "name": name, "response_time": time, "response_length": 100, "exception": None}
        self.hook(**{**event, "context": {}, **more})

    def rotate(self) -> None:
        for points in self.recorder.rotate(self.now):
            self.points += points

    @property
    def windows(self) -> list[Window]:
        return [point for point in self.points if isinstance(point, Window)]

    @property
    def errors(self) -> list[ErrorCount]:
        return [point for point in self.points if isinstance(point, ErrorCount)]

    def only_window(self) -> Window:
        self.rotate()
        (window,) = self.windows
        return window


def assert_exact(windows: list[Window], times: list[float], count: int | None = None) -> None:
    """What all windows together say against the sample itself."""
    assert sum(window.count for window in windows) == (len(times) if count is None else count)
    timed = [window for window in windows if window.min is not None]
    assert min((window.min for window in timed if window.min is not None), default=None) == min(times, default=None)
    assert max((window.max for window in timed if window.max is not None), default=None) == max(times, default=None)
    exact = math.fsum(times)
    assert abs(math.fsum(window.sum for window in windows) - exact) <= 1e-12 * exact
    assert Histogram.merge(window.responses for window in windows) == Histogram.of(times)


# Exact


@given(st.lists(st.just(0.0) | st.floats(1e-3, 1e8), min_size=1, max_size=700), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=50)
def test_any_times_in_any_order_over_several_windows_are_counted_exactly(
    times: list[float], generator: random.Random
) -> None:
    test = Test()
    for time in times:
        test.request(time=time, exception=generator.choice([None, None, ValueError("no")]))
        if generator.random() < 0.005:
            test.now += WIDTH
            test.rotate()
    test.rotate()
    assert_exact(test.windows, times)


@pytest.mark.parametrize("odd", [None, 0.0, -1.0, math.nan], ids=str)
def test_a_hundred_thousand_requests_in_a_window_are_added_up_exactly(odd: float | None) -> None:
    """Also where every fold has a time in it that is out of the ordinary; 0.1 is what naive sums get wrong."""
    test, times = Test(), [1e6] + [0.1] * 100_000
    for number, time in enumerate(times):
        test.request(time=time)
        if number % 100 == 0:
            test.request(time=odd)
    window = test.only_window()
    usable = times + [0.0] * (1001 if odd == 0.0 else 0)
    assert_exact([window], usable, count=len(times) + (0 if odd is not None and math.isnan(odd) else 1001))


def test_thousands_of_requests_in_several_windows_of_many_series_are_exact() -> None:
    test, generator = Test(), random.Random(3)
    times: dict[str, list[float]] = {f"/{number}": [] for number in range(50)}
    for number in range(20_000):
        name = f"/{generator.randrange(50)}"
        times[name].append(generator.lognormvariate(3, 2))
        test.request(name, times[name][-1], exception=ValueError("no") if number % 7 == 0 else None)
        if number % 3_000 == 2_999:
            test.now += WIDTH
            test.rotate()
    test.rotate()
    assert len({window.start for window in test.windows}) == 7
    for name, sample in times.items():
        windows = [window for window in test.windows if window.series.endpoint == name]
        assert_exact(windows, sample)
    assert sum(window.failures for window in test.windows) == sum(number % 7 == 0 for number in range(20_000))
    assert test.recorder.counted == 20_000


def test_absurd_times_do_not_make_a_sum_that_no_store_keeps() -> None:
    test = Test()
    for exception in (None, None, ValueError("no"), ValueError("no")):
        test.request(time=1e308, exception=exception)
    window = test.only_window()
    assert (window.count, window.failures) == (4, 2)
    assert window.sum == window.fail_sum == sys.float_info.max


def test_successes_and_failures_are_kept_apart_and_added_up() -> None:
    test = Test()
    for time in (10.0, 20.0):
        test.request(time=time)
    test.request(time=1.0, exception=ValueError("no"))
    window = test.only_window()
    assert (window.count, window.failures, window.sum, window.fail_sum) == (3, 1, 31.0, 1.0)
    assert (window.min, window.max, window.bytes) == (1.0, 20.0, 300)
    assert (window.hist, window.fail_hist) == (Histogram.of([10.0, 20.0]), Histogram.of([1.0]))


# The same as Locust's entries


class Statistics(Protocol):
    """The part of locust.stats.RequestStats that is used here."""

    entries: Mapping[tuple[Any, Any], Any]

    def log_request(self, method: object, name: object, response_time: object, content_length: object) -> None: ...

    def log_error(self, method: object, name: object, error: object) -> None: ...


@pytest.fixture(scope="module")
def _locust_leaves_this_process_alone() -> Iterator[None]:
    """Importing Locust would patch the standard library under pytest; and it logs each request that it refuses."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOCUST_SKIP_MONKEY_PATCH", "1")
        logging.disable()
        yield
        logging.disable(logging.NOTSET)


def locusts_entries(events: list[dict[str, Any]]) -> Counter[tuple[Any, Any]]:
    """Fire `events` as Locust does, at its own listener; requests by name and method."""
    from locust.event import EventHook
    from locust.stats import RequestStats

    statistics = cast("Statistics", RequestStats())

    def on_request(
        request_type: str,
        name: str,
        response_time: float,
        response_length: float,
        exception: object = None,
        **_kwargs: object,
    ) -> None:
        statistics.log_request(request_type, name, response_time, response_length)
        if exception:
            statistics.log_error(request_type, name, exception)

    hook = EventHook()
    hook.add_listener(on_request)
    for event in events:
        hook.fire(**event)
    return Counter({key: entry.num_requests for key, entry in statistics.entries.items() if entry.num_requests})


def our_windows(events: list[dict[str, Any]], rotate_each: int = 1_000_000) -> Test:
    test = Test()
    for number, event in enumerate(events):
        test.hook(**event)
        if number % rotate_each == rotate_each - 1:
            test.now += WIDTH
            test.rotate()
    test.rotate()
    return test


odd_times: st.SearchStrategy[object] = st.sampled_from([
    None, math.nan, math.inf, -math.inf, -1, -0.5, 0, 0.0, -0.0, 1e-9, 5, 12.5, 250, 3.6e6, 1e300,
    "12", "", "nan", True, False, [], {}, b"5",
])  # fmt: skip
times = odd_times | st.floats() | st.integers(-(10**6), 10**6) | st.floats(0.1, 1e4)
odd_lengths: st.SearchStrategy[object] = st.sampled_from([
    None, 0, 1, 1024, 2**70, 0.5, -3, math.nan, math.inf, "100", "", [], True,
])  # fmt: skip
lengths = odd_lengths | st.integers(0, 10**6)
exceptions = st.sampled_from([None, None, None, "", 0, ValueError("no"), "text", {"a": 1}])
events = st.fixed_dictionaries({
    "request_type": st.sampled_from(["GET", "POST", None, ""]),
    "name": st.sampled_from(["/a", "/b", "shop: /a", "", None, 5, ("x",), ["unhashable"]]),
    "response_time": times,
    "response_length": lengths,
    "exception": exceptions,
    "context": st.sampled_from([None, {}, {}, {"service": "shop"}, {"trace_id": "4bf92f"}]),
    "start_time": st.sampled_from([None, START, "2026", math.nan, Decimal(5)]),
})  # fmt: skip


@pytest.mark.usefixtures("_locust_leaves_this_process_alone")
@given(st.lists(events, max_size=60), st.integers(5, 100))
@settings(deadline=None, max_examples=100)
def test_of_any_mixture_of_requests_as_many_are_counted_as_reach_locusts_entries(
    events: list[dict[str, Any]], rotate_each: int
) -> None:
    reached = locusts_entries(events)
    test = our_windows(events, rotate_each)
    assert test.recorder.counted == sum(window.count for window in test.windows) == reached.total()
    assert test.recorder.invalid == len(events) - reached.total()
    ours: Counter[tuple[str, str]] = Counter()
    for window in test.windows:
        ours[window.series.endpoint, window.series.method] += window.count
    # the service is a part of the name for Locust and a word of its own for us
    theirs: Counter[tuple[str, str]] = Counter()
    for (name, method), count in reached.items():
        theirs[str(name).removeprefix("shop: "), str(method)] += count
    assert ours == theirs


@given(st.lists(events, max_size=40))
@settings(deadline=None, max_examples=60)
def test_whatever_was_recorded_can_be_written_to_the_spool(events: list[dict[str, Any]]) -> None:
    points = our_windows(events).points
    assert rows.decode(rows.encode(points)) == points


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int64, int, Fraction, Decimal])
def test_times_of_any_kind_of_number_can_be_written_to_the_spool(kind: Any) -> None:
    test = Test()
    for time in (5, 3, 4, 1, 2):
        test.request(time=kind(time))
    window = test.only_window()
    assert (window.count, window.sum, window.min, window.max) == (5, 15.0, 1.0, 5.0)
    assert rows.decode(rows.encode([window])) == [window]


def test_a_request_without_a_time_counts_as_a_request_and_not_as_a_sample() -> None:
    test = Test()
    test.request(time=None)
    test.request(time=None, exception=ValueError("no"))
    window = test.only_window()
    assert (window.count, window.failures, window.responses.count) == (2, 1, 0)
    assert (window.min, window.max, window.sum) == (None, None, 0.0)


@pytest.mark.parametrize("first", [True, False], ids=["first of its window", "later"])
@pytest.mark.parametrize("time", [math.nan, math.inf, -math.inf, "12"])
def test_a_time_that_is_no_number_is_invalid_and_not_counted(time: object, first: bool) -> None:
    test = Test()
    if not first:
        test.request(time=5.0)
    test.request(time=time)
    test.rotate()
    assert test.recorder.invalid == 1
    assert_exact(test.windows, [] if first else [5.0])


def test_a_negative_time_counts_as_a_request_and_not_as_a_sample() -> None:
    test = Test()
    for time in (5.0, -3.0):
        test.request(time=time)
    assert_exact([test.only_window()], [5.0], count=2)
    assert test.recorder.invalid == 0


# Windows


@given(st.lists(st.sampled_from([0.0, 1.0, WIDTH, 3 * WIDTH, -HOUR, HOUR, -0.5]), max_size=30))
def test_windows_only_ever_begin_later_whatever_the_clock_does(steps: list[float]) -> None:
    test = Test()
    for step in steps:
        test.request()
        test.now += step
        test.rotate()
    starts = [window.start for window in test.windows]
    assert starts == sorted(set(starts))
    assert len(starts) == len(steps)


@given(st.floats(0.5, 300), st.lists(st.floats(0.01, 3), max_size=10), st.lists(st.floats(0.01, 3), max_size=10))
def test_windows_of_different_processes_begin_at_the_same_multiples_of_their_width(
    width: float, one: list[float], another: list[float]
) -> None:
    for steps in (one, another):
        test = Test(width=width)
        for step in steps:
            test.request()
            test.now += step * width
            test.rotate()
        for window in test.windows:
            assert window.start == round(window.start / width) * width


@given(st.floats(0.5, 300), st.lists(st.floats(-HOUR, HOUR), max_size=5))
def test_a_window_is_never_waited_for_longer_than_its_width(width: float, jumps: list[float]) -> None:
    test = Test(width=width)
    for jump in jumps:
        test.now += jump
        assert 0 <= test.recorder.time_left(test.now) <= width
        test.rotate()
    assert 0 <= test.recorder.time_left(test.now) <= width


def test_requests_while_a_window_is_closed_step_by_step_are_not_lost() -> None:
    test = Test()
    for number in range(100):
        test.request(f"/{number}")
    test.now += WIDTH
    steps = 0
    for points in test.recorder.rotate(test.now):
        test.points += points
        steps += 1
        for number in range(0, 100, 7):
            test.request(f"/{number}")
            test.request(f"/new/{steps}/{number}")
    test.rotate()
    assert steps == 5
    made = 100 + steps * 2 * len(range(0, 100, 7))
    assert sum(window.count for window in test.windows) == made == test.recorder.counted
    assert len({(window.series, window.start) for window in test.windows}) == len(test.windows)


def test_a_window_in_which_nothing_happened_is_no_window() -> None:
    test = Test()
    test.rotate()
    test.request(time=math.nan)
    test.rotate()
    assert test.points == []


def test_another_recorder_takes_over_between_two_requests() -> None:
    test, other = Test(), Test()
    test.request()
    test.use(other.recorder)
    test.request()
    test.request()
    assert (test.recorder.counted, other.recorder.counted) == (1, 2)


# Names


def test_rules_and_contexts_name_the_service() -> None:
    test = Test(rules=(ServiceRule(name="by rule", endpoint="/rule"),))
    test.request("/rule")
    test.request("/rule", context={"service": "by context"})
    test.request("by name: /rule", context={"service": "by context"})
    test.request("search: /q")
    test.request("/q", url="https://other.example:8080/q?x=1")
    test.rotate()
    assert {(window.series.service, window.series.endpoint) for window in test.windows} == {
        ("by rule", "/rule"), ("by context", "/rule"), ("by context", "by name: /rule"),
        ("search", "/q"), ("other.example:8080", "/q"),
    }  # fmt: skip


@pytest.mark.parametrize(
    "name", ["a,b", 'with "quotes"', "line\nbreak", "🛒", "a\ud800b", "\udcff" * 5_000, "x" * 10_240, "", "\0"]
)
def test_any_name_is_counted_and_can_be_written(name: str) -> None:
    test = Test()
    for _ in range(3):
        test.request(name)
    window = test.only_window()
    assert window.count == 3
    assert len(window.series.endpoint) <= 200
    window.series.endpoint.encode("utf-8")


def test_a_hundred_thousand_names_are_counted_exactly_in_bounded_memory() -> None:
    test = Test(max_series=500)
    for number in range(100_000):
        test.request(f"/item/{number}", 1.0 + number % 7)
        if number == 89_999:
            tracemalloc.start()
            before, _ = tracemalloc.get_traced_memory()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 50_000
    assert len(test.recorder.open) == 501
    test.rotate()
    by_endpoint = {window.series.endpoint: window.count for window in test.windows}
    assert len(test.windows) == len(by_endpoint) == 501
    assert by_endpoint.pop(OTHER) == 99_500
    assert set(by_endpoint.values()) == {1}
    assert test.recorder.over_guard == 99_500
    assert_exact(test.windows, [1.0 + number % 7 for number in range(100_000)])


def test_what_is_over_the_guard_stays_with_its_service_where_that_is_known() -> None:
    test = Test(max_series=2)
    for name in ("cart: /1", "cart: /2", "cart: /3", "cart: /4", "search: /1"):
        test.request(name)
    test.rotate()
    assert {(window.series.service, window.series.endpoint): window.count for window in test.windows} == {
        ("cart", "/1"): 1, ("cart", "/2"): 1, ("cart", OTHER): 2, (OTHER, OTHER): 1,
    }  # fmt: skip


def test_series_stay_what_they_are_over_the_windows_also_at_the_guard() -> None:
    test = Test(max_series=2)
    for _ in range(3):
        for name in ("/3", "/1", "/2"):
            test.request(name)
        test.now += WIDTH
        test.rotate()
    assert Counter(window.series.endpoint for window in test.windows) == {"/3": 3, "/1": 3, OTHER: 3}


# Failures and exemplars


def test_the_kinds_of_errors_are_counted_with_a_sample() -> None:
    test = Test()
    for message in ("first", "second"):
        test.request(exception=ConnectionError(message))
    test.request(exception=ValueError("other"))
    test.rotate()
    assert [(error.kind, error.count, error.sample) for error in test.errors] == [
        ("ConnectionError", 2, "first"), ("ValueError", 1, "other"),
    ]  # fmt: skip


def test_kinds_of_errors_are_bounded_and_all_counted() -> None:
    test = Test(max_error_kinds=5)
    for number in range(1_000):
        test.request(exception=type(f"Error{number}", (Exception,), {})("no"))
    test.rotate()
    assert len(test.errors) == 6
    assert {error.kind: error.count for error in test.errors}[OTHER] == 995
    assert sum(error.count for error in test.errors) == test.windows[0].failures == 1_000


def test_the_exemplar_is_the_slowest_request_with_its_trace() -> None:
    test = Test()
    for number, time in enumerate([5.0, 90.0, 30.0, 90.0, 10.0]):
        test.request(time=time, start_time=START + number, context={"trace_id": f"trace-{number}"})
    exemplar = test.only_window().exemplar
    assert exemplar is not None
    assert (exemplar.time, exemplar.at, exemplar.trace_id) == (90.0, START + 1, "trace-1")


@pytest.mark.parametrize("start_time", [None, "2026-11-23", math.nan, math.inf, object(), Decimal(5)])
def test_without_a_usable_time_of_its_own_the_exemplar_has_that_of_the_clock(start_time: object) -> None:
    test = Test()
    test.request(start_time=start_time)
    exemplar = test.only_window().exemplar
    assert exemplar is not None
    assert exemplar.at == START


# Nothing that a request brings along can hurt


class Spiteful:
    """Raises whatever is done with it."""

    def __bool__(self) -> bool:
        raise RuntimeError

    def __str__(self) -> str:
        raise RuntimeError

    def __getattr__(self, name: str) -> object:
        raise RuntimeError(name)


@pytest.mark.parametrize("where", ["name", "exception", "context", "response", "url", "start_time", "request_type"])
def test_no_request_can_raise_into_locust(where: str) -> None:
    test = Test()
    for _ in range(2):
        test.request(**{"exception": ValueError("no"), where: Spiteful()})
    test.rotate()
    assert test.recorder.counted + test.recorder.invalid == 2


def test_lengths_that_are_none_do_not_cost_the_window() -> None:
    test = Test()
    for length in (100, 1e300, 10**400, math.nan):
        test.request(response_length=length)
    window = test.only_window()
    assert -(2**63) <= window.bytes < 2**63
