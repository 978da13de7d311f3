"""How a field is to look: the panel's defaults and the overrides that are meant for it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from soakwatch.grafana.colours import PALETTE, css_colour, threshold_colour
from soakwatch.grafana.dashboard_model import Panel, Settings
from soakwatch.grafana.frames import Field, FieldType
from soakwatch.grafana.influxql import Cell
from soakwatch.grafana.units import is_date, with_unit, written_moment

_LABEL = re.compile(r"\$\{__field\.labels\.(\w+)\}|\$\{__field\.labels\[\"([^\"]+)\"\]\}|\$\{__field\.name\}")


@dataclass(frozen=True, slots=True)
class Shown:
    """A value as it is shown: its text, and its colour where a mapping gives it one."""

    text: str
    colour: str | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """What a panel says of one field. `index` is its place among the fields, which may choose its colour."""

    name: str
    settings: Settings = field(default_factory=dict)
    index: int = 0

    @property
    def unit(self) -> str:
        """Grafana's id of the unit."""
        return str(self.settings.get("unit") or "")

    @property
    def steps(self) -> list[dict[str, Any]]:
        """Thresholds, from the lowest."""
        return list((self.settings.get("thresholds") or {}).get("steps") or ())

    def custom(self, name: str, otherwise: Any = None) -> Any:  # noqa: ANN401  (whatever the panel's plugin keeps there)
        """A setting of the panel's plugin, such as `lineWidth` or `cellOptions`."""
        value = (self.settings.get("custom") or {}).get(name)
        return otherwise if value is None else value

    @property
    def is_hidden(self) -> bool:
        """Whether it is used, but not drawn."""
        return bool(self.custom("hidden") or (self.custom("hideFrom") or {}).get("viz"))

    def shown(self, value: Cell, kind: FieldType = FieldType.NUMBER) -> Shown:
        """A value as text, through the mappings or in its unit."""
        mapped = self._mapped(value)
        if mapped is not None:
            colour = mapped.get("color")
            return Shown(str(mapped.get("text", self._plain(value, kind))), css_colour(colour) if colour else None)
        return Shown(self._plain(value, kind))

    def _plain(self, value: Cell, kind: FieldType) -> str:
        if value is None:
            return str(self.settings.get("noValue") or "")
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, str):
            return value
        if kind is FieldType.TIME and not self.unit:
            return written_moment(value)
        decimals = self.settings.get("decimals")
        return with_unit(value, self.unit, decimals if isinstance(decimals, int) else None)

    def _mapped(self, value: Cell) -> Mapping[str, Any] | None:
        for mapping in self.settings.get("mappings") or ():
            found = _result(mapping.get("type"), mapping.get("options") or {}, value)
            if found is not None:
                return found
        return None

    def colour(self, value: Cell = None) -> str:
        """The colour of a series, or of one value of it where colours follow values."""
        mapped = self._mapped(value)
        if mapped is not None and mapped.get("color"):
            return css_colour(mapped["color"])
        settings = self.settings.get("color") or {}
        match settings.get("mode"):
            case "fixed" | "shades":
                return css_colour(settings.get("fixedColor"), PALETTE[0])
            case "thresholds" | None if self.steps:
                return threshold_colour(self.steps, value if isinstance(value, int | float) else None)
        return PALETTE[self.index % len(PALETTE)]

    @property
    def is_date(self) -> bool:
        """Whether its numbers are moments."""
        return is_date(self.unit)


def look_of(panel: Panel, field: Field, index: int = 0, ref: str = "") -> Look:
    """How `field` is to look in `panel`."""
    settings: dict[str, Any] = {**panel.defaults, "custom": dict(panel.defaults.get("custom") or {})}
    for override in panel.overrides:
        if _is_meant(override.get("matcher") or {}, field, ref):
            for each in override.get("properties") or ():
                _put(settings, str(each.get("id")), each.get("value"))
    name = settings.get("displayName")
    return Look(_display(str(name), field) if name else field.name, settings, index)


def _put(settings: dict[str, Any], name: str, value: object) -> None:
    plugin, dot, rest = name.partition(".")
    if plugin == "custom" and dot:
        settings["custom"][rest] = value
    else:
        settings[name] = value


def _is_meant(matcher: Settings, field: Field, ref: str) -> bool:
    options = matcher.get("options")
    match matcher.get("id"):
        case "byName":
            return bool(options == field.name)
        case "byRegexp":
            return bool(_compiled(str(options)).search(field.name))
        case "byType":
            return bool(options == field.type)
        case "byFrameRefID":
            return bool(options == ref)
        case "byNames":
            return field.name in ((options or {}).get("names") or ())
    return False


def _compiled(text: str) -> re.Pattern[str]:
    delimited = re.fullmatch(r"/(.*)/[gimy]*", text, re.DOTALL)
    try:
        return re.compile(delimited[1] if delimited else f"^{text}$")
    except re.error:
        return re.compile("(?!)")


def _display(name: str, field: Field) -> str:
    def replacement(found: re.Match[str]) -> str:
        label = found[1] or found[2]
        return field.labels.get(label, found[0]) if label else field.name

    return _LABEL.sub(replacement, name)


def _result(kind: object, options: Settings, value: Cell) -> Mapping[str, Any] | None:
    match kind:
        case "value":
            key = str(value).lower() if isinstance(value, bool) else _key(value)
            return options.get(key)
        case "range" if isinstance(value, int | float):
            low, high = options.get("from"), options.get("to")
            inside = (low is None or value >= low) and (high is None or value <= high)
            return options.get("result") if inside else None
        case "regex" if isinstance(value, str):
            return options.get("result") if _compiled(str(options.get("pattern"))).search(value) else None
        case "special":
            return options.get("result") if _is_special(str(options.get("match")), value) else None
    return None


def _key(value: Cell) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _is_special(match: str, value: Cell) -> bool:
    kinds = {"null": value is None, "null+nan": value is None, "true": value is True, "false": value is False}
    return kinds.get(match, match == "empty" and value == "")
