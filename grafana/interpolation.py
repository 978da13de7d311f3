"""Interpolation: a query as Grafana sends it, with variables and macros in their places.

Grafana does this in two steps. Its pages replace variables (scenes, sceneInterpolator.ts), and leave what they do not
know as it is; its server replaces `$timeFilter` and the interval (pkg/tsdb/influxdb/models/query.go). `$__range` is
none of its InfluxDB data source's.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from soakwatch.grafana.interval import written
from soakwatch.grafana.time_range import TimeRange
from soakwatch.grafana.value_formats import Choice, Format, format_called, format_of_query

Choices = Mapping[str, Choice]
"""What was chosen, for each variable by its name."""

_REFERENCE = re.compile(
    r"\$(?P<plain>\w+)"
    r"|\[\[(?P<old>\w+?)(?::(?P<old_format>\w+))?\]\]"
    r"|\$\{(?P<braced>\w+)(?:\.(?P<path>[^:^}]+))?(?::(?P<format>[^}]+))?\}",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a panel asks for: its time range, and the interval of its points in milliseconds.

    `filtered` is what `$timeFilter` selects, where that is another range.
    """

    range: TimeRange
    interval: int = 1_000
    filtered: TimeRange | None = None


def interpolate_query(query: str, choices: Choices, asked: Asked) -> str:
    """The query as it reaches the database."""
    left_to_server = {name: Choice(f"${name}") for name in ("__interval", "__interval_ms")}
    text = _replaced(query, {**choices, **_macros(asked), **left_to_server}, format_of_query(query))
    filtered = asked.filtered or asked.range
    replacements = {
        "$timeFilter": f"time >= {filtered.start}ms and time <= {filtered.end}ms",
        "$interval": written(asked.interval),
        "$__interval_ms": str(asked.interval),
        "$__interval": written(asked.interval),
    }
    for macro, value in replacements.items():
        text = text.replace(macro, value)
    return text


def interpolate(text: str, choices: Choices, form: str = "glob") -> str:
    """Any other text, such as an alias, with variables in the format of this name where they have none."""
    return _replaced(text, choices, format_called(form))


def references(text: str) -> set[str]:
    """Names of the variables and macros that `text` refers to."""
    return {found["plain"] or found["old"] or found["braced"] for found in _REFERENCE.finditer(text)}


def _macros(asked: Asked) -> Choices:
    moments = {"__from": asked.range.start, "__to": asked.range.end}
    return {name: Choice(str(moment), verbatim=True) for name, moment in moments.items()}


def _replaced(text: str, choices: Choices, form: Format) -> str:
    def replacement(found: re.Match[str]) -> str:
        name = found["plain"] or found["old"] or found["braced"]
        choice = choices.get(name)
        if choice is None:
            return found[0]
        own = found["format"] or found["old_format"] or ("text" if found["path"] == "text" else None)
        return format_called(own.partition(":")[0])(choice, name) if own else form(choice, name)

    return _REFERENCE.sub(replacement, text)
