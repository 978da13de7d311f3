"""Colours: Grafana's names for them, and the order in which series get theirs."""

import re
from collections.abc import Sequence
from typing import Any

_HUES = {
    "red": ("#FFA6B0", "#FF7383", "#F2495C", "#E02F44", "#C4162A"),
    "orange": ("#FFCB7D", "#FFB357", "#FF9830", "#FF780A", "#FA6400"),
    "yellow": ("#FFF899", "#FFEE52", "#FADE2A", "#F2CC0C", "#E0B400"),
    "green": ("#C8F2C2", "#96D98D", "#73BF69", "#56A64B", "#37872D"),
    "blue": ("#C0D8FF", "#8AB8FF", "#5794F2", "#3274D9", "#1F60C4"),
    "purple": ("#DEB6F2", "#CA95E5", "#B877D9", "#A352CC", "#8F3BB8"),
}
_SHADES = ("super-light-", "light-", "", "semi-dark-", "dark-")
TEXT, MUTED, GRID, BACKGROUND = "#d8d9da", "#8e9199", "#2c3235", "#181b1f"

_NAMED = {
    f"{shade}{hue}": colour for hue, shades in _HUES.items() for shade, colour in zip(_SHADES, shades, strict=True)
}
_NAMED |= {"text": TEXT, "gray": "#808080", "grey": "#808080", "black": "#000000", "white": "#ffffff"}
_NAMED |= {"transparent": "rgba(0,0,0,0)"}
_LITERAL = re.compile(r"#[0-9a-fA-F]{3,8}|rgba?\([0-9., %]+\)")

PALETTE = (
    "#73BF69", "#F2CC0C", "#8AB8FF", "#FF780A", "#F2495C", "#5794F2", "#B877D9", "#705DA0", "#37872D", "#FADE2A",
    "#447EBC", "#C15C17", "#890F02", "#0A437C", "#6D1F62", "#584477", "#B7DBAB", "#F4D598", "#70DBED", "#F9BA8F",
    "#F29191", "#82B5D8", "#E5A8E2", "#AEA2E0", "#629E51", "#E5AC0E", "#64B0C8", "#E0752D", "#BF1B00", "#0A50A1",
)  # fmt: skip
"""`palette-classic`: the n-th series gets the n-th."""


def css_colour(name: object, otherwise: str = TEXT) -> str:
    """A colour that CSS and plotly know, for what Grafana calls so; nothing else gets through."""
    text = str(name)
    if re.fullmatch("#[0-9a-fA-F]{8}", text):
        return translucent(text[:7], int(text[7:], 16) / 255)
    return _NAMED.get(text) or (text if _LITERAL.fullmatch(text) else otherwise)


def translucent(colour: str, opacity: float) -> str:
    """The same colour with this opacity from 0 to 1."""
    if not re.fullmatch("#[0-9a-fA-F]{6}", colour):
        return colour
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:.2f})"


def threshold_colour(steps: Sequence[dict[str, Any]], value: float | None) -> str:
    """The colour of the last step that `value` reaches; that of the base where there is none."""
    chosen: object = "green"
    for step in steps:
        bound = step.get("value")
        if bound is None or (value is not None and value >= bound):
            chosen = step.get("color")
    return css_colour(chosen)
