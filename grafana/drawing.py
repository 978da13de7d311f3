"""Drawings: what is to be seen in one panel, before it is HTML. All texts are as they are; the page escapes them."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from soakwatch.grafana.annotation_events import Event
from soakwatch.grafana.dashboard_model import Panel
from soakwatch.grafana.field_look import Look, look_of
from soakwatch.grafana.frames import Field, FieldType, Frame
from soakwatch.grafana.time_range import TimeRange
from soakwatch.grafana.value_formats import Choice

Figure = Mapping[str, Any]
"""What plotly.js draws: `data` and `layout`."""

LONGEST = 120
"""Characters of a name that are shown."""

NUMERIC = {FieldType.NUMBER, FieldType.BOOLEAN}


@dataclass(frozen=True, slots=True)
class Tile:
    """A number of its own; `spark` are the corners of its line, for an SVG of 100 by 30."""

    name: str
    text: str
    colour: str
    background: str = ""
    spark: str = ""


@dataclass(frozen=True, slots=True)
class TableCell:
    """One cell; `share` is how far it is filled, from 0 to 1, where it is a gauge."""

    text: str
    colour: str = ""
    background: str = ""
    link: str = ""
    share: float | None = None
    is_number: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings; `left_out` is how many there are more."""

    headings: tuple[TableCell, ...]
    rows: tuple[tuple[TableCell, ...], ...]
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar with its name and text; `share` is its length from 0 to 1."""

    name: str
    text: str
    colour: str
    share: float


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """One series; `traces` are the places of its traces in the figure."""

    name: str
    colour: str
    traces: tuple[int, ...]
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Legend:
    """All series, with what is calculated of each under `headings`."""

    entries: tuple[LegendEntry, ...] = ()
    headings: tuple[str, ...] = ()
    is_right: bool = False


@dataclass(frozen=True, slots=True)
class Drawing:
    """What a panel shows: one of these, or nothing where there is no data. `notes` is what it cannot show."""

    figure: Figure | None = None
    legend: Legend = field(default_factory=Legend)
    tiles: tuple[Tile, ...] = ()
    table: Table | None = None
    bars: tuple[Bar, ...] = ()
    text: str = ""
    notes: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to see."""
        return not (self.figure or self.tiles or self.table or self.bars or self.text)


@dataclass(frozen=True, slots=True)
class Data:
    """What a panel is drawn of."""

    frames: Sequence[Frame]
    range: TimeRange
    events: Sequence[Event] = ()
    choices: Mapping[str, Choice] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Drawable:
    """A field with the times of its values and how it is to look."""

    time: Field | None
    field: Field
    look: Look


def drawables(panel: Panel, frames: Sequence[Frame]) -> list[Drawable]:
    """All fields that are no times."""
    found = [(frame, each) for frame in frames for each in frame.fields if each.type is not FieldType.TIME]
    return [
        Drawable(frame.time, each, look_of(panel, each, index, frame.ref)) for index, (frame, each) in enumerate(found)
    ]


def short(text: str, longest: int = LONGEST) -> str:
    """A name that is not endless, without control characters."""
    line = "".join(character if character.isprintable() else " " for character in text)
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def for_plotly(text: str, longest: int = LONGEST) -> str:
    """A name that plotly takes neither for its bold, links and line breaks, nor for a template."""
    return escape(short(text, longest), quote=False).replace("%{", "%&#123;")


def distinct(name: str, known: Container[str]) -> str:
    """The name, with a mark where there is one like it already: plotly would draw both in one row."""
    while name in known:
        name += "'"
    return name
