"""Spooled run: what waits of one run in the spools of other processes."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from soakwatch.collector.shipping import requests_in
from soakwatch.collector.spool import NO_LIMIT, Record, Spool
from soakwatch.core.run import Tally
from soakwatch.core.window import Window
from soakwatch.store import rows


@dataclass(frozen=True, slots=True)
class _Trace:
    """What one record holds of the run, and where it ends in its segment."""

    end: int
    requests: int
    tallies: Sequence[Tally]


@dataclass(slots=True)
class _Source:
    """How far the spool of one source was read, and what was found in it, by segment."""

    read_to: dict[Path, int] = field(default_factory=dict)
    traces: dict[Path, list[_Trace]] = field(default_factory=dict)

    def still_waiting(self) -> Iterable[_Trace]:
        return (trace for traces in self.traces.values() for trace in traces)


class SpooledRun:
    """Tallies and requests of one run, found in spools of other processes; each look goes on where the last one ended.

    No point is kept but the tallies: a spool may hold more than fits into memory. Used by one thread at a time.
    """

    def __init__(self, folder: Path, run: str) -> None:
        """Nothing is read yet."""
        self._folder = folder
        self._run = run
        self._mark = json.dumps(run).encode("ascii")  # as it is in each record that has to do with the run
        self._sources: dict[str, _Source] = {}
        self.troubles: dict[str, str] = {}

    def look(self, sources: Sequence[str], seconds: float) -> bool:
        """Read on in the spools of `sources` for at most so long; whether all that waits there was read.

        A spool that cannot be read is a sentence in `troubles`, by source, and counts as read.
        """
        end = time.monotonic() + seconds
        return all(self._read_on(source, end) for source in sources)

    def _read_on(self, source: str, end: float) -> bool:
        spool = Spool(self._folder, source, NO_LIMIT)
        known = self._sources.setdefault(source, _Source())
        begins = spool.begins()
        known.traces = {
            segment: [trace for trace in known.traces.get(segment, ()) if trace.end > begin]
            for segment, begin in begins.items()
        }
        try:
            for segment, begin in begins.items():
                for record in spool.records(segment, max(begin, known.read_to.get(segment, 0))):
                    known.read_to[segment] = record.end
                    if trace := self._trace(record):
                        known.traces[segment].append(trace)
                    if time.monotonic() > end:
                        return False
        except OSError as error:
            self.troubles[source] = f"the spool {source} in {self._folder} cannot be read: {error}"
        return True

    def _trace(self, record: Record) -> _Trace | None:
        if self._mark not in record.payload:
            return None
        try:
            points = rows.decode(record.payload)
        except ValueError:  # of another version of soakwatch
            return None
        windows = [point for point in points if isinstance(point, Window) and point.run == self._run]
        tallies = [point for point in points if isinstance(point, Tally) and point.run == self._run]
        return _Trace(record.end, requests_in(windows), tallies)

    def tallies(self, sources: Iterable[str]) -> list[Tally]:
        """Those of `sources` that wait, oldest first for each."""
        return [tally for source in sources for trace in self._of(source) for tally in trace.tallies]

    def requests(self, sources: Iterable[str]) -> Mapping[str, int]:
        """Requests that wait, by source; sources of which nothing waits are left out. Some may be stored already."""
        counts = {source: sum(trace.requests for trace in self._of(source)) for source in sources}
        return {source: count for source, count in counts.items() if count}

    def _of(self, source: str) -> Iterable[_Trace]:
        return self._sources.get(source, _Source()).still_waiting()
