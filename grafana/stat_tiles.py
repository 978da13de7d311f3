"""Numbers of their own: stat panels, gauges and bar gauges, which reduce each field to one."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from soakwatch.grafana.colours import TEXT
from soakwatch.grafana.dashboard_model import Panel
from soakwatch.grafana.drawing import NUMERIC, Bar, Data, Drawable, Drawing, Tile, drawables, short
from soakwatch.grafana.influxql import Cell
from soakwatch.grafana.reductions import reduced

_MOST_CORNERS = 120
_MOST_TILES = 60


@dataclass(frozen=True, slots=True)
class _Number:
    """One value with the name that it is shown under."""

    name: str
    value: Cell
    drawable: Drawable

    @property
    def colour(self) -> str:
        return self.drawable.look.colour(self.value)

    @property
    def text(self) -> str:
        return self.drawable.look.shown(self.value, self.drawable.field.type).text


def draw_stat(panel: Panel, data: Data) -> Drawing:
    """A tile for each number."""
    numbers = list(_numbers(panel, data))
    on_background = str(panel.options.get("colorMode", "value")).startswith("background")
    with_names = panel.options.get("textMode", "auto") not in {"value", "none"} and (
        len(numbers) > 1 or panel.options.get("textMode") in {"name", "value_and_name"}
    )
    only_name = panel.options.get("textMode") == "name"
    tiles = [
        Tile(
            name=short(number.name) if with_names and not only_name else "",
            text=short(number.name if only_name else number.text),
            colour="#ffffff" if on_background else number.colour,
            background=number.colour if on_background else "",
            spark=_spark(number.drawable) if panel.options.get("graphMode", "area") == "area" else "",
        )
        for number in numbers
        if number.text
    ]
    if panel.options.get("colorMode") == "none":
        tiles = [replace(tile, colour=TEXT) for tile in tiles]
    nothing = str(panel.defaults.get("noValue") or "")
    if not tiles and nothing:
        return Drawing(tiles=(Tile("", nothing, TEXT),))
    more = (f"{len(tiles) - _MOST_TILES} more are not shown",) if len(tiles) > _MOST_TILES else ()
    return Drawing(tiles=tuple(tiles[:_MOST_TILES]), notes=more)


def draw_bar_gauge(panel: Panel, data: Data) -> Drawing:
    """A bar for each number."""
    numbers = [number for number in _numbers(panel, data) if isinstance(number.value, int | float)]
    if not numbers:
        return Drawing()
    values = [float(number.value or 0) for number in numbers]
    bars = []
    for number, value in zip(numbers, values, strict=True):
        settings = number.drawable.look.settings
        low = float(settings.get("min") or min(0.0, *values, 0.0))
        high = float(settings.get("max") or max(values) or 1.0)
        share = min(max((value - low) / (high - low), 0.0), 1.0) if high > low else 0.0
        bars.append(Bar(short(number.name), number.text, number.colour, share))
    return Drawing(bars=tuple(bars[:_MOST_TILES]))


def _numbers(panel: Panel, data: Data) -> Iterator[_Number]:
    options = panel.options.get("reduceOptions") or {}
    calculation = next(iter(options.get("calcs") or ()), "lastNotNull")
    chosen = [each for each in drawables(panel, data.frames) if _is_chosen(each, str(options.get("fields") or ""))]
    texts = [each for each in drawables(panel, data.frames) if each.field.type not in NUMERIC]
    for each in chosen:
        if each.look.is_hidden:
            continue
        if options.get("values"):
            yield from _rows(each, texts)
        else:
            yield _Number(each.look.name, reduced(each.field.values, calculation), each)


def _rows(drawable: Drawable, texts: Sequence[Drawable]) -> Iterator[_Number]:
    """One for each row, called by the row's texts."""
    for place, value in enumerate(drawable.field.values):
        beside = [str(each.field.values[place]) for each in texts if place < len(each.field.values)]
        yield _Number(" ".join(beside) or drawable.look.name, value, drawable)


def _is_chosen(drawable: Drawable, wanted: str) -> bool:
    if not wanted:
        return drawable.field.type in NUMERIC
    delimited = re.fullmatch(r"/(.*)/[gimy]*", wanted)
    try:
        return bool(re.search(delimited[1] if delimited else f"^{re.escape(wanted)}$", drawable.field.name))
    except re.error:
        return False


def _spark(drawable: Drawable) -> str:
    numbers = [float(value) for value in drawable.field.values if isinstance(value, int | float)]
    if drawable.time is None or len(numbers) < 2:  # noqa: PLR2004  (a line has two ends)
        return ""
    step = max(1, len(numbers) // _MOST_CORNERS)
    chosen = numbers[::step]
    low, high = min(chosen), max(chosen)
    width = max(len(chosen) - 1, 1)
    return " ".join(
        f"{100 * place / width:.1f},{28 - 26 * ((number - low) / (high - low) if high > low else 0.5):.1f}"
        for place, number in enumerate(chosen)
    )
