"""The document that `soak status --json` prints."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, Literal, Self

from pydantic import Field

from soakwatch.core.record import Record
from soakwatch.reporter.incidents_json import utc_moment
from soakwatch.reporter.verdicts_json import Text
from soakwatch.scheduler.daemon_report import DaemonReport
from soakwatch.scheduler.soak_state import SoakState

SCHEMA: Final = 1
"""Grows when a reader of the old form would misunderstand the new one; new keys alone do not count."""


class SoakStateRecord(Record):
    """One soak, as the daemon said; see `SoakState`. `process` is null where none runs."""

    name: Text
    test: Text
    wanted: bool
    process: int | None
    run: Text
    since: datetime | None
    due: datetime | None
    restarts: int = Field(ge=0)
    trouble: Text

    @classmethod
    def of(cls, state: SoakState) -> Self:
        """Make the record of `state`."""
        return cls(
            name=state.name,
            test=state.test,
            wanted=state.wanted,
            process=state.process or None,
            run=state.run,
            since=_moment(state.since),
            due=_moment(state.due),
            restarts=state.restarts,
            trouble=state.trouble,
        )


class SoakStatusDocument(Record):
    """All soaks of the daemon that is at work, as it said `at` a moment."""

    schema_version: Literal[1] = Field(SCHEMA, alias="schema")
    at: datetime
    daemon: Text
    soaks: tuple[SoakStateRecord, ...]

    @classmethod
    def of(cls, report: DaemonReport, soaks: Iterable[SoakState]) -> Self:
        """Make the document of what `report` says of `soaks`."""
        records = tuple(SoakStateRecord.of(one) for one in soaks)
        return cls(at=utc_moment(report.at), daemon=report.holder, soaks=records)


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else utc_moment(seconds)
