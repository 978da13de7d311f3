"""Tables: the first frame of the answer, with each column's unit, mappings, colours and links."""

from collections.abc import Mapping, Sequence

from soakwatch.grafana.colours import TEXT
from soakwatch.grafana.dashboard_model import Panel
from soakwatch.grafana.data_links import link_of
from soakwatch.grafana.drawing import NUMERIC, Data, Drawing, Table, TableCell, short
from soakwatch.grafana.field_look import Look, look_of
from soakwatch.grafana.frames import Field
from soakwatch.grafana.influxql import Cell

MOST_ROWS = 200
_LONGEST = 400


def draw_table(panel: Panel, data: Data) -> Drawing:
    """Draw the first frame, as Grafana does until somebody chooses another."""
    if not data.frames or not data.frames[0].length:
        return Drawing()
    frame = data.frames[0]
    columns = [(field, look_of(panel, field, index, frame.ref)) for index, field in enumerate(frame.fields)]
    shown = [(field, look) for field, look in columns if not look.is_hidden]
    rows = []
    for place in _order(panel, columns, frame.length)[:MOST_ROWS]:
        texts = {field.name: _raw(field.values[place]) for field in frame.fields}
        rows.append(tuple(_cell(field, look, place, texts, data) for field, look in shown))
    notes = (f"{len(data.frames) - 1} more tables are not shown",) if len(data.frames) > 1 else ()
    headings = tuple(TableCell(short(look.name), is_number=field.type in NUMERIC) for field, look in shown)
    return Drawing(table=Table(headings, tuple(rows), max(0, frame.length - MOST_ROWS)), notes=notes)


def _order(panel: Panel, columns: Sequence[tuple[Field, Look]], length: int) -> list[int]:
    """Places of the rows, sorted as the panel is at first."""
    places = list(range(length))
    for wanted in reversed(panel.options.get("sortBy") or ()):
        field = next((field for field, look in columns if look.name == wanted.get("displayName")), None)
        if field is not None:
            places = _sorted_places(places, field.values, descending=bool(wanted.get("desc")))
    return places


def _sorted_places(places: Sequence[int], values: Sequence[Cell], *, descending: bool) -> list[int]:
    present = [place for place in places if values[place] is not None]
    present.sort(key=lambda place: (isinstance(values[place], str), values[place]), reverse=descending)
    return [*present, *(place for place in places if values[place] is None)]


def _raw(value: Cell) -> str:
    return "" if value is None else str(value)


def _cell(field: Field, look: Look, place: int, row: Mapping[str, str], data: Data) -> TableCell:
    value = field.values[place]
    shown = look.shown(value, field.type)
    options = look.custom("cellOptions") or {}
    # a colour of thresholds is of numbers, or of texts that a mapping colours
    colour = shown.colour or (look.colour(value) if isinstance(value, int | float) else TEXT)
    kind = str(options.get("type", "auto"))
    links = look.settings.get("links") or ()
    return TableCell(
        short(shown.text, _LONGEST),
        colour if kind == "color-text" else "",
        colour if kind == "color-background" and colour != TEXT else "",
        link_of(str(links[0].get("url", "")), row, _raw(value), data.choices, data.range) if links else "",
        _share(look, field, value) if kind == "gauge" else None,
        field.type in NUMERIC and shown.colour is None,
    )


def _share(look: Look, field: Field, value: Cell) -> float | None:
    if not isinstance(value, int | float):
        return None
    numbers = [float(each) for each in field.values if isinstance(each, int | float)]
    low, high = look.settings.get("min"), look.settings.get("max")
    low = float(min(0.0, *numbers, 0.0) if low is None else low)
    high = float(max(numbers) if high is None else high)
    return min(max((value - low) / (high - low), 0.0), 1.0) if high > low else 0.0
