"""Spool contents: what waits in the spools of a folder, for people who decide about it."""

import logging
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from soakwatch.collector.shipping import requests_in
from soakwatch.collector.spool import NO_LIMIT, Spool
from soakwatch.core.span import Span
from soakwatch.core.window import Window
from soakwatch.store import rows

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Contents:
    """What waits of one process, `source`; of one that is alive (`in_use`) some may be in the store already.

    `records` counts those on disk, `size` their bytes. `span` is from the first window's start to the last one's end.
    """

    source: str
    in_use: bool = False
    size: int = 0
    records: int = 0
    windows: int = 0
    requests: int = 0
    runs: set[str] = field(default_factory=set)
    span: Span | None = None

    @classmethod
    def of(cls, spool: Spool) -> "Contents":
        """Read a spool from beginning to end; it is taken unless it is in use."""
        found = cls(spool.source, in_use=not spool.take(), size=spool.size())
        for payload in spool.waiting():
            found._add(payload)
        return found

    def _add(self, payload: bytes) -> None:
        self.records += 1
        try:
            points = rows.decode(payload)
        except ValueError:  # of another version of soakwatch; it counts as a record
            return
        self.requests += requests_in(points)
        for window in points:
            if isinstance(window, Window):
                self.windows += 1
                self.runs.add(window.run)
                begin, end = window.start, window.start + window.width
                known = self.span or Span(begin, end)
                self.span = Span(min(known.start, begin), max(known.end, end))


def contents_of(folder: Path) -> Iterator[Contents]:
    """What waits in `folder`, by source. A spool that may not be opened is named in the log, and left out."""
    for source in Spool.sources(folder):
        with closing(Spool(folder, source, NO_LIMIT)) as spool:
            try:
                yield Contents.of(spool)
            except OSError as error:
                logger.warning("the spool %s in %s cannot be looked into: %s", source, folder, error)
