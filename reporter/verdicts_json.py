"""`verdicts.json`: a comparison as a document for machines."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from math import isfinite
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError

from soakwatch.core.errors import UsageError
from soakwatch.core.record import Record
from soakwatch.core.run import Outcome, Reconciliation, Run
from soakwatch.core.verdict import Comparison, Decision, Metric, Severity, Verdict

SCHEMA: Final = 1
"""Grows when a reader of the old form would misunderstand the new one; new keys alone do not count."""

_METRICS = list(Metric)


def _well_formed(text: object) -> object:
    """Halves of surrogate pairs cannot be written as UTF-8; they become question marks."""
    return text.encode(errors="replace").decode() if isinstance(text, str) else text


def _significant(value: object) -> object:
    """Six significant digits; what is no finite number is null, because JSON has no word for it."""
    if not isinstance(value, int | float):
        return value
    return float(f"{value:.6g}") if isfinite(value) else None


Text = Annotated[str, BeforeValidator(_well_formed)]
Number = Annotated[float | None, BeforeValidator(_significant)]


class ReconciledRecord(Record):
    """What Locust counted against what is stored; as core's Reconciliation, with its conclusions."""

    locust: int
    stored: int
    reached: int
    waiting: int
    lost: int
    reset: int
    after_last_report: int
    invalid: int
    silent_sources: tuple[Text, ...]
    unexplained: int
    exact: bool

    @classmethod
    def of(cls, reconciled: Reconciliation) -> Self:
        """Make the record of `reconciled`."""
        return cls.model_validate(reconciled, from_attributes=True)


class RunRecord(Record):
    """One run; times are ISO 8601 in UTC, `start` is null where a file does not tell it."""

    id: Text
    environment: Text
    test: Text
    start: datetime | None
    end: datetime | None
    users: int
    spawn_rate: Number
    host: Text
    version: Text
    commit: Text
    locustfile: Text
    locustfile_hash: Text
    locust_version: Text
    outcome: Outcome
    reconciled: ReconciledRecord | None

    @classmethod
    def of(cls, run: Run) -> Self:
        """Make the record of `run`."""
        fields: dict[str, Any] = {name: getattr(run, name) for name in cls.model_fields}
        fields["start"] = datetime.fromtimestamp(run.start, UTC) if run.start else None
        fields["end"] = None if run.end is None else datetime.fromtimestamp(run.end, UTC)
        fields["reconciled"] = None if run.reconciled is None else ReconciledRecord.of(run.reconciled)
        return cls(**fields)


class VerdictRecord(Record):
    """One verdict; values are in the metric's unit, `effect` with its interval `low` to `high` as in core's Effect."""

    service: Text
    method: Text
    endpoint: Text
    metric: Metric
    verdict: Decision
    severity: Severity
    baseline: Number
    current: Number
    effect: Number
    low: Number
    high: Number
    p: Number
    reason: Text

    @classmethod
    def of(cls, verdict: Verdict) -> Self:
        """Make the record of `verdict`."""
        effect = verdict.effect
        return cls(
            service=verdict.series.service,
            method=verdict.series.method,
            endpoint=verdict.series.endpoint,
            metric=verdict.metric,
            verdict=verdict.decision,
            severity=verdict.severity,
            baseline=verdict.baseline,
            current=verdict.current,
            effect=effect and effect.value,
            low=effect and effect.low,
            high=effect and effect.high,
            p=verdict.p,
            reason=verdict.reason,
        )


class VerdictsDocument(Record):
    """A whole comparison. `baseline` is the newest of the baseline runs, `baselines` are the ids of all, oldest first.

    Verdicts are in the order of service, endpoint, method and metric, so that two documents can be compared as text.
    """

    schema_version: Literal[1] = Field(SCHEMA, alias="schema")
    baseline: RunRecord | None
    baselines: tuple[Text, ...]
    current: RunRecord
    verdicts: tuple[VerdictRecord, ...]

    def compact(self) -> str:
        """One line of JSON in ASCII."""
        return json.dumps(self._content(), allow_nan=False, separators=(",", ":"))

    def indented(self) -> str:
        """JSON for people to look into as well."""
        return json.dumps(self._content(), allow_nan=False, ensure_ascii=False, indent=2) + "\n"

    def _content(self) -> dict[str, Any]:
        return self.model_dump(mode="json", by_alias=True)


def verdicts_document(comparison: Comparison) -> VerdictsDocument:
    """Make the document of `comparison`."""
    return VerdictsDocument(
        baseline=RunRecord.of(comparison.baselines[-1]) if comparison.baselines else None,
        baselines=tuple(run.id for run in comparison.baselines),
        current=RunRecord.of(comparison.current),
        verdicts=tuple(map(VerdictRecord.of, in_order(comparison.verdicts))),
    )


def in_order(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Sort by service, endpoint, method and metric, so that nothing that was measured moves a verdict.

    Objectives come after the comparison with the baseline, in the order of their reasons, which begin with the bound.
    """
    return sorted(verdicts, key=_place)


def _place(verdict: Verdict) -> tuple[str, str, str, int, bool, str]:
    series = verdict.series
    metric = _METRICS.index(verdict.metric)
    return series.service, series.endpoint, series.method, metric, verdict.is_objective, verdict.reason


def render_verdicts(comparison: Comparison) -> str:
    """Write `comparison` as the text of `verdicts.json`."""
    return verdicts_document(comparison).indented()


def parse_verdicts(text: str, place: str = "verdicts.json") -> VerdictsDocument:
    """Read what `render_verdicts` wrote. Raises UsageError that begins with `place` and says what is wrong."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{place}: not JSON: {error}") from None
    _require_schema(content, place)
    try:
        return VerdictsDocument.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise UsageError(f"{place}: {key}: {first['msg']}; write the report again") from None


def _require_schema(content: object, place: str) -> None:
    if isinstance(content, dict) and "kind" in content:
        raise UsageError(f"{place}: these are {content['kind']}, not verdicts, which `compare --verdicts` writes")
    schema = content.get("schema") if isinstance(content, dict) else None
    if type(schema) is not int or schema < SCHEMA:
        raise UsageError(f"{place}: no verdicts of soakwatch: the key 'schema' should be {SCHEMA}")
    if schema > SCHEMA:
        raise UsageError(
            f"{place}: written by a newer soakwatch (schema {schema}, this one reads {SCHEMA}); upgrade soakwatch"
        )
