"""Runs: one execution of Locust, its metadata, and whether what was stored is what Locust counted."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum


class Outcome(StrEnum):
    """How far a run has come."""

    RUNNING = "running"
    FINISHED = "finished"
    IMPORTED = "imported"
    """Not seen by the collector: read from files that Locust wrote."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What one source counted in one run up to `at` (seconds since the epoch), and what became of it.

    All counts are requests. `reached` came into Locust's entries in this process; `counted` into our windows;
    `invalid` into neither (no usable response time or length, which Locust's entries refuse as well). Of those that
    reached Locust, `reset` were discarded by a reset in this process, and `reported` went to the master, or stand in
    the entries of a run without workers. `dropped` were lost on the way to the store. `final` marks the last tally of
    the source in this run: what it counted before is in the store already.
    """

    environment: str
    test: str
    run: str
    source: str
    at: float
    reached: int
    counted: int
    invalid: int = 0
    reset: int = 0
    reported: int = 0
    dropped: int = 0
    final: bool = False


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What Locust counted against what is stored, over all processes of a run, in requests.

    `locust` is the sum over the entries of Locust's own statistics at the end of the run. `reached` is what came into
    the entries of any process, as far as known. Two identities hold when nothing is unexplained:
    stored + waiting + lost = reached, and locust = reached - reset - after_last_report.
    """

    locust: int
    stored: int
    reached: int
    waiting: int = 0
    lost: int = 0
    reset: int = 0
    after_last_report: int = 0
    invalid: int = 0
    silent_sources: tuple[str, ...] = ()

    @property
    def unexplained(self) -> int:
        """Requests by which the two identities miss, added up; zero when every request is accounted for."""
        missing = self.reached - self.stored - self.waiting - self.lost
        differing = self.reached - self.reset - self.after_last_report - self.locust
        return abs(missing) + abs(differing)

    @property
    def exact(self) -> bool:
        """Whether all is stored, and Locust's own total says the same."""
        return self.stored == self.reached == self.locust

    def __str__(self) -> str:
        """One line for people: `reconciled 48,211 of 48,211`, then every difference by its cause."""
        causes = {
            "after the last report": self.after_last_report,
            "reset": self.reset,
            "waiting in the spool": self.waiting,
            "lost": self.lost,
            "unexplained": self.unexplained,
            "without a usable time or length, which Locust's entries refuse too": self.invalid,
        }
        parts = [f"reconciled {self.stored:,} of {self.reached:,}"]
        if self.locust != self.reached:
            parts.append(f"Locust's own total: {self.locust:,}")
        parts += [f"{cause}: {count:,}" for cause, count in causes.items() if count]
        if self.silent_sources:
            parts.append(f"no last record from: {', '.join(self.silent_sources)} (more may be missing)")
        return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of Locust. Times are seconds since the epoch; `end` and `reconciled` are None while it runs.

    `continues` is the run that it goes on from: the same load, by processes that took the place of others.
    Of a run that was read from files little may be known: `start` and `users` are 0 then, texts empty.
    """

    id: str
    environment: str
    test: str
    start: float
    end: float | None = None
    users: int = 0
    spawn_rate: float = 0.0
    host: str = ""
    version: str = ""
    commit: str = ""
    locustfile: str = ""
    locustfile_hash: str = ""
    locust_version: str = ""
    outcome: Outcome = Outcome.RUNNING
    reconciled: Reconciliation | None = None
    continues: str = ""


def settled(known: Reconciliation, stored: int, ended: Collection[str] = ()) -> Reconciliation:
    """`known` when the store holds `stored` requests of the run by now.

    What arrived was waiting, else it was wrongly thought lost, else nobody knew of it. `ended` are sources whose last
    record has arrived. Fewer than before means that raw windows have expired, and changes nothing.
    """
    arrived = max(0, stored - known.stored)
    waited = min(arrived, known.waiting)
    found = min(arrived - waited, known.lost)
    unknown = arrived - waited - found
    return replace(
        known,
        stored=known.stored + arrived,
        reached=known.reached + unknown,
        waiting=known.waiting - waited,
        lost=known.lost - found,
        after_last_report=known.after_last_report + unknown,
        silent_sources=tuple(source for source in known.silent_sources if source not in ended),
    )
