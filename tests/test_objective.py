"""Objectives are written as people write them, and mean the same when they are read again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soakwatch.core.objective import Bound
from soakwatch.core.verdict import Metric


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("p95 < 300 ms", Bound(Metric.P95, 300.0)),
        ("p50<20ms", Bound(Metric.P50, 20.0)),
        ("  p99  <  1.5 s ", Bound(Metric.P99, 1500.0)),
        ("mean < 0.25 s", Bound(Metric.MEAN, 250.0)),
        ("errors < 0.5 %", Bound(Metric.ERROR_RATE, 0.005)),
        ("error_rate < 1%", Bound(Metric.ERROR_RATE, 0.01)),
    ],
)
def test_a_bound_is_read_as_people_write_it(text: str, bound: Bound) -> None:
    assert Bound.parse(text) == bound


@pytest.mark.parametrize(
    "text",
    ["", "p95", "p95 < ", "p95 > 300 ms", "p95 < 300", "p97 < 300 ms", "p95 < -3 ms", "p95 < 1e3 ms", "p95 < x ms"],
)
def test_what_is_no_bound_is_told_how_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match=r"write it as 'p95 < 300 ms' or 'errors < 0.5 %'"):
        Bound.parse(text)


@pytest.mark.parametrize("text", ["p95 < 5 %", "mean < 1%", "errors < 5 ms", "errors < 1 s"])
def test_a_unit_of_the_other_kind_of_metric_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="response times are bounded in ms or s, errors in %"):
        Bound.parse(text)


numbers = st.integers(0, 10**9).map(str) | st.decimals(0, 10**7, places=4, allow_nan=False).map(lambda n: f"{n:f}")
bounds = st.one_of(
    st.tuples(st.sampled_from(["p50", "p95", "p99", "mean"]), numbers, st.sampled_from(["ms", "s"])),
    st.tuples(st.sampled_from(["errors", "error_rate"]), numbers, st.just("%")),
)


@given(bounds)
def test_any_bound_written_out_is_read_as_the_same_bound(parts: tuple[str, str, str]) -> None:
    metric, number, unit = parts
    bound = Bound.parse(f"{metric} < {number} {unit}")
    read = Bound.parse(str(bound))
    assert read.metric == bound.metric
    assert read.limit == pytest.approx(bound.limit, rel=1e-12)
    assert str(read) == str(bound)


def test_large_bounds_are_written_without_rounding_or_exponents() -> None:
    assert str(Bound.parse("p95 < 1234567 ms")) == "p95 < 1234567 ms"
    assert str(Bound.parse("p99 < 1500 s")) == "p99 < 1500000 ms"
    assert str(Bound.parse("errors < 0.00001 %")) == "errors < 0.00001 %"
