"""Several processes that measure the same series at once: their roll-ups are those of all requests together."""

import random
import sys
from collections import defaultdict
from math import ceil

import pytest
from stores import IMPLEMENTATIONS, Implementation, end_well, start_together, wait_for_the_others

from soakwatch.core.histogram import RELATIVE_ERROR, Histogram
from soakwatch.core.roll_up import HEAT_BOUNDS, MINUTE, TEN_MINUTES, whole_service
from soakwatch.core.series import Series
from soakwatch.core.span import Span
from soakwatch.core.window import Window
from soakwatch.store.contract import WindowStore
from soakwatch.store.roll_up_pass import roll_up_stored

SOURCES = ("a", "b", "c")
CART, PAY, ORDER = (
    Series("perf", "soak", service, "GET", endpoint)
    for service, endpoint in (("cart", "/cart"), ("cart", "/pay"), ("order", "/order"))
)
MEDIANS = {CART: 20.0, PAY: 180.0, ORDER: 900.0}
START = 1_700_000_400.0
WINDOWS = 18
"""Windows of ten seconds: three minutes."""
LATER = START + 3_600.0

Times = tuple[list[float], list[float]]
"""Of the successes and of the failures, in milliseconds."""


def measured(source: str, number: int, series: Series) -> Times:
    """What one process measured in one window; the same whoever asks. Some have more to do than others."""
    chance = random.Random(f"{source} {number} {series}")
    median = MEDIANS[series] * (1 + SOURCES.index(source))
    good = [chance.lognormvariate(0, 0.6) * median for _ in range(chance.randrange(60))]
    return good, [chance.uniform(0.5, 3.0) for _ in range(chance.randrange(4))]


def window_of(source: str, number: int, series: Series) -> Window:
    good, bad = measured(source, number, series)
    everything = [*good, *bad]
    return Window(
        *(series, "run", source, START + 10.0 * number, 10.0, len(everything), len(bad), sum(everything), sum(bad)),
        *(min(everything, default=None), max(everything, default=None), Histogram.of(good), Histogram.of(bad)),
    )


def requests_of(width: float) -> dict[tuple[float, Series], list[float]]:
    """Times of all requests, sorted, by stretch and by endpoint as well as by service."""
    together: defaultdict[tuple[float, Series], list[float]] = defaultdict(list)
    for number in range(WINDOWS):
        start = Span.aligned(START + 10.0 * number, width).start
        for series in MEDIANS:
            for source in SOURCES:
                good, bad = measured(source, number, series)
                together[start, series] += [*good, *bad]
                together[start, whole_service(series)] += [*good, *bad]
    return {key: sorted(times) for key, times in together.items()}


@pytest.mark.parametrize("width", [MINUTE, TEN_MINUTES])
def test_percentiles_and_heat_maps_are_those_of_all_requests_of_all_processes(
    store: WindowStore, implementation: Implementation, address: str, width: float
) -> None:
    roll_up_while_all_write(store, implementation, address)
    found = {
        (one.window.start, one.window.series): one for one in store.roll_ups(width, Span(START, START + TEN_MINUTES))
    }
    wanted = requests_of(width)
    assert found.keys() == wanted.keys()
    for key, times in wanted.items():
        rolled = found[key]
        assert rolled.window.count == len(times)
        for q in (0.5, 0.95, 0.99):
            assert rolled.window.quantile(q) == pytest.approx(times[ceil(q * len(times)) - 1], rel=RELATIVE_ERROR)
        assert sum(rolled.heat) == len(times)
        assert rolled.heat == pytest.approx(heat_of(times), abs=near_a_bound(times))


def heat_of(times: list[float]) -> tuple[int, ...]:
    cells = [0] * (len(HEAT_BOUNDS) + 1)
    for time in times:
        cells[sum(time > bound for bound in HEAT_BOUNDS)] += 1
    return tuple(cells)


def near_a_bound(times: list[float]) -> int:
    """How many may be counted in the next cell."""
    return sum(any(abs(time / bound - 1) <= 2 * RELATIVE_ERROR for bound in HEAT_BOUNDS) for time in times)


def roll_up_while_all_write(store: WindowStore, implementation: Implementation, address: str) -> None:
    writers = start_together(__file__, implementation, address, SOURCES)
    while any(writer.poll() is None for writer in writers):
        roll_up_stored(store, LATER)
    end_well(writers)
    roll_up_stored(store, LATER)


def be_a_writer(name: str, address: str, source: str) -> None:
    with IMPLEMENTATIONS[name].open(address) as store:
        wait_for_the_others()
        for number in range(WINDOWS):
            store.write([window_of(source, number, series) for series in MEDIANS])


if __name__ == "__main__":  # one of several processes, see above
    be_a_writer(*sys.argv[1:])
