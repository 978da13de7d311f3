"""Incidents: regressions over time, what they are made of, and what people decided about them."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from soakwatch.core.deploy import Deploy
from soakwatch.core.series import Series
from soakwatch.core.span import Span
from soakwatch.core.verdict import Effect, Metric, Severity


class Kind(StrEnum):
    """What went wrong. What begins together in one service and is of one kind is one incident."""

    LATENCY = "latency"
    ERRORS = "errors"
    THROUGHPUT = "throughput"
    NO_DATA = "no data"


class State(StrEnum):
    """How far an incident has come. One that was resolved before it was confirmed was none."""

    SUSPECT = "suspect"
    CONFIRMED = "confirmed"
    RECOVERING = "recovering"
    RESOLVED = "resolved"


class Shape(StrEnum):
    """How a level changed: at once, or a little each day."""

    STEP = "step"
    CREEP = "creep"


@dataclass(frozen=True, slots=True)
class Testimony:
    """What one method of the detector said at `at`, in seconds since the epoch, in a sentence for people."""

    at: float
    method: str
    says: str


@dataclass(frozen=True, slots=True)
class Course:
    """How a finding went, counted in steps at which something could be told of it: silence is no news.

    `held` are its steps in alarm less its normal ones, never below 0; `quiet` are the steps since its last alarm,
    `normal` those in a row in which nothing was wrong. `since` and `heard` are when it was told of first and last, in
    seconds since the epoch.
    """

    since: float = 0.0
    heard: float = 0.0
    held: int = 0
    quiet: int = 0
    normal: int = 0


_NOTHING_YET = Course()


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with one metric of one series.

    `baseline` and `current` are in the metric's unit (milliseconds, a share, requests per second), None where there
    was nothing to measure. `onset` contains the moment when it began with 90 % confidence. `per_day` is the relative
    change of a day where the shape is a creep. `recovered` is when it was last found to be normal again, None while it
    is not. Of each method, `evidence` keeps what it said first, what it said up to the confirmation, and its last word.
    """

    series: Series
    metric: Metric
    severity: Severity
    shape: Shape
    onset: Span
    baseline: float | None
    current: float | None
    effect: Effect | None
    per_day: Effect | None = None
    recovered: float | None = None
    evidence: tuple[Testimony, ...] = ()
    course: Course = _NOTHING_YET


_BADNESS = {Severity.NONE: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}


def findings_worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Critical ones first, then what changed most; those that are normal again at the end."""

    def badness(finding: Finding) -> tuple[bool, int, float]:
        change = finding.effect.value if finding.effect else 0.0
        return finding.recovered is None, _BADNESS[finding.severity], abs(change)

    return sorted(findings, key=badness, reverse=True)


class RulingKind(StrEnum):
    """What people can decide about an incident."""

    ACCEPT = "accept"
    """The new level is the baseline from the onset on."""

    IGNORE = "ignore"
    """Silence, until an end."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What somebody decided at `at` about an incident, and why. An ignored one is silent up to `until`."""

    kind: RulingKind
    at: float
    reason: str
    by: str = ""
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Incident:
    """One regression of one service over time, with everything that it is about. Times are seconds since the epoch.

    `fingerprint` was fixed when it was first suspected, `suspected`; what is thought of its `onset` may be revised.
    `confirmed`, `recovering` and `resolved` are when it came into that state (the last time), None where it has not.
    `deploy_before` is the last deploy that was there before the onset interval's end, `deploy_after` the next one.
    `severity` is that of its worst finding now, `escalated` when it was critical for the first time, None where it
    never was. `judged` is the end of the last step that it has seen. Findings are in the order in which they joined.
    """

    fingerprint: str
    environment: str
    service: str
    kind: Kind
    state: State
    suspected: float
    onset: Span
    severity: Severity
    findings: tuple[Finding, ...]
    confirmed: float | None = None
    recovering: float | None = None
    resolved: float | None = None
    deploy_before: Deploy | None = None
    deploy_after: Deploy | None = None
    ruling: Ruling | None = None
    escalated: float | None = None
    judged: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is not resolved yet."""
        return self.state is not State.RESOLVED

    @property
    def is_accepted(self) -> bool:
        """Whether somebody made its level the new baseline."""
        return self.ruling is not None and self.ruling.kind is RulingKind.ACCEPT

    @property
    def was_dropped(self) -> bool:
        """Whether it was only ever suspected: in the end there was nothing."""
        return self.state is State.RESOLVED and self.confirmed is None and not self.is_accepted

    def is_silent(self, at: float) -> bool:
        """Whether somebody asked not to hear of it at `at`, in seconds since the epoch."""
        if self.ruling is None or self.ruling.kind is not RulingKind.IGNORE:
            return False
        return self.ruling.until is None or at < self.ruling.until


def fingerprint_of(environment: str, service: str, kind: Kind, suspected: float) -> str:
    """Twelve hexadecimal digits that identify an incident; the same for the same first suspicion."""
    text = "\0".join((environment, service, kind, f"{suspected:.3f}"))
    return sha256(text.encode()).hexdigest()[:12]
