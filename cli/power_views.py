"""How it looks on a terminal what a soak can find."""

from collections.abc import Sequence

from rich import box
from rich.table import Table

from soakwatch.cli.moments import written_minute
from soakwatch.cli.terminal import printable, results
from soakwatch.core.numbers import NOTHING
from soakwatch.detector.power import EndpointPower
from soakwatch.detector.power_search import SHARE
from soakwatch.detector.power_slowdown import MOST, Sight

_MISSED = "not found"
_LONGEST_NAME = 60
_SMALLEST_PERCENT, _WHOLE_PERCENT_FROM = 0.01, 10.0


def print_powers(powers: Sequence[EndpointPower], until: float) -> None:
    """A line for each endpoint, and what the numbers mean."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("endpoint", overflow="fold")
    for heading in (
        *("requests a minute", "slower, in 1 h", "in 24 h", "twice the load, 1 h", "24 h"),
        *("failing, usually", "found in 1 h", "in 24 h", "twice the load, 1 h", "24 h"),
    ):
        table.add_column(heading, justify="right", overflow="fold")
    for power in powers:
        table.add_row(
            printable(str(power.series), _LONGEST_NAME),
            NOTHING if power.requests is None else f"{power.requests:,.0f}",
            *_slowdowns(power.slowdown),
            *_slowdowns(power.slowdown_doubled),
            NOTHING if power.failing is None else _share(power.failing),
            *_failures(power.errors),
            *_failures(power.errors_doubled),
        )
    results.print(table)
    _print_words(powers, until)


def _print_words(powers: Sequence[EndpointPower], until: float) -> None:
    for power in powers:
        if power.reason:
            results.print(printable(f"unknown: {power.series}: {power.reason}", 400), soft_wrap=True)
    if any(_MISSED in _slowdowns(sight) for one in powers for sight in (one.slowdown, one.slowdown_doubled)):
        results.print(f"not found by this soak: not even {1 + MOST:.0f} times as slow", soft_wrap=True)
    if any(_MISSED in _failures(sight) for one in powers for sight in (one.errors, one.errors_doubled)):
        results.print("not found by this soak: not even when every request fails", soft_wrap=True)
    results.print(
        f"as known on {written_minute(until)} UTC: the smallest changes that would be confirmed in time with "
        f"{SHARE:.0%} probability",
        markup=False,
        soft_wrap=True,
    )


def _slowdowns(sight: Sight | None) -> tuple[str, str]:
    if sight is None:
        return NOTHING, NOTHING
    hour, day = (_MISSED if size == float("inf") else f"+{100 * size:.0f} %" for size in (sight.hour, sight.day))
    return hour, day


def _failures(sight: Sight | None) -> tuple[str, str]:
    if sight is None:
        return NOTHING, NOTHING
    hour, day = (_MISSED if size == float("inf") else _share(size) for size in (sight.hour, sight.day))
    return hour, day


def _share(share: float) -> str:
    percent = 100 * share
    if 0 < percent < _SMALLEST_PERCENT:
        return f"< {_SMALLEST_PERCENT} %"
    return f"{percent:.0f} %" if percent >= _WHOLE_PERCENT_FROM else f"{percent:.2g} %"
