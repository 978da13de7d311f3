"""What Locust itself counted in this process: what its entries hold, reported, and threw away."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from locust.stats import RequestStats, StatsEntryDict


@dataclass(frozen=True, slots=True)
class Totals:
    """Where the requests are that reached Locust's entries: still there, reported to the master, or thrown away."""

    standing: int
    reported: int
    discarded: int

    @property
    def reached(self) -> int:
        """Requests that ever reached the entries."""
        return self.standing + self.reported + self.discarded

    def cleared(self) -> "Totals":
        """The same, when what stands is thrown away."""
        return Totals(0, self.reported, self.discarded + self.standing)


class LocustCounts:
    """Follows the requests through Locust's own entries, from the inside, for one run in one process.

    A request reaches an entry; there it stands, until it is reported to the master, or discarded by a reset. None
    of the three steps yields to other greenlets, so the sum is what was ever counted.
    """

    def __init__(self, statistics: RequestStats) -> None:
        """Begin with what stands in the entries now."""
        self._statistics = statistics
        self._reported = 0
        self._discarded = 0

    @property
    def totals(self) -> Totals:
        """Where the requests are now; what stands in a master, or without workers, is Locust's own total."""
        standing = sum(entry.num_requests for entry in self._statistics.entries.values())
        return Totals(standing, self._reported, self._discarded)

    def note_report(self, stripped: Iterable[Mapping[str, Any]]) -> None:
        """Note what a worker's report takes out of the entries."""
        self._reported += requests_in_report(stripped)

    def note_discard(self) -> None:
        """Note that what stands now is about to be thrown away."""
        self._discarded += self.totals.standing


def requests_in_report(stripped: Iterable[Mapping[str, Any]]) -> int:
    """Requests in the `stats` of a worker's report."""
    return sum(int(entry["num_requests"]) for entry in stripped)


def watch_resets(statistics: RequestStats, on_reset: Callable[[], None], on_clear: Callable[[], None]) -> None:
    """Call `on_reset` before each reset of `statistics`, and `on_clear` before all is cleared for a new test."""
    reset_all, clear_all = statistics.reset_all, statistics.clear_all

    def reset() -> None:
        on_reset()
        reset_all()

    def clear() -> None:
        on_clear()
        clear_all()

    statistics.reset_all, statistics.clear_all = reset, clear  # type: ignore[method-assign]  # on this instance


def keep_when_serialised(statistics: RequestStats) -> None:
    """Let `statistics` stand when they are written as JSON, in a process that reports to no master.

    Locust takes a worker's report out of its entries, and writes --json and --json-file the same way, before it fires
    `quit`: without this, its own total would be 0 then, and so would the lines that it still writes to its CSV.
    """

    def serialise() -> list[StatsEntryDict]:
        return [entry.serialize() for entry in statistics.entries.values() if entry.num_requests or entry.num_failures]

    statistics.serialize_stats = serialise  # type: ignore[method-assign]  # on this instance
