"""Baseline and metrics files, schema 2: the whole documents."""

from itertools import pairwise
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from soakwatch.store.pinned_records import PinnedRecord
from soakwatch.store.record_types import Record, Text
from soakwatch.store.totals_records import TotalsRecord

SCHEMA: Final = 2
"""Grows when a reader of the old form would misunderstand the new one; new keys alone do not count.

Version 1 are files with plain numbers for each service, which soakwatch reads and never writes.
"""


class MadeFromRecord(Record):
    """A file that this one was made from: its name without folders, and what it held."""

    file: Text
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class BaselinesDocument(Record):
    """Runs to compare later ones with, made for version control: stable order, small differences."""

    schema_version: Literal[2] = Field(SCHEMA, alias="schema")
    kind: Literal["baselines"]
    made_from: tuple[MadeFromRecord, ...]
    runs: Annotated[
        tuple[Annotated[TotalsRecord | PinnedRecord, Field(discriminator="basis")], ...], Field(min_length=1)
    ]

    @model_validator(mode="after")
    def _no_run_is_there_twice(self) -> Self:
        for first, second in pairwise(sorted(run.id for run in self.runs)):
            if first == second:
                raise ValueError(f"the run {first!r} is there twice, and would count twice")
        return self


class MetricsDocument(Record):
    """What one run measured, endpoint by endpoint, to be compared with baselines."""

    schema_version: Literal[2] = Field(SCHEMA, alias="schema")
    kind: Literal["metrics"]
    made_from: tuple[MadeFromRecord, ...]
    run: TotalsRecord
