"""Records of what every summary of a run has: its metadata, its endpoints' names, its kinds of errors."""

from collections.abc import Iterable, Mapping
from typing import Any, Self

from pydantic import model_validator

from soakwatch.core.run import Outcome, Reconciliation, Run
from soakwatch.core.run_summary import ErrorTotal
from soakwatch.core.series import Series
from soakwatch.store.record_types import Amount, Count, Record, Text, Timestamp
from soakwatch.store.timestamps import format_timestamp, parse_timestamp


class ErrorRecord(Record):
    """One kind of error of one endpoint: how often in the whole run, and a sample message."""

    kind: Text
    count: Count
    sample: Text

    @classmethod
    def of(cls, error: ErrorTotal) -> Self:
        """Make the record of `error`."""
        return cls(kind=error.kind, count=error.count, sample=error.sample)

    def to_error(self) -> ErrorTotal:
        """What `of` was given."""
        return ErrorTotal(self.kind, self.count, self.sample)


class EndpointFields(Record):
    """Which endpoint, and how many of its requests failed."""

    service: Text
    method: Text
    endpoint: Text
    requests: Count
    failures: Count

    @model_validator(mode="after")
    def _failures_are_requests(self) -> Self:
        if self.failures > self.requests:
            raise ValueError(
                f"{self.name}: {self.failures} failures of {self.requests} requests; failures are requests"
            )
        return self

    @property
    def name(self) -> str:
        """For people: `rag_service POST /query`."""
        return str(self.series_of("", ""))

    def series_of(self, environment: str, test: str) -> Series:
        """The series that this is in `test` of `environment`."""
        return Series(environment, test, self.service, self.method, self.endpoint)


class ReconciledRecord(Record):
    """What Locust counted against what was stored, in requests; as core's Reconciliation."""

    locust: Count
    stored: Count
    reached: Count
    waiting: Count
    lost: Count
    reset: Count
    after_last_report: Count
    invalid: Count
    silent_sources: tuple[Text, ...]

    @classmethod
    def of(cls, reconciled: Reconciliation) -> Self:
        """Make the record of `reconciled`."""
        return cls.model_validate(reconciled, from_attributes=True)

    def to_reconciliation(self) -> Reconciliation:
        """What `of` was given."""
        return Reconciliation(**self.model_dump())


class RunFields(Record):
    """A run's metadata. Times are ISO 8601 in UTC, null where not known; users are 0 and texts empty then."""

    id: Text
    environment: Text
    test: Text
    start: Timestamp | None
    end: Timestamp | None
    users: Count
    spawn_rate: Amount
    host: Text
    version: Text
    commit: Text
    locustfile: Text
    locustfile_hash: Text
    locust_version: Text
    outcome: Outcome
    reconciled: ReconciledRecord | None

    def to_run(self) -> Run:
        """The run whose metadata this is."""
        fields: dict[str, Any] = {name: getattr(self, name) for name in RunFields.model_fields}
        fields["start"] = 0.0 if self.start is None else parse_timestamp(self.start)
        fields["end"] = None if self.end is None else parse_timestamp(self.end)
        fields["reconciled"] = None if self.reconciled is None else self.reconciled.to_reconciliation()
        return Run(**fields)


def identity_of(series: Series) -> dict[str, str]:
    """Service, method and endpoint of `series`."""
    return {"service": series.service, "method": series.method, "endpoint": series.endpoint}


def metadata_of(run: Run) -> dict[str, Any]:
    """The fields of `RunFields` for `run`. Raises ValueError for times before 1970."""
    fields: dict[str, Any] = {name: getattr(run, name) for name in RunFields.model_fields}
    fields["start"] = format_timestamp(run.start) if run.start else None
    fields["end"] = None if run.end is None else format_timestamp(run.end)
    fields["reconciled"] = None if run.reconciled is None else ReconciledRecord.of(run.reconciled)
    return fields


def by_name(item: tuple[Series, object]) -> tuple[str, str, str]:
    """Sort key of endpoints: service, endpoint, method."""
    series = item[0]
    return series.service, series.endpoint, series.method


def require_own(endpoints: Mapping[Series, object], run: Run) -> None:
    """Raise ValueError when `endpoints` has a series of another test or environment than `run`."""
    for series in endpoints:
        if (series.environment, series.test) != (run.environment, run.test):
            raise ValueError(f"{series} is not of the environment and test of run {run.id}")


def require_unique(endpoints: Iterable[EndpointFields]) -> None:
    """Raise ValueError when two of `endpoints` have one name."""
    first: dict[Series, int] = {}
    for number, one in enumerate(endpoints):
        before = first.setdefault(one.series_of("", ""), number)
        if before != number:
            raise ValueError(
                f"endpoints[{before}] and endpoints[{number}] are both {one.name!r}; each may be there once"
            )
