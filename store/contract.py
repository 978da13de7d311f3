"""The contract of a window store: what every place that keeps windows promises."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from soakwatch.core.run import Run, Tally
from soakwatch.core.window import ErrorCount, LoadSample, Window

Point = Window | ErrorCount | LoadSample | Run | Tally
"""What a store keeps. Each point's key is a function of what it describes."""


class WindowStore(ABC):
    """Where points are kept. Writing the same point twice is the same as writing it once; the later one counts.

    Any text in a point reads back equal. Several processes may write at once. All methods raise StoreUnavailable when
    a later try may succeed, and StoreRefused when none will; neither leaves half of a call behind.
    """

    @abstractmethod
    def write(self, points: Sequence[Point]) -> None:
        """Keep all of `points`, or none."""

    @abstractmethod
    def runs(self) -> list[Run]:
        """All runs, oldest start first."""

    @abstractmethod
    def windows(self, run: str) -> Iterator[Window]:
        """The windows of a run, by start, then series, then source; none for a run that is not known."""

    @abstractmethod
    def errors(self, run: str) -> Iterator[ErrorCount]:
        """The kinds of errors of a run, by start, then series."""

    @abstractmethod
    def load(self, run: str) -> Iterator[LoadSample]:
        """What the processes that made the load of a run looked like, by start, then source."""

    @abstractmethod
    def tallies(self, run: str) -> list[Tally]:
        """The latest tally of each source of a run, by source."""

    @abstractmethod
    def requests_stored(self, run: str) -> dict[str, int]:
        """How many requests of a run are stored, by source."""

    @abstractmethod
    def close(self) -> None:
        """Let go of connections and files."""

    def __enter__(self) -> Self:
        """Use as a context manager that closes."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()
