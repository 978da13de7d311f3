"""Baseline files of version 1: plain numbers for each service, as scripts and people write them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from math import isfinite
from textwrap import shorten
from typing import Any

from soakwatch.core.errors import UsageError
from soakwatch.core.run import Outcome, Run
from soakwatch.core.run_summary import PlainBaseline
from soakwatch.core.verdict import Metric
from soakwatch.store.json_reading import JsonFile, Keys, spell

_SERVICES = ("services", "baselines")
"""Keys that may hold the services; without one of them they are the objects at the top level."""

_VERSIONS = ("version", "schema_version", "schema")
_VERSION_1 = re.compile(r"v?1(\.\d+)*")
_ABOUT_THE_FILE = frozenset({"metadata", "meta", "info", "provenance", "config"})
"""Objects at the top level that are no services."""

_TIME = re.compile(
    r"(?:(?:response_time|latency)_)*"
    r"(?P<statistic>p50|p95|p99|mean|avg|average|median)"
    r"(?:_(?:response_time|latency))?"
    r"(?:_(?P<unit>ms|milliseconds|s|seconds))?"
)
_ERROR_RATE = re.compile(r"(?:error|failure)_?rate(?P<percent>_percent|_pct)?")
_METRICS = {
    "p50": Metric.P50,
    "median": Metric.P50,
    "p95": Metric.P95,
    "p99": Metric.P99,
    "mean": Metric.MEAN,
    "avg": Metric.MEAN,
    "average": Metric.MEAN,
}
_UNDERSTOOD = (
    "p50, median, p95, p99, mean or avg (ms; also as p95_ms, p95_response_time, response_time_p95_ms, p95_seconds) "
    "and error_rate (a share; also as error_rate_percent)"
)
_PER_CENT = 100.0
_LONGEST_FOUND = 60

_Found = tuple[Keys, float]


def read_plain_baseline(file: JsonFile, name: str) -> PlainBaseline:
    """Read a file of version 1; its run is called `name`, and nothing else is known of it.

    Raises UsageError that names the file, the line, what was found and what was expected.
    """
    content = file.content
    if not isinstance(content, Mapping) or not _may_be_version_1(content, file):
        raise UsageError(f"{file.name}: {_what_was_expected(content)}")
    inside = next((key for key in _SERVICES if isinstance(content.get(key), Mapping)), None)
    services = dict(_services(content, file) if inside is None else _members(content[inside], (inside,), file))
    if not services:
        raise UsageError(f"{file.name}: {_what_was_expected(content)}")
    return PlainBaseline(Run(name, "", "", 0.0, outcome=Outcome.IMPORTED), services)


def _may_be_version_1(content: Mapping[str, Any], file: JsonFile) -> bool:
    for key in _VERSIONS:
        version = content.get(key)
        if version is not None and not isinstance(version, Mapping) and not _VERSION_1.fullmatch(str(version)):
            raise UsageError(
                f"{file.place((key,))}: {key} is {version!r}; files with plain numbers have version 1 or none, "
                "those of soakwatch say 'schema': 2"
            )
    # our own files of schema 1 hold lists, never services
    return "schema" not in content or any(isinstance(content.get(key), Mapping) for key in _SERVICES)


def _what_was_expected(content: object) -> str:
    ours = "files of soakwatch say 'schema': 2 and 'kind': 'baselines' or 'metrics'; those of version 1 have services "
    if isinstance(content, list):
        return (
            "a list, such as Locust's --json-file writes, not baselines or metrics; `soakwatch baseline extract` and "
            "`soakwatch metrics extract` read that"
        )
    return f"neither baselines nor metrics: {ours}with {_UNDERSTOOD}"


def _services(content: Mapping[str, Any], file: JsonFile) -> Iterator[tuple[str, Mapping[Metric, float]]]:
    objects = {key: value for key, value in content.items() if isinstance(value, Mapping)}
    return _members({key: objects[key] for key in objects if key.lower() not in _ABOUT_THE_FILE}, (), file)


def _members(services: Mapping[str, Any], keys: Keys, file: JsonFile) -> Iterator[tuple[str, Mapping[Metric, float]]]:
    for service, numbers in services.items():
        yield service, _service(numbers, (*keys, service), file)


_LARGEST_SHARE = 0.2
"""Error rate beyond which it is more likely that somebody wrote percents than that this was a baseline."""


def _service(numbers: object, keys: Keys, file: JsonFile) -> Mapping[Metric, float]:
    found: dict[Metric, _Found] = {}
    for metric, (place, value) in _understood(numbers, keys, file):
        if found.setdefault(metric, (place, value))[1] != value:
            raise UsageError(
                f"{file.place(place)}: {spell(place)} and {spell(found[metric][0])} mean the same and differ "
                f"({value:g} and {found[metric][1]:g}); keep one of them"
            )
    if not found:
        raise UsageError(f"{file.place(keys)}: {spell(keys)}: no number that is understood; expected are {_UNDERSTOOD}")
    _require_ascending(found, file)
    return {metric: found[metric][1] for metric in Metric if metric in found}


def _understood(numbers: object, keys: Keys, file: JsonFile) -> Iterator[tuple[Metric, _Found]]:
    for inner, value in _leaves(numbers, ()):
        place = (*keys, *inner)
        name = _snake_case(inner)
        if value is None:
            continue
        if time := _TIME.fullmatch(name):
            factor = 1000.0 if (time["unit"] or "").startswith("s") else 1.0
            yield _METRICS[time["statistic"]], (place, _number(value, place, file) * factor)
        elif rate := _ERROR_RATE.fullmatch(name):
            yield Metric.ERROR_RATE, (place, _share(_number(value, place, file), rate["percent"], place, file))


def _leaves(value: object, keys: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], object]]:
    """Numbers may stand in objects of their own: `"response_time": {"p95": 300}` is `response_time_p95`."""
    if isinstance(value, Mapping):
        for key, member in value.items():
            yield from _leaves(member, (*keys, key))
    else:
        yield keys, value


def _snake_case(keys: Iterable[str]) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", "_".join(keys)).lower()
    return re.sub(r"[^a-z0-9]+", "_", words).strip("_")


def _number(value: object, place: Keys, file: JsonFile) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = float("inf")
        if isfinite(number) and number >= 0:
            return number
    found = shorten(repr(value), _LONGEST_FOUND)
    raise UsageError(f"{file.place(place)}: {spell(place)}: a finite number, zero or more, was expected, not {found}")


def _share(value: float, percent: str | None, place: Keys, file: JsonFile) -> float:
    if percent:
        if value > _PER_CENT:
            raise UsageError(f"{file.place(place)}: {spell(place)}: at most 100 percent was expected, not {value:g}")
        return value / _PER_CENT
    if value > _LARGEST_SHARE:
        raise UsageError(
            f"{file.place(place)}: {spell(place)}: a share was expected (0.005 is half a percent), and {value:g} is "
            f"too large for a baseline's; call it {place[-1]}_percent when it is one"
        )
    return value


def _require_ascending(found: Mapping[Metric, _Found], file: JsonFile) -> None:
    times = [(metric, *found[metric]) for metric in (Metric.P50, Metric.P95, Metric.P99) if metric in found]
    for (lower, _, faster), (higher, place, slower) in pairwise(times):
        if faster > slower:
            raise UsageError(
                f"{file.place(place)}: {spell(place)}: {higher} is {slower:g} ms and {lower} is {faster:g} ms; "
                "percentiles should not decrease"
            )
