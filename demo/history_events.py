"""Events of a simulated history: what happens to which series, when."""

from dataclasses import dataclass
from math import inf

from soakwatch.core.incident import Kind
from soakwatch.core.truth import EventKind

DAY, HOUR, MINUTE = 86_400.0, 3_600.0, 60.0

BENIGN = 600.0
"""Seconds up to which what passes by itself is nobody's incident."""

BUMP_LENGTH, RESTART_LENGTH = 480.0, 180.0
"""Seconds that a bump lasts, and that caches are cold, unless an event says otherwise."""

_SLOWER = {EventKind.STEP, EventKind.CREEP, EventKind.SLOW_TAIL, EventKind.BUMP}


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens to `series` (their numbers) from `onset`, in seconds since the history's start.

    `size` is a ratio minus one (of a creep each day), of errors the share that fails. Of a slow tail, `share` are the
    requests that it slows, `slowest` those that would have been slowest anyway, else any. `service` is empty unless it
    happens to all of one. With `deploy`, a deploy is marked at the onset.
    """

    kind: EventKind
    onset: float
    series: tuple[int, ...]
    size: float = 0.0
    length: float = inf
    service: str = ""
    share: float = 0.02
    slowest: bool = True
    deploy: bool = False

    @property
    def end(self) -> float:
        """When it is over, in seconds since the history's start; inf where it lasts."""
        return self.onset + self.length

    @property
    def marks_deploy(self) -> bool:
        """Whether a deploy is marked at its onset."""
        return self.deploy or self.kind in {EventKind.DEPLOY, EventKind.RESTART}

    @property
    def incident(self) -> Kind | None:
        """The kind of incident that a detector should make of it; None where it should make none."""
        if self.length < BENIGN:
            return None
        if self.kind in _SLOWER:
            return Kind.LATENCY if self.size > 0 else None
        if self.kind in {EventKind.ERRORS, EventKind.OUTAGE}:
            return Kind.ERRORS
        # one endpoint less is another test, and not a service that is gone
        if self.kind is EventKind.GAP:
            return Kind.NO_DATA if self.service else None
        if self.kind is EventKind.THROUGHPUT:
            return Kind.THROUGHPUT if self.service and self.size < 0 else None
        return None
