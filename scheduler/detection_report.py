"""Detection report: what a pass of detection did, and what it could not tell."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from soakwatch.core.incident import Incident, State
from soakwatch.core.series import Series

Unknown = Mapping[Series, str]
"""Of which series something cannot be told at a step, and why."""


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to an incident at `at`; `before` is the state it was in, None for a new one."""

    at: float
    before: State | None
    incident: Incident


@dataclass(frozen=True, slots=True)
class DetectionReport:
    """What a pass did: so many steps it judged, and from so many of the past it only learnt.

    `until` is the end of the last step (seconds since the epoch), `incidents` are those that are open now. `series`
    are all that are known, `learning` those of which nothing can be told yet, and until when, `unknown` those of which
    something could not be told at the last step that was judged, and why.
    """

    until: float
    judged: int
    learnt: int
    changes: tuple[Change, ...]
    incidents: tuple[Incident, ...]
    series: tuple[Series, ...] = ()
    learning: Mapping[Series, float] = field(default_factory=dict)
    unknown: Unknown = field(default_factory=dict)
