"""Numbers as people read them."""

from math import isfinite, isnan

from soakwatch.core.verdict import Effect, Metric

NOTHING = "-"
"""Stands where there was nothing to measure or to test."""

_DECIMALS_BELOW = 10.0
"""Numbers from here on are written without decimals, smaller ones with one."""

_SECONDS_FROM = 10_000.0
_SMALLEST_PERCENT = 0.01
_SMALLEST_P = 0.001
_P_WITH_TWO_DECIMALS = 0.1


def format_value(metric: Metric, value: float | None) -> str:
    """Write a value of `metric` with its unit: `182 ms`, `10.3 %`, `14.3/s`; a dash for None."""
    if value is None or isnan(value):
        return NOTHING
    if metric is Metric.ERROR_RATE:
        return _share(value)
    if metric is Metric.THROUGHPUT:
        return f"{_infinite(value) or _plain(value, 100.0)}/s"
    if isfinite(value) and abs(value) >= _SECONDS_FROM:
        return f"{value / 1000:,.1f} s"
    return f"{_infinite(value) or _plain(value)} ms"


def format_effect(metric: Metric, effect: Effect | None) -> str:
    """Write a change with its interval: `+203 % (+180 % to +229 %)`, for error rates in points of a percent."""
    if effect is None:
        return NOTHING
    return f"{format_size(metric, effect)} ({format_interval(metric, effect)})"


def format_size(metric: Metric, effect: Effect) -> str:
    """Write a change: `+203 %`, for error rates `+10.3 points`."""
    value, _, _ = _signed(metric, effect)
    return f"{value} points" if metric is Metric.ERROR_RATE else f"{value} %"


def format_interval(metric: Metric, effect: Effect) -> str:
    """Write the interval of a change: `+180 % to +229 %`, for error rates `+7.6 to +13.4`."""
    _, low, high = _signed(metric, effect)
    return f"{low} to {high}" if metric is Metric.ERROR_RATE else f"{low} % to {high} %"


def format_change(metric: Metric, baseline: float | None, current: float | None, effect: Effect | None) -> str:
    """Write both values and the change between them: `0.0 % -> 10.3 % (+10.3 points, +7.6 to +13.4)`."""
    values = f"{format_value(metric, baseline)} -> {format_value(metric, current)}"
    if effect is None:
        return values
    value, low, high = _signed(metric, effect)
    if metric is Metric.ERROR_RATE:
        return f"{values} ({value} points, {low} to {high})"
    return f"{values} ({value} %, {low} % to {high} %)"


def format_p(p: float | None) -> str:
    """Write a p-value: `< 0.001`, `0.012`, `0.35`; a dash for None."""
    if p is None or isnan(p):
        return NOTHING
    if p < _SMALLEST_P:
        return f"< {_SMALLEST_P}"
    return f"{p:.2f}" if p >= _P_WITH_TWO_DECIMALS else f"{p:.3f}"


def format_share(count: int, share: float) -> str:
    """Write a count and the share that it is: `412 (10.3 %)`."""
    return f"{count:,} ({format_value(Metric.ERROR_RATE, share)})"


def format_duration(seconds: float) -> str:
    """Write a duration in its two largest units: `45 s`, `20 min`, `3 h 20 min`."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    parts = [(hours, "h"), (minutes, "min"), (rest, "s")]
    written = [f"{amount:,} {unit}" for amount, unit in parts if amount]
    return " ".join(written[:2]) or "0 s"


def _share(value: float) -> str:
    percent = value * 100
    if 0 < percent < _SMALLEST_PERCENT:
        return f"< {_SMALLEST_PERCENT} %"
    if 0 < percent < 10 * _SMALLEST_PERCENT:
        return f"{percent:.2f} %"
    return f"{_infinite(percent) or f'{percent:.1f}'} %"


def _plain(value: float, decimals_below: float = _DECIMALS_BELOW) -> str:
    # Compared after rounding, or 9.96 would be written as 10.0.
    return f"{value:,.1f}" if round(abs(value), 1) < decimals_below else f"{value:,.0f}"


def _signed(metric: Metric, effect: Effect) -> tuple[str, str, str]:
    """All three in percent or points, with as many decimals as the value itself deserves."""
    value, low, high = (number * 100 for number in (effect.value, effect.low, effect.high))
    decimals = _decimals_of_points(value) if metric is Metric.ERROR_RATE else _decimals_of_percent(value)
    return _sign(value, decimals), _sign(low, decimals), _sign(high, decimals)


def _sign(percent: float, decimals: int) -> str:
    return _infinite(percent, "+") or f"{percent:+,.{decimals}f}"


def _decimals_of_percent(percent: float) -> int:
    return 0 if isfinite(percent) and round(abs(percent), 1) >= _DECIMALS_BELOW else 1


def _decimals_of_points(points: float) -> int:
    """As error rates themselves are written."""
    return 2 if 0 < abs(points) < 10 * _SMALLEST_PERCENT else 1


def _infinite(value: float, sign: str = "") -> str:
    if isfinite(value):
        return ""
    if isnan(value):
        return "?"
    return f"{sign if value > 0 else '-'}∞"
