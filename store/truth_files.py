"""Truth files: what was done to a simulated history, beside it as JSON."""

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationError

from soakwatch.core.errors import UsageError
from soakwatch.core.incident import Kind
from soakwatch.core.series import Series
from soakwatch.core.span import Span
from soakwatch.core.truth import EventKind, TrueEvent, Truth
from soakwatch.store.json_layout import lay_out
from soakwatch.store.json_reading import JsonFile, read_json, spell
from soakwatch.store.record_types import Record, Text
from soakwatch.store.whole_files import write_whole

SCHEMA: Final = 1
"""Grows when a reader of the old form would misunderstand the new one; new keys alone do not count."""

Moment = Annotated[float, Field(allow_inf_nan=False)]
Change = Annotated[float, Field(ge=-1, allow_inf_nan=False)]


class SeriesRecord(Record):
    """One endpoint."""

    environment: Text
    test: Text
    service: Text
    method: Text
    endpoint: Text


class TrueEventRecord(Record):
    """One event: `onset` and `end` are seconds since the epoch, `size` a ratio minus one, of errors a share.

    An alarm of the kind `incident` is right; where that is null, an alarm is a false one. `service` is empty unless it
    happened to the whole of one.
    """

    kind: EventKind
    size: Change
    onset: Moment
    end: Moment
    service: Text
    incident: Kind | None
    series: tuple[SeriesRecord, ...]


class TruthDocument(Record):
    """What was done to the simulated history from `start` to `end`, in seconds since the epoch, by onset."""

    schema_version: Literal[1] = Field(SCHEMA, alias="schema")
    kind: Literal["truth"] = "truth"
    seed: int
    start: Moment
    end: Moment
    events: tuple[TrueEventRecord, ...]


def write_truth(path: Path, truth: Truth) -> None:
    """Write `truth` to `path`, whole or not at all. Raises UsageError, StoreUnavailable where the disk has no room."""
    write_whole(path, lay_out(truth_document(truth).model_dump(mode="json", by_alias=True)))


def truth_document(truth: Truth) -> TruthDocument:
    """As it is written."""
    return TruthDocument(
        seed=truth.seed,
        start=truth.span.start,
        end=truth.span.end,
        events=tuple(map(_record_of, truth.events)),
    )


def read_truth(path: Path) -> Truth:
    """Read what `write_truth` wrote. Raises UsageError that names the place of what is wrong."""
    file = read_json(path)
    _require_schema(file)
    try:
        document = TruthDocument.model_validate(file.content)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(
            f"{file.place(first['loc'])}: {spell(first['loc'])}: {first['msg']}; `soakwatch simulate history` writes it"
        ) from None
    return Truth(document.seed, Span(document.start, document.end), tuple(map(_event_of, document.events)))


def _require_schema(file: JsonFile) -> None:
    content = file.content if isinstance(file.content, dict) else {}
    if content.get("kind") != "truth":
        raise UsageError(
            f"{file.name}: no truth about a history; give the file that `soakwatch simulate history` wrote"
        )
    schema = content.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        raise UsageError(
            f"{file.name}: written by a newer soakwatch (schema {schema}, this one reads {SCHEMA}); upgrade soakwatch"
        )


def _record_of(event: TrueEvent) -> TrueEventRecord:
    return TrueEventRecord(
        kind=event.kind,
        size=event.size,
        onset=event.span.start,
        end=event.span.end,
        service=event.service,
        incident=event.incident,
        series=tuple(
            SeriesRecord(
                environment=one.environment,
                test=one.test,
                service=one.service,
                method=one.method,
                endpoint=one.endpoint,
            )
            for one in event.series
        ),
    )


def _event_of(record: TrueEventRecord) -> TrueEvent:
    return TrueEvent(
        record.kind,
        record.size,
        Span(record.onset, record.end),
        tuple(Series(one.environment, one.test, one.service, one.method, one.endpoint) for one in record.series),
        record.service,
        record.incident,
    )
