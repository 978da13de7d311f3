"""Truth: what was done to a simulated history, to hold against what a detector says of it."""

from dataclasses import dataclass
from enum import StrEnum

from soakwatch.core.incident import Kind
from soakwatch.core.series import Series
from soakwatch.core.span import Span


class EventKind(StrEnum):
    """What can happen in a simulated history."""

    STEP = "step"
    """Response times change at once, and stay so."""

    CREEP = "creep"
    """Response times change a little each day."""

    SLOW_TAIL = "slow-tail"
    """A share of the requests takes a multiple of its time."""

    ERRORS = "errors"
    """A share of the requests fails."""

    THROUGHPUT = "throughput"
    """As many users make fewer or more requests."""

    LOAD = "load"
    """There are more or fewer users; response times follow as they always do."""

    BUMP = "bump"
    """Response times are higher for a few minutes."""

    GAP = "gap"
    """Nothing is recorded."""

    OUTAGE = "outage"
    """Every request fails."""

    SATURATED = "saturated"
    """The load generator is at its limit, and measures itself."""

    DEPLOY = "deploy"
    """A new version, which changes nothing else."""

    RESTART = "restart"
    """The same version again; its caches are cold for a few minutes."""


@dataclass(frozen=True, slots=True)
class TrueEvent:
    """Something that happened to `series`, which are endpoints, over `span`.

    `size` is a ratio minus one (+0.20 = 20 % more; of a creep each day), of errors the share that fails, and 0 of what
    has none. `service` is empty unless it happened to the whole of one. An alarm of the kind `incident` is right; where
    that is None, the event is benign, and an alarm would be a false one.
    """

    kind: EventKind
    size: float
    span: Span
    series: tuple[Series, ...]
    service: str = ""
    incident: Kind | None = None


@dataclass(frozen=True, slots=True)
class Truth:
    """All that was done to the history over `span` that `seed` made, by onset."""

    seed: int
    span: Span
    events: tuple[TrueEvent, ...]

    def is_about(self, span: Span) -> bool:
        """Whether it says what happened in all of `span`."""
        return self.span.start <= span.start and span.end <= self.span.end
