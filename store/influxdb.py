"""The window store of teams: four buckets of an InfluxDB 2 server."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING, Any, Self

from soakwatch.core.deploy import Deploy
from soakwatch.core.errors import StoreRefused
from soakwatch.core.health import Health
from soakwatch.core.retention import FOR_EVER, Retention
from soakwatch.core.roll_up import RollUp
from soakwatch.core.run import Run, Tally
from soakwatch.core.run_series import RunLoad, RunSeries
from soakwatch.core.series import Series
from soakwatch.core.span import Span
from soakwatch.core.store_settings import StoreSection
from soakwatch.core.window import ErrorCount, LoadSample, Window
from soakwatch.store import influx_points as forms
from soakwatch.store.beside import beside
from soakwatch.store.contract import Arrivals, Column, Point, WindowStore
from soakwatch.store.flux import ALWAYS, Selection
from soakwatch.store.flux_answers import Record, records
from soakwatch.store.influx_buckets import Bucket, Buckets
from soakwatch.store.influx_connection import InfluxConnection
from soakwatch.store.influx_reading import InfluxReading
from soakwatch.store.line_protocol import ROLL_UPS, arrival_line, line_of, position_line
from soakwatch.store.nanoseconds import bounded_nanoseconds, from_nanoseconds, parse_moment
from soakwatch.store.text_codec import decode_text

if TYPE_CHECKING:
    # for those who analyse; a load generator never asks for it
    from soakwatch.store.history import FloatArray, SeriesHistory

_AT_ONCE = 1_000
"""Points of one request: some 400 KB, which the server takes in 30 ms."""

_MARGIN = 60.0
"""Seconds of the journal that are read once more: what two processes write at once may appear in any order."""


class InfluxStore(WindowStore):
    """Windows in InfluxDB 2, for any number of machines.

    The buckets and a token exist already (`soakwatch init --store influxdb`). Each object is for one thread at a time.
    What has expired is forgotten by the server, by the retention of its buckets, and refused by it when written.
    """

    def __init__(self, connection: InfluxConnection, buckets: Buckets, retention: Retention) -> None:
        """Use `connect` instead."""
        self.retention = retention
        self._connection = connection
        self._buckets = buckets
        self._reading = InfluxReading(connection)

    @classmethod
    def connect(cls, section: StoreSection, retention: Retention = FOR_EVER) -> Self:
        """Use the server of `section`; asks it nothing yet. Raises ConfigurationError where there is no token."""
        return cls(InfluxConnection(section), Buckets.of(section.bucket, retention), retention)

    def write(self, points: Sequence[Point]) -> None:
        """Keep all of `points`, a thousand at a time; the next ones are encoded while the server is at work."""
        if len(points) <= _AT_ONCE:
            self._send(self._encoded(points))
        else:
            self._send_while_encoding(points)
        windows = [point for point in points if isinstance(point, Window)]
        if windows:
            # not together with the windows: of a request that is refused in part, the rest would be kept
            self._connection.write(self._buckets.raw.name, _arrival(windows))

    def _send_while_encoding(self, points: Sequence[Point]) -> None:
        under_way: Future[None] | None = None
        for start in range(0, len(points), _AT_ONCE):
            try:
                lines = self._encoded(points[start : start + _AT_ONCE])
            finally:
                if under_way is not None:
                    under_way.result()
            under_way = beside(self._send, lines)
        if under_way is not None:
            under_way.result()

    def _send(self, lines: Mapping[str, Sequence[bytes]]) -> None:
        for bucket, of_bucket in lines.items():
            self._connection.write(bucket, b"\n".join(of_bucket))

    def _encoded(self, points: Sequence[Point]) -> dict[str, list[bytes]]:
        """Lines of each bucket; all of them, before the first is sent."""
        lines: defaultdict[str, list[bytes]] = defaultdict(list)
        for point in points:
            try:
                lines[self._bucket_of(point).name].append(line_of(point).encode())
            except ValueError as error:
                raise StoreRefused(f"{self._connection.address}: this cannot be stored: {_reason(error)}") from error
        return lines

    def _bucket_of(self, point: Point) -> Bucket:
        match point:
            case RollUp():
                return self._roll_ups_of(point.window.width)
            case RunLoad(blocks=()):
                return self._buckets.for_ever  # it has no time, and at time 0 has expired elsewhere
            case RunSeries() | RunLoad():
                return self._buckets.ten_minutes
            case Run() | Deploy():
                return self._buckets.for_ever
            case _:
                return self._buckets.raw

    def _roll_ups_of(self, width: float) -> Bucket:
        if width not in ROLL_UPS:
            raise StoreRefused(f"{self._connection.address}: there are no roll-ups of {width} seconds")
        return {60.0: self._buckets.minutes, 600.0: self._buckets.ten_minutes}[width]

    def expire(self, now: float) -> int:  # noqa: ARG002  (the contract's)
        """Nothing to do: the server forgets by itself."""
        return 0

    def close(self) -> None:
        """Close all connections."""
        self._connection.close()

    def runs(self) -> list[Run]:
        """All runs, oldest start first."""
        everything = self._reading.points(forms.RUNS, self._selection(self._buckets.for_ever, forms.RUNS))
        # a run that was written with two starts is the later one
        found = {run.id: run for run in sorted(everything, key=_started)}
        return sorted(found.values(), key=_started)

    def windows(self, run: str) -> Iterator[Window]:
        """The windows of a run, by start, then series, then source."""
        selection = self._selection(self._buckets.raw, forms.WINDOWS, run)
        return self._reading.in_order(forms.WINDOWS, selection, lambda one: (one.start, one.series, one.source))

    def windows_between(self, span: Span) -> Iterator[Window]:
        """The raw windows of all runs that start in `span`."""
        selection = self._selection(self._buckets.raw, forms.WINDOWS, span=span)
        return self._reading.in_order(forms.WINDOWS, selection, lambda one: one.start)

    def errors(self, run: str) -> Iterator[ErrorCount]:
        """The kinds of errors of a run, by start, then series."""
        selection = self._selection(self._buckets.raw, forms.ERRORS, run)
        return self._reading.in_order(
            forms.ERRORS, selection, lambda one: (one.start, one.series, one.source, one.kind)
        )

    def load(self, run: str) -> Iterator[LoadSample]:
        """What the processes that made the load of a run looked like, by start, then source."""
        selection = self._selection(self._buckets.raw, forms.LOAD, run)
        return self._reading.in_order(forms.LOAD, selection, lambda one: (one.start, one.source))

    def load_between(self, span: Span) -> Iterator[LoadSample]:
        """What the processes that made the load of all runs looked like in `span`, by start, then source."""
        selection = self._selection(self._buckets.raw, forms.LOAD, span=span)
        return self._reading.in_order(forms.LOAD, selection, lambda one: (one.start, one.source))

    def tallies(self, run: str) -> list[Tally]:
        """The latest tally of each source of a run, by source."""
        selection = self._selection(self._buckets.raw, forms.TALLIES, run)
        found = self._reading.points(forms.TALLIES, selection, "last")
        latest = {tally.source: tally for tally in sorted(found, key=lambda one: one.at)}
        return [tally for _, tally in sorted(latest.items())]

    def requests_stored(self, run: str) -> dict[str, int]:
        """How many requests of a run are stored, by source."""
        selection = replace(self._selection(self._buckets.raw, forms.WINDOWS, run), fields=("count",))
        stored: defaultdict[str, int] = defaultdict(int)
        for table in self._reading.tables(selection, ("source",), "sum"):
            stored[table.tags[0]] += sum(map(int, table.values))
        return dict(stored)

    def run_series(self, run: str) -> list[RunSeries]:
        """What is kept of a run for long, by series."""
        selection = self._selection(self._buckets.ten_minutes, forms.RUN_SERIES, run)
        # condensed again with a window that came late, a run may begin earlier; when some had expired, later
        found = sorted(self._reading.records(forms.RUN_SERIES, selection), key=_moment_of, reverse=True)
        return [forms.RUN_SERIES.point_of(record) for _, record in sorted({one[0]: one for one in found}.items())]

    def run_load(self, run: str) -> RunLoad | None:
        """The load generator in the same blocks."""
        for bucket in (self._buckets.ten_minutes, self._buckets.for_ever):
            selection = self._selection(bucket, forms.RUN_LOAD, run)
            found = min(self._reading.records(forms.RUN_LOAD, selection), key=_moment_of, default=None)
            if found is not None:
                return forms.RUN_LOAD.point_of(found)
        return None

    def roll_ups(self, width: float, span: Span) -> Iterator[RollUp]:
        """Roll-ups of `width` that start in `span`, by start, then series."""
        bucket, form = self._roll_ups_of(width), forms.roll_up_form(width)
        selection = self._selection(bucket, form, span=span)
        return self._reading.in_order(form, selection, lambda one: (one.window.start, one.window.series))

    def history(
        self, width: float, span: Span, columns: Sequence[Column], services: Sequence[str] = ()
    ) -> "Mapping[Series, SeriesHistory]":
        """Numbers of the roll-ups that start in `span` as arrays."""
        from soakwatch.store.influx_history import ALWAYS_THERE, histories, whole_series

        every = next((column for column in columns if column in ALWAYS_THERE), Column.COUNT)
        tags = {"service": services} if services else {}
        selection = Selection(self._roll_ups_of(width).name, ROLL_UPS[width], (), tags, span)

        def read(column: Column) -> "dict[Series, FloatArray]":
            return whole_series(self._reading.arrays(replace(selection, fields=(column,)), forms.SERIES_TAGS))

        # one question for each column: numbers of different types come in tables of different forms; two at a time,
        # because the server answers each with one core
        asked = list({every, *columns})
        with ThreadPoolExecutor(max_workers=2) as both:
            return histories(columns, dict(zip(asked, both.map(read, asked), strict=True)), every)

    def deploys(self, span: Span) -> list[Deploy]:
        """Deploys in `span`, oldest first, then by environment and service."""
        selection = self._selection(self._buckets.for_ever, forms.DEPLOYS, span=span)
        found = self._reading.points(forms.DEPLOYS, selection)
        return sorted(found, key=lambda one: (one.at, one.environment, one.service))

    def health(self, span: Span) -> list[Health]:
        """How delivery was doing in `span`, by moment, then source."""
        selection = self._selection(self._buckets.raw, forms.HEALTH, span=span)
        return sorted(self._reading.points(forms.HEALTH, selection), key=lambda one: (one.at, one.source))

    def arrivals(self, after: str, now: float = inf) -> Arrivals:
        """Where raw windows were stored since the position `after`, a moment of the server's clock in nanoseconds."""
        latest = bounded_nanoseconds(now)
        known = min(latest, int(after or 0))
        since = Span(from_nanoseconds(known) - _MARGIN, inf) if after else ALWAYS
        selection = Selection(self._buckets.raw.name, "arrivals", ("from", "to"), span=since)
        written = records(self._reading.tables(selection, ("source",)), selection.fields)
        # of one that is just being written half may be seen; it is met again, within the margin
        found = [one for one in written if None not in one[2]]
        spans = sorted(Span(float(start or 0), float(end or 0)) for _, _, (start, end) in found)
        newest = max(map(_moment_of, found), default=0)
        return Arrivals(spans, str(min(latest, max(known, newest))) if after or found else "")

    def position(self, name: str) -> str:
        """How far the pass `name` has come."""
        selection = Selection(self._buckets.for_ever.name, "positions", ("position",), {"name": (name,)})
        found = [value for table in self._reading.tables(selection, ()) for value in table.values]
        return decode_text(found[0]) if found else ""

    def set_position(self, name: str, position: str) -> None:
        """Remember how far the pass `name` has come."""
        self._connection.write(self._buckets.for_ever.name, position_line(name, position).encode())

    def _selection(
        self, bucket: Bucket, form: forms.Form[Any], run: str | None = None, span: Span = ALWAYS
    ) -> Selection:
        tags = {} if run is None else {"run": (run,)}
        return Selection(bucket.name, form.measurement, form.fields, tags, span)


def _started(run: Run) -> tuple[float, str]:
    return run.start, run.id


def _moment_of(record: Record) -> int:
    _, time, _ = record
    return parse_moment(time)


def _arrival(windows: Sequence[Window]) -> bytes:
    first, last = min(window.start for window in windows), max(window.start + window.width for window in windows)
    return arrival_line(windows[0].source, Span(first, last)).encode()


def _reason(error: ValueError) -> str:
    return "half of a surrogate pair in a text" if isinstance(error, UnicodeEncodeError) else str(error)
