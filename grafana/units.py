"""Units: how Grafana writes a number with a unit of its, such as `ms` or `percentunit`."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from math import floor, isfinite, log10

_MOST_DECIMALS = 6

_SCALES: Mapping[str, tuple[tuple[float, str], ...]] = {
    "time": (
        (1e-9, "ns"), (1e-6, "µs"), (1e-3, "ms"), (1, "s"), (60, "min"), (3_600, "hours"), (86_400, "days"),
        (604_800, "weeks"), (31_536_000, "years"),
    ),
    "binary": tuple((1024.0**power, unit) for power, unit in enumerate(("B", "KiB", "MiB", "GiB", "TiB", "PiB"))),
    "decimal": tuple((1000.0**power, unit) for power, unit in enumerate(("B", "kB", "MB", "GB", "TB", "PB"))),
    "short": tuple((1000.0**power, unit) for power, unit in enumerate(("", "K", "Mil", "Bil", "Tri"))),
    "rate": tuple((1000.0**power, unit) for power, unit in enumerate(("", "K", "M", "B", "T"))),
}  # fmt: skip
"""From which size on which unit is written."""

_TIMES = {"ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_TIMES |= {"dtdurationms": 1e-3, "dtdurations": 1.0, "clockms": 1e-3, "clocks": 1.0}
_RATES = {
    "reqps": "req/s", "rps": "reads/s", "wps": "writes/s", "ops": "ops/s", "cps": "c/s", "eps": "evt/s", "iops": "io/s",
    "reqpm": "req/m", "opm": "ops/m", "cpm": "c/m",
}  # fmt: skip
_DATES = {"dateTimeAsIso", "dateTimeAsLocal", "dateTimeAsSystem", "dateTimeAsIsoNoDateIfToday", "dateTimeFromNow"}


def is_date(unit: str) -> bool:
    """Whether values of this unit are moments, in milliseconds since the epoch."""
    return unit in _DATES or unit.startswith("time:")


def with_unit(value: float, unit: str = "", decimals: int | None = None) -> str:
    """Write `value` as Grafana does."""
    if not isfinite(value):
        return str(value)
    if is_date(unit):
        return written_moment(value)
    return _writer(unit)(value, decimals)


def written_moment(milliseconds: float) -> str:
    """A moment to the second, in UTC."""
    try:
        return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError):
        return str(milliseconds)


def _writer(unit: str) -> Callable[[float, int | None], str]:
    if unit in {"", "none"}:
        return _number
    if unit in _TIMES:
        return lambda value, decimals: _scaled(value * _TIMES[unit], "time", decimals)
    if unit in _RATES:
        return lambda value, decimals: f"{_scaled(value, 'rate', decimals)} {_RATES[unit]}"
    simple: dict[str, Callable[[float, int | None], str]] = {
        "short": lambda value, decimals: _scaled(value, "short", decimals),
        "bytes": lambda value, decimals: _scaled(value, "binary", decimals),
        "decbytes": lambda value, decimals: _scaled(value, "decimal", decimals),
        "Bps": lambda value, decimals: f"{_scaled(value, 'decimal', decimals)}/s",
        "binBps": lambda value, decimals: f"{_scaled(value, 'binary', decimals)}/s",
        "percent": lambda value, decimals: f"{_number(value, decimals)}%",
        "percentunit": lambda value, decimals: f"{_number(value * 100, decimals)}%",
        "bool": lambda value, _: "True" if value else "False",
        "bool_yes_no": lambda value, _: "Yes" if value else "No",
        "bool_on_off": lambda value, _: "On" if value else "Off",
    }
    if unit.startswith("prefix:"):
        return lambda value, decimals: f"{unit.removeprefix('prefix:')}{_number(value, decimals)}"
    return simple.get(
        unit, lambda value, decimals: f"{_number(value, decimals)} {unit.removeprefix('suffix:').strip()}"
    )


def _scaled(value: float, scale: str, decimals: int | None) -> str:
    size, unit = _SCALES[scale][0]
    if value == 0:
        size, unit = (1.0, "s") if scale == "time" else (size, unit)
    for bound, name in _SCALES[scale]:
        if abs(value) >= bound * 0.9999999:
            size, unit = bound, name
    return f"{_number(value / size, decimals)} {unit}".strip()


def _number(value: float, decimals: int | None) -> str:
    """As many decimals as were asked for, else about three digits."""
    if decimals is not None:
        return f"{value:.{max(0, min(decimals, _MOST_DECIMALS * 2))}f}"
    if value == 0 or float(value).is_integer():
        return f"{value:.0f}"
    places = max(0, min(_MOST_DECIMALS, 2 - floor(log10(abs(value)))))
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
