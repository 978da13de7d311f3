"""Numbers as people read them."""

from math import inf, nan

import pytest

from soakwatch.core.numbers import (
    format_change,
    format_duration,
    format_effect,
    format_p,
    format_share,
    format_value,
)
from soakwatch.core.verdict import Effect, Metric


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        (Metric.P95, 182.3, "182 ms"),
        (Metric.P50, 9.94, "9.9 ms"),
        (Metric.P50, 9.96, "10 ms"),
        (Metric.MEAN, 0.0, "0.0 ms"),
        (Metric.P99, 9_999.0, "9,999 ms"),
        (Metric.P99, 12_345.0, "12.3 s"),
        (Metric.P99, inf, "∞ ms"),
        (Metric.ERROR_RATE, 0.0, "0.0 %"),
        (Metric.ERROR_RATE, 0.103, "10.3 %"),
        (Metric.ERROR_RATE, 0.0004, "0.04 %"),
        (Metric.ERROR_RATE, 0.000004, "< 0.01 %"),
        (Metric.ERROR_RATE, 1.0, "100.0 %"),
        (Metric.THROUGHPUT, 13.47, "13.5/s"),
        (Metric.THROUGHPUT, 1234.5, "1,234/s"),
        (Metric.P95, None, "-"),
        (Metric.P95, nan, "-"),
    ],
)
def test_a_value_has_its_unit_and_no_more_digits_than_it_deserves(
    metric: Metric, value: float | None, text: str
) -> None:
    assert format_value(metric, value) == text


@pytest.mark.parametrize(
    ("metric", "effect", "text"),
    [
        (Metric.P95, Effect(2.03, 1.8, 2.29), "+203 % (+180 % to +229 %)"),
        (Metric.P95, Effect(0.042, -0.01, 0.097), "+4.2 % (-1.0 % to +9.7 %)"),
        (Metric.P95, Effect(-0.31, -0.35, -0.27), "-31 % (-35 % to -27 %)"),
        (Metric.P95, Effect(48.2, 41.0, inf), "+4,820 % (+4,100 % to +∞ %)"),
        (Metric.P95, Effect(0.5, -inf, nan), "+50 % (-∞ % to ? %)"),
        (Metric.ERROR_RATE, Effect(0.103, 0.076, 0.134), "+10.3 points (+7.6 to +13.4)"),
        (Metric.ERROR_RATE, Effect(0.0004, 0.0001, 0.0007), "+0.04 points (+0.01 to +0.07)"),
        (Metric.P95, None, "-"),
    ],
)
def test_an_effect_has_its_sign_and_its_interval(metric: Metric, effect: Effect | None, text: str) -> None:
    assert format_effect(metric, effect) == text


@pytest.mark.parametrize(
    ("metric", "baseline", "current", "effect", "text"),
    [
        (Metric.P95, 60.0, 181.8, Effect(2.03, 1.8, 2.29), "60 ms -> 182 ms (+203 %, +180 % to +229 %)"),
        (
            Metric.ERROR_RATE,
            0.0,
            0.103,
            Effect(0.103, 0.076, 0.134),
            "0.0 % -> 10.3 % (+10.3 points, +7.6 to +13.4)",
        ),
        (Metric.P95, None, 182.0, None, "- -> 182 ms"),
    ],
)
def test_a_change_tells_both_values(
    metric: Metric, baseline: float | None, current: float, effect: Effect | None, text: str
) -> None:
    assert format_change(metric, baseline, current, effect) == text


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.0, "< 0.001"), (0.0009, "< 0.001"), (0.012, "0.012"), (0.354, "0.35"), (1.0, "1.00"), (None, "-"), (nan, "-")],
)
def test_a_p_value_is_never_written_as_zero(p: float | None, text: str) -> None:
    assert format_p(p) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (45.4, "45 s"), (1200, "20 min"), (12_000, "3 h 20 min"), (3605, "1 h 5 s"), (59.7, "1 min")],
)
def test_a_duration_has_its_two_largest_units(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_a_count_has_its_share() -> None:
    assert format_share(1412, 0.103) == "1,412 (10.3 %)"
