"""Baseline and metrics files: what is written of whole runs, and read back equal."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from textwrap import shorten
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ValidationError

from soakwatch.core.errors import UsageError
from soakwatch.core.run_summary import PinnedRun, RunSummary, RunTotals
from soakwatch.store.json_layout import lay_out
from soakwatch.store.json_reading import JsonFile, Keys, read_json, spell
from soakwatch.store.pinned_records import PinnedRecord
from soakwatch.store.plain_baseline import read_plain_baseline
from soakwatch.store.summary_documents import SCHEMA, BaselinesDocument, MadeFromRecord, MetricsDocument
from soakwatch.store.totals_records import TotalsRecord

_Document = TypeVar("_Document", bound=BaseModel)
_LONGEST_FOUND = 60


class SummaryKind(StrEnum):
    """What a file of summaries is for."""

    BASELINES = "baselines"
    METRICS = "metrics"


@dataclass(frozen=True, slots=True)
class MadeFrom:
    """A file that a summary was made from: its name without folders, and the SHA-256 of its content, in hexadecimal."""

    file: str
    sha256: str

    @classmethod
    def of(cls, path: Path) -> Self:
        """Describe the file at `path`. Raises UsageError when it cannot be read."""
        try:
            with path.open("rb") as content:
                return cls(path.name, hashlib.file_digest(content, "sha256").hexdigest())
        except OSError as error:
            raise UsageError(f"{path}: cannot be read: {error.strerror}") from None


def render_baselines(runs: Sequence[RunTotals | PinnedRun], made_from: Sequence[MadeFrom]) -> str:
    """Write a baseline file: `runs` by start, then id. Equal runs give equal bytes.

    Raises ValueError when there is no run, when two have one id, or when one could not be read back.
    """
    in_order = sorted(runs, key=lambda summary: (summary.run.start, summary.run.id))
    records = tuple(_record_of(summary) for summary in in_order)
    return _laid_out(BaselinesDocument(kind="baselines", made_from=_sources(made_from), runs=records))


def render_metrics(run: RunTotals, made_from: Sequence[MadeFrom]) -> str:
    """Write a metrics file. Equal runs give equal bytes. Raises ValueError when `run` could not be read back."""
    return _laid_out(MetricsDocument(kind="metrics", made_from=_sources(made_from), run=TotalsRecord.of(run)))


def read_summaries(path: Path) -> list[RunSummary]:
    """Read the runs of a baseline file (version 2 or 1) or the run of a metrics file, oldest first.

    Raises UsageError that names the file, the line where there is one, what was found and what was expected.
    """
    file = read_json(path)
    match _kind_of(file):
        case SummaryKind.BASELINES:
            return [record.to_summary() for record in _validated(BaselinesDocument, file).runs]
        case SummaryKind.METRICS:
            return [_validated(MetricsDocument, file).run.to_summary()]
        case None:
            return [read_plain_baseline(file, path.stem)]


def recognise(path: Path) -> SummaryKind | None:
    """Which of our files `path` is, looking at its head only; None when it is none, or one of version 1.

    Raises UsageError when it cannot be read, is not JSON, or was written by a newer soakwatch.
    """
    return _kind_of(read_json(path))


def _kind_of(file: JsonFile) -> SummaryKind | None:
    content = file.content if isinstance(file.content, Mapping) else {}
    schema, kind = content.get("schema"), content.get("kind")
    if type(schema) is int and schema > SCHEMA:
        raise UsageError(
            f"{file.name}: written by a newer soakwatch (schema {schema}, this one reads up to {SCHEMA}); "
            "upgrade soakwatch"
        )
    if type(schema) is not int or schema < SCHEMA:
        return None
    if kind not in list(SummaryKind):
        raise UsageError(f"{file.name}: 'kind' should be 'baselines' or 'metrics', not {kind!r}")
    return SummaryKind(kind)


def _validated(model: type[_Document], file: JsonFile) -> _Document:
    try:
        return model.model_validate(file.content)
    except ValidationError as error:
        raise UsageError(_describe(error.errors()[0], file)) from None


def _describe(detail: Any, file: JsonFile) -> str:  # noqa: ANN401  (pydantic's ErrorDetails)
    keys = _existing(detail["loc"], file.content)
    if detail["type"] == "missing":
        return f"{file.place(keys)}: {spell((*keys, detail['loc'][-1]))} is missing"
    return f"{file.place(keys)}: {spell(keys)}: {_complaint(detail)}"


def _complaint(detail: Any) -> str:  # noqa: ANN401  (pydantic's ErrorDetails)
    match detail["type"]:
        case "value_error":
            return str(detail["msg"]).removeprefix("Value error, ")
        case "too_short":
            return "at least one was expected"
        case "union_tag_not_found" | "union_tag_invalid":
            return "'basis' should be 'percentiles' or 'distributions'"
    message = f"{detail['msg'][0].lower()}{detail['msg'][1:]}"
    is_plain = isinstance(detail["input"], str | int | float | None)
    return f"{message}, not {shorten(repr(detail['input']), _LONGEST_FOUND)}" if is_plain else message


def _existing(location: Iterable[str | int], content: Any) -> Keys:  # noqa: ANN401  (any JSON)
    """The part of pydantic's location that leads through the file; it also names alternatives and missing keys."""
    keys: list[str | int] = []
    for part in location:
        try:
            content = content[part]
        except (KeyError, IndexError, TypeError):
            continue
        keys.append(part)
    return tuple(keys)


def _record_of(summary: RunTotals | PinnedRun) -> TotalsRecord | PinnedRecord:
    return PinnedRecord.of(summary) if isinstance(summary, PinnedRun) else TotalsRecord.of(summary)


def _sources(made_from: Sequence[MadeFrom]) -> tuple[MadeFromRecord, ...]:
    in_order = sorted(made_from, key=lambda source: (source.file, source.sha256))
    return tuple(MadeFromRecord(file=source.file, sha256=source.sha256) for source in in_order)


def _laid_out(document: BaselinesDocument | MetricsDocument) -> str:
    return lay_out(document.model_dump(by_alias=True))
