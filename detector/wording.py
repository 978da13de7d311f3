"""Wording: numbers as people read them in reasons."""

from math import floor, log10

from soakwatch.core.verdict import Effect, Metric

_ABSURD = 100.0
"""Changes beyond this factor are told as a multiple: `+4,900 %` is harder to read than `50 times`."""


def milliseconds(value: float) -> str:
    """`83 ms`, `1,250 ms`, `0.42 ms`."""
    return f"{value:,.0f} ms" if value >= 10 else f"{value:.2g} ms"  # noqa: PLR2004  (digits)  (two digits are enough below)


def signed_percent(share: float) -> str:
    """`+20 %`, `-3.1 %`, and `200 times` for what is beyond percents."""
    if share >= _ABSURD:
        return f"{share + 1:,.0f} times"
    value = 100 * share
    return f"{value:+.0f} %" if abs(value) >= 10 else f"{value:+.1f} %"  # noqa: PLR2004  (digits)


def percent(share: float) -> str:
    """`2 %`, `0.13 %`."""
    return f"{100 * share:.3g} %"


def signed_points(share: float) -> str:
    """`+1.9 points`: a difference of two shares, which is no percentage of anything."""
    return f"{100 * share + 0.0:+.2g} points" if abs(share) < 0.1 else f"{100 * share:+.0f} points"  # noqa: PLR2004  (digits)


def amount(metric: Metric, value: float) -> str:
    """Write a value of `metric` in its unit."""
    if metric is Metric.ERROR_RATE:
        return percent(value)
    return f"{value:,.3g} requests/s" if metric is Metric.THROUGHPUT else milliseconds(value)


def change(metric: Metric, size: float) -> str:
    """Write a change of `metric`, as `Effect` has it."""
    return signed_points(size) if metric is Metric.ERROR_RATE else signed_percent(size)


def interval(metric: Metric, effect: Effect) -> str:
    """`+12 % to +29 %`."""
    return f"{change(metric, effect.low)} to {change(metric, effect.high)}"


def about(number: float) -> str:
    """Round to two digits, upwards enough to be safe: `1,300`."""
    step: int = 10 ** max(0, floor(log10(max(number, 1.0))) - 1)
    return f"{-(-int(number) // step) * step:,}"
