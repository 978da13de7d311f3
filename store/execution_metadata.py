"""Execution metadata: `test_execution_metadata.json`, what was executed into a folder and how it went."""

import hashlib
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from soakwatch.core.errors import UsageError
from soakwatch.store.json_layout import lay_out
from soakwatch.store.json_reading import JsonFile, parse_json, read_json, spell
from soakwatch.store.whole_files import write_whole

FILE_NAME = "test_execution_metadata.json"

SCHEMA: Final = 1
"""Grows when a reader of the old form would misunderstand the new one; new keys alone do not count."""

_WHAT_TO_DO = "move it away, or choose another folder"


def _well_formed(text: object) -> object:
    """Arguments that are not UTF-8 reach Python as halves of surrogate pairs, which cannot be written."""
    return text.encode(errors="replace").decode() if isinstance(text, str) else text


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("there is no such time in UTC") from None


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
Text = Annotated[str, BeforeValidator(_well_formed)]
Count = Annotated[int, Field(ge=0)]


class ExecutionKind(StrEnum):
    """Where the load came from."""

    SIMULATED = "simulated"
    HOST = "host"
    DOCKER = "docker"


class ExecutionOutcome(StrEnum):
    """How an execution ended, as far as it came."""

    COMPLETED = "completed"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    NOT_STARTED = "not started"


class _Record(BaseModel):
    """Unknown keys are kept: an older version that adds an execution must not lose what a newer one wrote."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)


class WrittenFile(_Record):
    """A file that an execution wrote, relative to the folder of the document, and the SHA-256 of its content."""

    file: Text
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")

    @classmethod
    def of(cls, path: Path, folder: Path) -> Self:
        """Describe the file at `path`, which is inside `folder`. Raises OSError when it cannot be read."""
        with path.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        return cls(file=path.relative_to(folder).as_posix(), sha256=digest)


class Execution(_Record):
    """One execution of one scenario.

    Times are ISO 8601 in UTC; None where it did not start or end. `seed` is set where chance was drawn from one.
    `users` is the largest number at a time, `requests` and `failures` are counts over all services; None where they
    are not known. `faults` say in words what was made worse on purpose. `command` is what was started, without secrets;
    `run` is the id of the run in the store, `image` the container's. `reason` is a sentence on why it did not complete.
    """

    scenario: Text = Field(min_length=1)
    kind: ExecutionKind
    outcome: ExecutionOutcome
    started: Moment | None = None
    ended: Moment | None = None
    seed: int | None = None
    host: Text = ""
    users: Count | None = None
    requests: Count | None = None
    failures: Count | None = None
    services: tuple[Text, ...] = ()
    faults: tuple[Text, ...] = ()
    command: tuple[Text, ...] = ()
    exit_code: int | None = None
    run: Text | None = None
    image: Text | None = None
    files: tuple[WrittenFile, ...] = ()
    reason: Text = ""


class ExecutionMetadata(_Record):
    """All that was executed into one folder: of each scenario the last execution, in the order of their first."""

    schema_version: Literal[1] = Field(SCHEMA, alias="schema")
    executions: tuple[Execution, ...]


NOTHING_YET = ExecutionMetadata(executions=())


def with_execution(metadata: ExecutionMetadata, execution: Execution) -> ExecutionMetadata:
    """Add `execution`, in the place of an earlier one of the same scenario where there is one."""
    of_scenarios = {one.scenario: one for one in (*metadata.executions, execution)}
    return metadata.model_copy(update={"executions": tuple(of_scenarios.values())})


def render_metadata(metadata: ExecutionMetadata) -> str:
    """Write the text of `test_execution_metadata.json`; equal documents give equal bytes."""
    return lay_out(metadata.model_dump(mode="json", by_alias=True))


def parse_metadata(text: str, place: str = FILE_NAME) -> ExecutionMetadata:
    """Read what `render_metadata` wrote. Raises UsageError that begins with `place` and names line and key."""
    return _validated(parse_json(text, place))


def read_metadata(path: Path) -> ExecutionMetadata:
    """Read the document at `path`; without executions where there is no file.

    Raises UsageError when the file is another one, damaged, or cannot be read.
    """
    return _validated(read_json(path)) if path.exists() else NOTHING_YET


def _validated(file: JsonFile) -> ExecutionMetadata:
    _require_schema(file)
    try:
        return ExecutionMetadata.model_validate(file.content)
    except ValidationError as error:
        first = error.errors()[0]
        problem = f"{file.place(first['loc'])}: {spell(first['loc'])}: {first['msg']}"
        raise UsageError(f"{problem}; {_WHAT_TO_DO}") from None


def _require_schema(file: JsonFile) -> None:
    schema = file.content.get("schema") if isinstance(file.content, dict) else None
    if type(schema) is not int or schema < SCHEMA:
        raise UsageError(
            f"{file.name}: no execution metadata of soakwatch: the key 'schema' should be {SCHEMA}; {_WHAT_TO_DO}"
        )
    if schema > SCHEMA:
        raise UsageError(
            f"{file.name}: written by a newer soakwatch (schema {schema}, this one reads {SCHEMA}); upgrade soakwatch"
        )


def record_execution(path: Path, execution: Execution) -> ExecutionMetadata:
    """Add `execution` to the document at `path`, which is made where there is none; gives what it holds now.

    The file is written whole or stays as it is. One process at a time may do this. Raises UsageError when the file is
    another one, damaged or unreadable: it is never overwritten; or when it cannot be written. Raises StoreUnavailable
    when the disk has no room.
    """
    metadata = with_execution(read_metadata(path), execution)
    write_whole(path, render_metadata(metadata))
    return metadata
