"""Reading from InfluxDB: questions in Flux, their answers as points."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from soakwatch.core.span import Span
from soakwatch.store.flux import FIELD, TIME, VALUE, Selection
from soakwatch.store.flux_answers import Record, Table, records, tables
from soakwatch.store.influx_connection import InfluxConnection
from soakwatch.store.influx_points import Form
from soakwatch.store.nanoseconds import from_nanoseconds, parse_moment

if TYPE_CHECKING:
    from soakwatch.store.history import FloatArray

P = TypeVar("P")

_FIRST_STRETCH, _POINTS_AT_ONCE = 600.0, 10_000
"""Seconds of points that are read first, and how many points are wanted in memory."""

_MOST_GROWTH = 4.0


class InfluxReading:
    """What can be asked of a server. All methods raise StoreUnavailable and StoreRefused."""

    def __init__(self, connection: InfluxConnection) -> None:
        self._connection = connection

    def tables(self, selection: Selection, tags: Sequence[str], selector: str = "") -> Iterator[Table]:
        """What is stored of `selection`, in tables with `tags`; see `Selection.query`."""
        query = selection.query((TIME, VALUE, FIELD, *tags), selector)
        return tables(self._connection.ask(selection.bucket, query), tags)

    def arrays(self, selection: Selection, tags: Sequence[str]) -> "Iterator[tuple[tuple[str, ...], FloatArray]]":
        """What is stored of `selection`, which has one field: times and values of each series; see `arrays_of`."""
        # numpy is for those who analyse
        from soakwatch.store.flux_numbers import arrays_of

        return arrays_of(self._connection.ask(selection.bucket, selection.query((TIME, VALUE, *tags))), tags)

    def records(self, form: Form[P], selection: Selection, selector: str = "") -> Iterator[Record]:
        """What is stored of `selection`, as `form` takes it, in any order."""
        return filter(form.is_whole, records(self.tables(selection, form.tags, selector), form.fields))

    def points(self, form: Form[P], selection: Selection, selector: str = "") -> Iterator[P]:
        """The points of `selection`, in any order."""
        return map(form.point_of, self.records(form, selection, selector))

    def in_order(self, form: Form[P], selection: Selection, key: Callable[[P], Any]) -> Iterator[P]:
        """The points of `selection` in the order of `key`, which begins with their time.

        They are read stretch by stretch, as long as holds some ten thousand points.
        """
        span, stretch = self._narrowed(selection), _FIRST_STRETCH
        start = span.start
        while start < span.end:
            end = min(start + stretch, span.end)
            found = sorted(self.points(form, replace(selection, span=Span(start, end))), key=key)
            yield from found
            start = end
            stretch *= min(_MOST_GROWTH, _POINTS_AT_ONCE / (len(found) + 1))

    def _narrowed(self, selection: Selection) -> Span:
        """The part of the span that has points; not looked for where all of it is one stretch."""
        asked = selection.span
        if asked.end - asked.start <= _FIRST_STRETCH:
            return asked
        one_field = replace(selection, fields=selection.fields[:1])
        times = [
            from_nanoseconds(parse_moment(time))
            for selector in ("first", "last")
            for table in self.tables(one_field, (), selector)
            for time in table.times
        ]
        return Span(max(asked.start, min(times) - 1), min(asked.end, max(times) + 1)) if times else Span(0.0, 0.0)
