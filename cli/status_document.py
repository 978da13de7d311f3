"""The document that `status --json` prints."""

from datetime import datetime
from typing import Any, Final, Literal, Self

from pydantic import Field

from soakwatch.cli.soak_document import SoakStateRecord
from soakwatch.core.judgement import Band, Judgement
from soakwatch.core.record import Record
from soakwatch.core.verdict import Decision, Severity
from soakwatch.reporter.incidents_json import IncidentRecord, utc_moment
from soakwatch.reporter.verdicts_json import Number, Text
from soakwatch.scheduler.daemon_report import DaemonReport
from soakwatch.scheduler.job_board import JobState
from soakwatch.scheduler.status import RunningTest, Status

SCHEMA: Final = 1
"""Grows when a reader of the old form would misunderstand the new one; new keys alone do not count."""


class JobRecord(Record):
    """A job of the daemon: when it was done last, and will be next; `trouble` is empty while all is well."""

    name: Text
    rhythm: Text
    under_way_since: datetime | None
    ended: datetime | None
    seconds: Number
    next: datetime | None
    rounds: int
    failed: int
    failed_in_a_row: int
    hangs: bool
    trouble: Text

    @classmethod
    def of(cls, state: JobState) -> Self:
        """Make the record of `state`."""
        return cls(
            name=state.name,
            rhythm=state.rhythm,
            under_way_since=_moment(state.begun),
            ended=_moment(state.ended),
            seconds=state.took,
            next=_moment(state.due),
            rounds=state.rounds,
            failed=state.failed,
            failed_in_a_row=state.in_a_row,
            hangs=state.hangs,
            trouble=state.trouble,
        )


class DaemonRecord(Record):
    """A daemon: the one that is at work has `leads`, the others wait for it."""

    holder: Text
    heard: datetime
    began: datetime
    version: Text
    leads: bool
    address: Text
    jobs: tuple[JobRecord, ...]
    soaks: tuple[SoakStateRecord, ...]

    @classmethod
    def of(cls, report: DaemonReport) -> Self:
        """Make the record of `report`."""
        return cls(
            holder=report.holder,
            heard=utc_moment(report.at),
            began=utc_moment(report.began),
            version=report.version,
            leads=report.leads,
            address=report.address,
            jobs=tuple(map(JobRecord.of, report.jobs)),
            soaks=tuple(map(SoakStateRecord.of, report.soaks)),
        )


class BandRecord(Record):
    """Between which values it is normal, with 95 % confidence."""

    low: Number
    high: Number

    @classmethod
    def of(cls, band: Band | None) -> Self | None:
        """Make the record of `band`."""
        return None if band is None else cls(low=band.low, high=band.high)


class NormalRecord(Record):
    """The 95th percentile of an endpoint's response times, in milliseconds, beside what is normal for it."""

    environment: Text
    test: Text
    service: Text
    method: Text
    endpoint: Text
    verdict: Decision
    severity: Severity
    now: Number
    normal: Number
    between: BandRecord | None
    reason: Text

    @classmethod
    def of(cls, judgement: Judgement) -> Self:
        """Make the record of `judgement`."""
        series = judgement.series
        return cls(
            environment=series.environment,
            test=series.test,
            service=series.service,
            method=series.method,
            endpoint=series.endpoint,
            verdict=judgement.decision,
            severity=judgement.severity,
            now=judgement.current,
            normal=judgement.baseline,
            between=BandRecord.of(judgement.band),
            reason=judgement.reason,
        )


class TestRecord(Record):
    """A test that runs."""

    run: Text
    test: Text
    environment: Text
    host: Text
    since: datetime
    last_window: datetime
    users: int
    requests_per_second: Number

    @classmethod
    def of(cls, running: RunningTest) -> Self:
        """Make the record of `running`."""
        run = running.run
        return cls(
            run=run.id,
            test=run.test,
            environment=run.environment,
            host=run.host,
            since=utc_moment(run.start),
            last_window=utc_moment(running.seen),
            users=running.users,
            requests_per_second=running.per_second,
        )


class WaitingRecord(Record):
    """What the store has not taken: bytes on this machine, requests at load generators, and what they lost."""

    bytes_here: int
    requests: int
    oldest_seconds: Number
    requests_lost: int


class StatusDocument(Record):
    """How all of soakwatch is: daemons, what is wrong, what runs, what is normal, what waits."""

    schema_version: Literal[1] = Field(SCHEMA, alias="schema")
    at: datetime
    environment: Text
    daemons: tuple[DaemonRecord, ...]
    judged_until: datetime | None
    incidents: tuple[IncidentRecord, ...]
    tests: tuple[TestRecord, ...]
    waiting: WaitingRecord
    normal: tuple[NormalRecord, ...]
    trouble: tuple[Text, ...]

    @classmethod
    def of(cls, status: Status) -> Self:
        """Make the document of `status`."""
        waiting = status.waiting
        return cls(
            at=utc_moment(status.at),
            environment=status.environment,
            daemons=tuple(map(DaemonRecord.of, status.daemons)),
            judged_until=_moment(status.judged),
            incidents=tuple(map(IncidentRecord.of, status.incidents)),
            tests=tuple(map(TestRecord.of, status.tests)),
            waiting=WaitingRecord(
                bytes_here=waiting.size,
                requests=waiting.requests,
                oldest_seconds=waiting.lag,
                requests_lost=waiting.dropped,
            ),
            normal=tuple(map(NormalRecord.of, status.normal)),
            trouble=tuple(status.trouble),
        )


def document_of(status: Status) -> dict[str, Any]:
    """What is printed of `status`."""
    return StatusDocument.of(status).model_dump(mode="json", by_alias=True)


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else utc_moment(seconds)
