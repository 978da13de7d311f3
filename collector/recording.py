"""Recording: one run in one process, from its first request to its last record."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from soakwatch.collector.locust_counts import LocustCounts, Totals
from soakwatch.collector.recorder import Recorder
from soakwatch.core.histogram import Histogram
from soakwatch.core.run import Tally
from soakwatch.core.window import LoadSample
from soakwatch.store.contract import Point

SATURATED_CPU = 90.0
"""Percent of one core above which Locust itself warns that its measurements suffer."""

CLOCK_STEP = 0.001
"""Seconds between two tallies, at least."""


@dataclass(frozen=True, slots=True)
class LoadNow:
    """The load generator: users of this process, CPU in percent of one core, delays of its event loop in ms."""

    users: int
    cpu: float
    late: Histogram


class Recording:
    """The windows of one run in this process, and what Locust counted meanwhile.

    While it is the current one it follows Locust's statistics; `close` fixes what they said, before Locust clears them
    for the next test. `received` is filled in a master only: requests reported by each worker.
    """

    def __init__(self, run: str, recorder: Recorder, counts: LocustCounts) -> None:
        """Begin."""
        self.run = run
        self.recorder = recorder
        self.received: dict[str, int] = {}
        self.reporting: set[str] = set()
        self.stopped_at: float | None = None
        self.ended = False
        self.dropped_before = 0
        self.counts = counts
        self._told_at = 0.0
        self._fixed: Totals | None = None

    def close(self, totals: Totals) -> None:
        """Fix what Locust says of this run; from now on its statistics are about another one."""
        self._fixed = totals

    @property
    def totals(self) -> Totals:
        """What Locust says of this run."""
        return self._fixed or self.counts.totals

    @property
    def has_news(self) -> bool:
        """Whether there were requests since the last window was closed."""
        return bool(self.recorder.open)

    def windows(self, now: float, load: LoadNow | None) -> Iterator[Sequence[Point]]:
        """Close the open windows; what `load` was belongs to the same stretch of time."""
        start = self.recorder.window_start
        yield from self.recorder.rotate(now)
        if load is not None:
            yield [self._load_sample(start, load)]

    def _load_sample(self, start: float, load: LoadNow) -> LoadSample:
        settings, naming = self.recorder.settings, self.recorder.naming
        return LoadSample(
            naming.environment,
            naming.test,
            self.run,
            settings.source,
            start,
            settings.width,
            load.users,
            load.cpu,
            load.cpu > SATURATED_CPU,
            load.late,
        )

    def tally(self, now: float, reached: int, reset: int, dropped: int) -> Tally:
        """What this process counted so far; final once the recording has ended.

        Its moment is later than that of the one before, also when the clock was set back: the latest counts.
        """
        naming = self.recorder.naming
        self._told_at = max(now, self._told_at + CLOCK_STEP)
        return Tally(
            environment=naming.environment,
            test=naming.test,
            run=self.run,
            source=self.recorder.settings.source,
            at=self._told_at,
            reached=reached,
            counted=self.recorder.counted,
            invalid=self.recorder.invalid,
            reset=reset,
            reported=self.totals.reported,
            dropped=dropped - self.dropped_before,
            final=self.ended,
        )
