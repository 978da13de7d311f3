"""The contract of a window store: what every place that keeps windows promises."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from types import TracebackType
from typing import TYPE_CHECKING, Self

from soakwatch.core.deploy import Deploy
from soakwatch.core.health import Health
from soakwatch.core.retention import Retention
from soakwatch.core.roll_up import RollUp
from soakwatch.core.run import Run, Tally
from soakwatch.core.run_series import RunLoad, RunSeries
from soakwatch.core.series import Series
from soakwatch.core.span import Span
from soakwatch.core.window import ErrorCount, LoadSample, Window

if TYPE_CHECKING:
    # numpy is 24 MiB that a load generator with SQLite does without
    from soakwatch.store.history import SeriesHistory

Point = Window | ErrorCount | LoadSample | Run | Tally | RollUp | RunSeries | RunLoad | Deploy | Health
"""What a store keeps. Each point's key is a function of what it describes."""


class Column(StrEnum):
    """A number of each roll-up that can be read as an array; times in milliseconds.

    `P50`, `P95`, `P99`, `SUM`, `MIN` and `MAX` cover all responses, `OK_...` the successes.
    """

    COUNT = "count"
    FAILURES = "failures"
    SUM = "sum"
    FAIL_SUM = "fail_sum"
    MIN = "min"
    MAX = "max"
    P50 = "p50"
    P95 = "p95"
    P99 = "p99"
    OK_P50 = "ok_p50"
    OK_P95 = "ok_p95"
    OK_P99 = "ok_p99"
    BYTES = "bytes"


@dataclass(frozen=True, slots=True)
class Arrivals:
    """When windows began that were stored after a position, and the position to ask from the next time."""

    spans: Sequence[Span]
    position: str


class WindowStore(ABC):
    """Where points are kept. Writing the same point twice is the same as writing it once; the later one counts.

    Any text in a point reads back equal, counts and histograms exactly, moments to the nanosecond (of exemplars to the
    millisecond), sums and extremes of response times to 1/1024 ms. Several processes may write at once.
    All methods raise StoreUnavailable when a later try may succeed, and StoreRefused when none will.
    """

    retention: Retention
    """How long what is kept is kept; see `expire`."""

    # Writing

    @abstractmethod
    def write(self, points: Sequence[Point]) -> None:
        """Keep all of `points`.

        With StoreRefused or StoreUnavailable a part may be kept: of up to 1,000 points none when one can be refused
        without asking a server. Writing all of them again, or those that are not refused, completes it.
        """

    @abstractmethod
    def expire(self, now: float) -> int:
        """Forget what `retention` says has expired at `now`, and how many points that were; 0 where a server does it.

        Whole ten minutes go at once: a late window must not make a roll-up of the half that is left. Raw windows older
        than what was ever expired are refused from then on: merged into a roll-up that is there already, they would
        take the place of those that are gone.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of connections and files."""

    # Runs

    @abstractmethod
    def runs(self) -> list[Run]:
        """All runs, oldest start first."""

    @abstractmethod
    def windows(self, run: str) -> Iterator[Window]:
        """The raw windows of a run, by start, then series, then source; none for a run that is not known."""

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
        """How many requests of a run are stored in raw windows, by source."""

    @abstractmethod
    def run_series(self, run: str) -> list[RunSeries]:
        """What is kept of a run for long, by series; empty until it was condensed."""

    @abstractmethod
    def run_load(self, run: str) -> RunLoad | None:
        """The load generator in the same blocks; None until the run was condensed."""

    # Time

    @abstractmethod
    def windows_between(self, span: Span) -> Iterator[Window]:
        """The raw windows of all runs that start in `span`, in any order."""

    @abstractmethod
    def load_between(self, span: Span) -> Iterator[LoadSample]:
        """What the processes that made the load of all runs looked like in `span`, by start, then source."""

    @abstractmethod
    def roll_ups(self, width: float, span: Span) -> Iterator[RollUp]:
        """Roll-ups of `width` (MINUTE or TEN_MINUTES) that start in `span`, by start, then series."""

    @abstractmethod
    def history(
        self, width: float, span: Span, columns: Sequence[Column], services: Sequence[str] = ()
    ) -> "Mapping[Series, SeriesHistory]":
        """Numbers of the roll-ups that start in `span` as arrays, of all series or those of `services` only."""

    @abstractmethod
    def deploys(self, span: Span) -> list[Deploy]:
        """Deploys in `span`, oldest first, then by environment and service."""

    @abstractmethod
    def health(self, span: Span) -> list[Health]:
        """How delivery was doing in `span`, by moment, then source."""

    # Passes over what is stored

    @abstractmethod
    def arrivals(self, after: str, now: float = inf) -> Arrivals:
        """Where raw windows were stored since the position `after`, "" for all that is known.

        Some may be told twice, none is left out, whatever the clocks of the writers say. The next position is none
        after `now`: where a server's clock makes positions and was ahead for a while, it must not hide what follows.
        """

    @abstractmethod
    def position(self, name: str) -> str:
        """How far the pass `name` has come, as it left it; "" at first."""

    @abstractmethod
    def set_position(self, name: str, position: str) -> None:
        """Remember how far the pass `name` has come."""

    def __enter__(self) -> Self:
        """Use as a context manager that closes."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()
