"""Mutes as documents for machines."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from soakwatch.core.mute import Mute
from soakwatch.reporter.incidents_json import utc_moment
from soakwatch.reporter.verdicts_json import Text

SCHEMA: Final = 1
"""Grows when a reader of the old form would misunderstand the new one; new keys alone do not count."""


class MuteRecord(BaseModel):
    """What somebody asked to be muted; `environment` and `service` are patterns. Times are ISO 8601 in UTC."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Text
    environment: Text
    service: Text
    start: datetime
    end: datetime
    why: Text
    by: Text
    asked: datetime

    @classmethod
    def of(cls, mute: Mute) -> Self:
        """Make the record of `mute`."""
        return cls(
            id=mute.id,
            environment=mute.environment,
            service=mute.service,
            start=utc_moment(mute.span.start),
            end=utc_moment(mute.span.end),
            why=mute.why,
            by=mute.by,
            asked=utc_moment(mute.asked),
        )


class MutesDocument(BaseModel):
    """What people asked to be muted: until when, by whom and why; in the order of their beginning."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    schema_version: Literal[1] = Field(SCHEMA, alias="schema")
    mutes: tuple[MuteRecord, ...]


def mutes_document(mutes: Iterable[Mute]) -> MutesDocument:
    """Make the document of `mutes`."""
    return MutesDocument(mutes=tuple(map(MuteRecord.of, mutes)))
