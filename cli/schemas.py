"""Schemas: the form of every JSON file that soakwatch writes, made from the models that write them."""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import cleandoc
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from soakwatch.core.errors import UsageError

DIALECT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True)
class Form:
    """One kind of file: its `name`, what writes it, and the model of its content, imported when it is needed."""

    name: str
    writers: str
    model: Callable[[], type[BaseModel]]

    @property
    def version(self) -> int:
        """The number that files carry as `schema`; 1 for those whose form is not ours to number."""
        field = self.model().model_fields.get("schema_version")
        return int(field.default) if field else 1

    def schema(self) -> dict[str, Any]:
        """The JSON Schema (draft 2020-12) of what this version of soakwatch writes."""
        model = self.model()
        made = _as_written(model.model_json_schema(mode="serialization", schema_generator=_WithoutTitles))
        head = {
            "$schema": DIALECT,
            "$id": f"urn:soakwatch:schema:{self.name}:{self.version}",
            "title": f"soakwatch {self.name}, schema {self.version}",
            "description": cleandoc(model.__doc__ or ""),
        }
        return {**head, **{key: value for key, value in made.items() if key not in head}}


class _WithoutTitles(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401, ARG002  (pydantic's signature)
        """A title that is the key once more tells nobody anything."""
        return False


def _as_written(schema: Any) -> Any:  # noqa: ANN401  (any JSON)
    """Say that all keys are written, those with a default too, and no others.

    Readers are more patient: they ignore keys that they do not know. But no file with one is from this version.
    """
    if isinstance(schema, list):
        return [_as_written(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    # "discriminator" is OpenAPI's word, not JSON Schema's
    inside = {key: _as_written(value) for key, value in schema.items() if key != "discriminator"}
    if isinstance(properties := schema.get("properties"), dict):
        return {**inside, "required": list(properties), "additionalProperties": False}
    return {**inside, "additionalProperties": False} if "patternProperties" in schema else inside


def _baselines() -> type[BaseModel]:
    from soakwatch.store.summary_documents import BaselinesDocument

    return BaselinesDocument


def _metrics() -> type[BaseModel]:
    from soakwatch.store.summary_documents import MetricsDocument

    return MetricsDocument


def _verdicts() -> type[BaseModel]:
    from soakwatch.reporter.verdicts_json import VerdictsDocument

    return VerdictsDocument


def _execution_metadata() -> type[BaseModel]:
    from soakwatch.store.execution_metadata import ExecutionMetadata

    return ExecutionMetadata


def _truth() -> type[BaseModel]:
    from soakwatch.store.truth_files import TruthDocument

    return TruthDocument


def _mutes() -> type[BaseModel]:
    from soakwatch.reporter.mutes_json import MutesDocument

    return MutesDocument


def _issue() -> type[BaseModel]:
    from soakwatch.reporter.issue import IssueDraft

    return IssueDraft


def _issue_changes() -> type[BaseModel]:
    from soakwatch.reporter.changes_json import IssueChangesDocument

    return IssueChangesDocument


def _incidents() -> type[BaseModel]:
    from soakwatch.reporter.incidents_json import IncidentsDocument

    return IncidentsDocument


def _change() -> type[BaseModel]:
    from soakwatch.reporter.incidents_json import ChangeDocument

    return ChangeDocument


def _detection() -> type[BaseModel]:
    from soakwatch.reporter.incidents_json import DetectionDocument

    return DetectionDocument


def _backtest() -> type[BaseModel]:
    from soakwatch.cli.backtest_document import BacktestDocument

    return BacktestDocument


def _power() -> type[BaseModel]:
    from soakwatch.cli.power_document import PowerDocument

    return PowerDocument


def _published() -> type[BaseModel]:
    from soakwatch.grafana.grafana_json import PublishedDocument

    return PublishedDocument


def _annotated() -> type[BaseModel]:
    from soakwatch.grafana.grafana_json import AnnotatedDocument

    return AnnotatedDocument


def _status() -> type[BaseModel]:
    from soakwatch.cli.status_document import StatusDocument

    return StatusDocument


def _soak_status() -> type[BaseModel]:
    from soakwatch.cli.soak_document import SoakStatusDocument

    return SoakStatusDocument


FORMS = (
    Form("baselines", "what `baseline extract` and `baseline pin` write", _baselines),
    Form("metrics", "what `metrics extract` and `simulate` write", _metrics),
    Form("verdicts", "what `compare --verdicts` writes and `compare --json` prints", _verdicts),
    Form("execution-metadata", "test_execution_metadata.json of `simulate` and `scenarios run`", _execution_metadata),
    Form("truth", "what `simulate history` writes beside the store", _truth),
    Form("incidents", "what `incidents list --json` and `incidents show --json` print", _incidents),
    Form("incident-change", "each line that `watch --json` prints", _change),
    Form("detection", "what `detect --json` prints", _detection),
    Form("status", "what `status --json` prints", _status),
    Form("soak-status", "what `soak status --json` prints", _soak_status),
    Form("backtest", "what `backtest --json` prints", _backtest),
    Form("power", "what `power --json` prints", _power),
    Form("mutes", "what `mute --json`, `mute list --json` and `mute end --json` print", _mutes),
    Form("issue", "what `issues create --json` prints without --apply", _issue),
    Form("issue-changes", "what `issues sync --json` and `issues create --apply --json` print", _issue_changes),
    Form("grafana-dashboards", "what `grafana publish --json` prints", _published),
    Form("grafana-annotations", "what `grafana annotate --json` prints", _annotated),
)
"""Every kind of file."""


def find_form(name: str) -> Form:
    """The form called `name`. Raises UsageError that lists those there are."""
    for form in FORMS:
        if form.name == name:
            return form
    raise UsageError(f"there is no schema {name!r}; there are {', '.join(form.name for form in FORMS)}")
