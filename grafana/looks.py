"""Looks: units, colours and words that are the same on every panel."""

from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.builders.dashboard import FieldColor, ThresholdsConfig
from grafana_foundation_sdk.models.dashboard import (
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)

MILLISECONDS, PERCENT, RATE, COUNT, SECONDS, BYTES, MOMENT = (
    "ms",
    "percentunit",
    "reqps",
    "short",
    "s",
    "bytes",
    "dateTimeAsIso",
)
"""Units, by Grafana's ids: packages/grafana-data/src/valueFormats/categories.ts."""

GREEN, ORANGE, RED, BLUE, GREY = "green", "orange", "red", "blue", "#8e8e8e"

_RANKS = {
    "0": ValueMappingResult(text="unknown", color=GREY, index=0),
    "1": ValueMappingResult(text="fine", color=GREEN, index=1),
    "2": ValueMappingResult(text="warning", color=ORANGE, index=2),
    "3": ValueMappingResult(text="critical", color=RED, index=3),
}


def rank_mappings() -> list[ValueMapping]:
    """Words and colours of ranks."""
    return [ValueMap(options=_RANKS)]


def colours_of(words: Mapping[str, str]) -> list[ValueMapping]:
    """Colours of some words of a table."""
    results = {
        word: ValueMappingResult(text=word, color=colour, index=place)
        for place, (word, colour) in enumerate(words.items())
    }
    return [ValueMap(options=results)]


SEVERITIES = {"warning": ORANGE, "critical": RED, "none": GREEN}
STATES = {"suspect": GREY, "confirmed": RED, "recovering": ORANGE, "resolved": GREEN}


def steps(*bounds: tuple[float, str], below: str = GREEN) -> ThresholdsConfig:
    """Colours from some values on, and below them."""
    first = Threshold(value=None, color=below)
    return (
        ThresholdsConfig()
        .mode(ThresholdsMode.ABSOLUTE)
        .steps([first, *(Threshold(value=bound, color=colour) for bound, colour in bounds)])
    )


def fixed(colour: str) -> FieldColor:
    """One colour, whatever the value."""
    return FieldColor().mode(FieldColorModeId.FIXED).fixed_color(colour)


def by_thresholds() -> FieldColor:
    """The colour of the threshold that the value is over."""
    return FieldColor().mode(FieldColorModeId.THRESHOLDS)


Properties = list[DynamicConfigValue]


def look(**properties: object) -> Properties:
    """Properties of an override; `_` in a name stands for a dot."""
    return [DynamicConfigValue(id_val=name.replace("_", "."), value=value) for name, value in properties.items()]


def line(colour: str, *, width: int = 1, dash: Sequence[int] = ()) -> Properties:
    """How one line is drawn."""
    style: dict[str, object] = {"fill": "dash", "dash": list(dash)} if dash else {"fill": "solid"}
    return look(color={"mode": "fixed", "fixedColor": colour}, custom_lineWidth=width, custom_lineStyle=style)


def hidden_edge(colour: str) -> Properties:
    """The edge of a band: no line of its own, and not in the legend."""
    return [
        *look(color={"mode": "fixed", "fixedColor": colour}),
        *look(custom_lineWidth=0, custom_fillOpacity=0, custom_showPoints="never"),
        *look(custom_hideFrom={"legend": True, "tooltip": False, "viz": False}),
    ]


def band_top(colour: str, bottom: str) -> Properties:
    """The upper edge of a band that is filled down to the line `bottom`."""
    return [
        *look(color={"mode": "fixed", "fixedColor": colour}),
        *look(custom_lineWidth=0, custom_fillOpacity=18, custom_fillBelowTo=bottom, custom_showPoints="never"),
    ]


def cell(mode: str) -> Properties:
    """How a cell of a table wears its colour: `color-text` or `color-background`."""
    options: dict[str, object] = {"type": mode}
    if mode == "color-background":
        options["mode"] = "basic"
    return look(custom_cellOptions=options)


def link_property(title: str, url: str, *, new_tab: bool = False) -> Properties:
    """A link of a column."""
    return look(links=[{"title": title, "url": url, "targetBlank": new_tab}])
