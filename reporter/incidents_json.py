"""Incidents as documents for machines."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Final, Literal, Self

from pydantic import Field

from soakwatch.core.deploy import Deploy
from soakwatch.core.incident import Finding, Incident, Kind, Ruling, RulingKind, Shape, State
from soakwatch.core.maintenance import Maintenance
from soakwatch.core.record import Record
from soakwatch.core.series import Series
from soakwatch.core.span import Span
from soakwatch.core.verdict import Effect, Metric, Severity
from soakwatch.reporter.verdicts_json import Number, Text

SCHEMA: Final = 1
"""Grows when a reader of the old form would misunderstand the new one; new keys alone do not count."""

_LATEST = 253_402_300_799.0
"""The last second of the year 9999."""


class EffectRecord(Record):
    """A change with its 95 % interval: a ratio minus one, for error rates a difference of shares."""

    value: Number
    low: Number
    high: Number

    @classmethod
    def of(cls, effect: Effect | None) -> Self | None:
        """Make the record of `effect`."""
        return None if effect is None else cls(value=effect.value, low=effect.low, high=effect.high)


class TestimonyRecord(Record):
    """What one method of the detector said, and when."""

    at: datetime
    method: Text
    says: Text


class FindingRecord(Record):
    """What is wrong with one metric of one series; values are in the metric's unit.

    The onset lies between `onset_from` and `onset_to` with 90 % confidence. `per_day` is the relative change of a day
    where the shape is a creep. `recovered` is null while it is not normal again.
    """

    environment: Text
    test: Text
    service: Text
    method: Text
    endpoint: Text
    metric: Metric
    severity: Severity
    shape: Shape
    onset_from: datetime
    onset_to: datetime
    baseline: Number
    current: Number
    effect: EffectRecord | None
    per_day: EffectRecord | None
    recovered: datetime | None
    evidence: tuple[TestimonyRecord, ...]

    @classmethod
    def of(cls, finding: Finding) -> Self:
        """Make the record of `finding`."""
        onset_from, onset_to = _moments(finding.onset)
        series = finding.series
        return cls(
            environment=series.environment,
            test=series.test,
            service=series.service,
            method=series.method,
            endpoint=series.endpoint,
            metric=finding.metric,
            severity=finding.severity,
            shape=finding.shape,
            onset_from=onset_from,
            onset_to=onset_to,
            baseline=finding.baseline,
            current=finding.current,
            effect=EffectRecord.of(finding.effect),
            per_day=EffectRecord.of(finding.per_day),
            recovered=_moment(finding.recovered),
            evidence=tuple(
                TestimonyRecord(at=utc_moment(one.at), method=one.method, says=one.says) for one in finding.evidence
            ),
        )


class DeployRecord(Record):
    """A version that was deployed, and when."""

    service: Text
    at: datetime
    version: Text
    commit: Text
    title: Text

    @classmethod
    def of(cls, deploy: Deploy | None) -> Self | None:
        """Make the record of `deploy`."""
        if deploy is None:
            return None
        return cls(
            service=deploy.service,
            at=utc_moment(deploy.at),
            version=deploy.version,
            commit=deploy.commit,
            title=deploy.title,
        )


class RulingRecord(Record):
    """What somebody decided about an incident; `until` is when its silence ends, null where it does not."""

    kind: RulingKind
    at: datetime
    reason: Text
    by: Text
    until: datetime | None

    @classmethod
    def of(cls, ruling: Ruling | None) -> Self | None:
        """Make the record of `ruling`."""
        if ruling is None:
            return None
        until = _moment(ruling.until)
        return cls(kind=ruling.kind, at=utc_moment(ruling.at), reason=ruling.reason, by=ruling.by, until=until)


class IncidentRecord(Record):
    """One incident. Times are ISO 8601 in UTC; null where it never came into that state."""

    fingerprint: Text
    environment: Text
    service: Text
    kind: Kind
    state: State
    severity: Severity
    suspected: datetime
    confirmed: datetime | None
    recovering: datetime | None
    resolved: datetime | None
    onset_from: datetime
    onset_to: datetime
    deploy_before: DeployRecord | None
    deploy_after: DeployRecord | None
    ruling: RulingRecord | None
    findings: tuple[FindingRecord, ...]

    @classmethod
    def of(cls, incident: Incident) -> Self:
        """Make the record of `incident`; its findings are in the order of their series and metrics."""
        onset_from, onset_to = _moments(incident.onset)
        findings = sorted(incident.findings, key=lambda one: (one.series, list(Metric).index(one.metric)))
        return cls(
            fingerprint=incident.fingerprint,
            environment=incident.environment,
            service=incident.service,
            kind=incident.kind,
            state=incident.state,
            severity=incident.severity,
            suspected=utc_moment(incident.suspected),
            confirmed=_moment(incident.confirmed),
            recovering=_moment(incident.recovering),
            resolved=_moment(incident.resolved),
            onset_from=onset_from,
            onset_to=onset_to,
            deploy_before=DeployRecord.of(incident.deploy_before),
            deploy_after=DeployRecord.of(incident.deploy_after),
            ruling=RulingRecord.of(incident.ruling),
            findings=tuple(map(FindingRecord.of, findings)),
        )


class MaintenanceRecord(Record):
    """Until when nothing is concluded about a service, and why; `mute` is the id of the mute, empty where planned."""

    start: datetime
    end: datetime
    why: Text
    by: Text
    mute: Text

    @classmethod
    def of(cls, maintenance: Maintenance | None) -> Self | None:
        """Make the record of `maintenance`."""
        if maintenance is None:
            return None
        start, end = _moments(maintenance.span)
        return cls(start=start, end=end, why=maintenance.title, by=maintenance.by, mute=maintenance.mute)


class StandingRecord(IncidentRecord):
    """One incident, and the maintenance that its service is in now: a mute or a planned window; null where none is."""

    maintenance: MaintenanceRecord | None = None


class IncidentsDocument(Record):
    """Incidents, in the order of their first suspicion: regressions over time, and why each was called one."""

    schema_version: Literal[1] = Field(SCHEMA, alias="schema")
    incidents: tuple[StandingRecord, ...]


class ChangeDocument(Record):
    """One change of an incident: `watch --json` prints each as a line. `before` is null for a new suspicion."""

    schema_version: Literal[1] = Field(SCHEMA, alias="schema")
    at: datetime
    before: State | None
    incident: IncidentRecord


class UnknownRecord(Record):
    """A series of which something cannot be told now, and why."""

    environment: Text
    test: Text
    service: Text
    method: Text
    endpoint: Text
    reason: Text

    @classmethod
    def of(cls, series: Series, reason: str) -> Self:
        """Make the record of `series`."""
        return cls(**asdict(series), reason=reason)


class DetectionDocument(Record):
    """What one pass did: it judged all steps up to `until`, but for those it only learnt from.

    `incidents` are those that are open afterwards. `undecided` are sentences on what [[require]] names and nothing can
    be told of yet; `learning_until` is when the last of all series has been seen long enough, null where all have.
    `unknown` are the series of which something could not be told at the last step that was judged.
    """

    schema_version: Literal[1] = Field(SCHEMA, alias="schema")
    until: datetime
    steps: int
    learnt: int
    changes: tuple[ChangeDocument, ...]
    incidents: tuple[IncidentRecord, ...]
    learning_until: datetime | None
    undecided: tuple[Text, ...]
    unknown: tuple[UnknownRecord, ...] = ()


def change_document(at: float, before: State | None, incident: Incident) -> ChangeDocument:
    """Make the document of what happened at `at`."""
    return ChangeDocument(at=utc_moment(at), before=before, incident=IncidentRecord.of(incident))


def utc_moment(seconds: float) -> datetime:
    """A moment as documents have it; never before 1970, nor after the year 9999."""
    return datetime.fromtimestamp(min(max(seconds, 0.0), _LATEST), UTC)


def incidents_document(incidents: Iterable[Incident], maintained: Mapping[str, Maintenance]) -> IncidentsDocument:
    """Make the document of `incidents`; the maintenance that they are in is by their fingerprints."""
    records = [
        StandingRecord.of(one).model_copy(update={"maintenance": MaintenanceRecord.of(maintained.get(one.fingerprint))})
        for one in incidents
    ]
    return IncidentsDocument(incidents=tuple(records))


def _moments(span: Span) -> tuple[datetime, datetime]:
    return utc_moment(span.start), utc_moment(span.end)


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else utc_moment(seconds)
