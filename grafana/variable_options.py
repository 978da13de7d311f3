"""Options of a variable: which values an answer gives to choose from.

As Grafana's scenes (packages/scenes/src/variables/variants/query/utils.ts: metricNamesToVariableValues) and its
InfluxDB data source (datasource.ts: toMetricFindValue).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from soakwatch.grafana.frames import FieldType, Frame
from soakwatch.grafana.influxql import Cell

_DELIMITED = re.compile(r"/(.*)/([gimy]*)", re.DOTALL)
_NAMED_GROUP = re.compile(r"\(\?<(?![=!])")
_UNESCAPED_COMMA = re.compile(r"(?<!\\),")
_LABELLED = re.compile(r"\s*(.+?)\s+:\s+(.+?)\s*", re.DOTALL)
_SORTS = 8
"""Ways of sorting that Grafana has: from 1 on, each with its reverse."""


@dataclass(frozen=True, slots=True)
class Option:
    """What can be chosen, and how it reads."""

    value: str
    text: str


def texts_of(frames: Sequence[Frame]) -> list[str]:
    """The values of a query variable: each frame's first field of texts, else its first that is no time."""
    found: dict[str, None] = {}
    for frame in frames:
        fields = [field for field in frame.fields if field.type is not FieldType.TIME]
        chosen = next((field for field in fields if field.type is FieldType.STRING), fields[0] if fields else None)
        if chosen is not None:
            found |= dict.fromkeys(_text(value) for value in chosen.values if value is not None)
    return list(found)


def _text(value: Cell) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def options_of(texts: Iterable[str], regex: str, sort: int) -> list[Option]:
    """What `regex` leaves of `texts`, each value once, sorted in Grafana's way of this number."""
    found = _matching(texts, regex) if regex else (Option(text, text) for text in texts)
    once: dict[str, Option] = {}
    for option in found:
        once.setdefault(option.value, option)
    return _sorted(list(once.values()), sort)


def _matching(texts: Iterable[str], regex: str) -> Iterator[Option]:
    delimited = _DELIMITED.fullmatch(regex)
    pattern, flags = (delimited[1], delimited[2]) if delimited else (f"^{regex}$", "")
    compiled = re.compile(
        _NAMED_GROUP.sub("(?P<", pattern), sum({"i": re.IGNORECASE, "m": re.MULTILINE}.get(flag, 0) for flag in flags)
    )
    for text in texts:
        matches = list(compiled.finditer(text)) if "g" in flags else list(filter(None, [compiled.search(text)]))
        if matches:
            yield from _captured(text, matches)


def _captured(text: str, matches: list[re.Match[str]]) -> Iterator[Option]:
    value, label = _named(matches, "value"), _named(matches, "text")
    if value or label:
        yield Option(value or label, label or value)
    elif matches[0].re.groups:
        yield from (Option(match[1] or "", match[1] or "") for match in matches)
    else:
        yield Option(text, text)


def _named(matches: list[re.Match[str]], group: str) -> str:
    return next((found for match in matches if (found := match.groupdict().get(group))), "")


def _sorted(options: list[Option], sort: int) -> list[Option]:
    keys = {
        1: lambda option: option.text,
        3: lambda option: int(found[1]) if (found := re.search(r"(\d+)", option.text)) else -1,
        5: lambda option: option.text.lower(),
        7: lambda option: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", option.text.lower())],
    }
    if not 0 < sort <= _SORTS:
        return options
    made = sorted(options, key=keys[(sort - 1) // 2 * 2 + 1])
    return made if sort % 2 else made[::-1]


def listed_options(query: str) -> list[Option]:
    """Those of a custom variable: `a, b` or `Text : value`."""
    parts = [part.strip().replace(r"\,", ",") for part in _UNESCAPED_COMMA.split(query) if part.strip()]
    labelled = [(part, _LABELLED.fullmatch(part)) for part in parts]
    return [Option(found[2], found[1]) if found else Option(part, part) for part, found in labelled]
