"""The document that `backtest --json` prints."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, Literal, Self

from pydantic import Field

from soakwatch.core.incident import State
from soakwatch.core.record import Record
from soakwatch.core.truth import EventKind
from soakwatch.core.verdict import Severity
from soakwatch.detector.backtest import Replay
from soakwatch.detector.backtest_score import Group, Outcome, Score
from soakwatch.detector.delays import Delays
from soakwatch.detector.story import Story
from soakwatch.reporter.incidents_json import IncidentRecord, utc_moment
from soakwatch.reporter.verdicts_json import Number, Text

SCHEMA: Final = 1
"""Grows when a reader of the old form would misunderstand the new one; new keys alone do not count."""


class StateChangeRecord(Record):
    """An incident came into a state."""

    at: datetime
    state: State


class StoryRecord(Record):
    """An incident as it was in the end, and how it went there."""

    incident: IncidentRecord
    changes: tuple[StateChangeRecord, ...]

    @classmethod
    def of(cls, story: Story) -> Self:
        """Make the record of `story`."""
        changes = tuple(StateChangeRecord(at=utc_moment(one.at), state=one.state) for one in story.changes)
        return cls(incident=IncidentRecord.of(story.last), changes=changes)


class DelayRecord(Record):
    """Seconds from the onset to what was told of it; null where so many were never told of."""

    median: Number
    p90: Number

    @classmethod
    def of(cls, delays: Delays) -> Self:
        """Make the record of `delays`."""
        return cls(median=delays.quantile(0.5), p90=delays.quantile(0.9))


class GroupRecord(Record):
    """Events of one kind and size: how many there were, how many were found, and how soon and how well."""

    kind: EventKind
    size: Number
    events: int
    found: int
    suspected: DelayRecord
    confirmed: DelayRecord
    onset_covers: Number
    onset_width: DelayRecord
    effect_covers: Number

    @classmethod
    def of(cls, group: Group) -> Self:
        """Make the record of `group`."""
        return cls(
            kind=group.kind,
            size=group.size,
            events=len(group.outcomes),
            found=group.confirmed.happened,
            suspected=DelayRecord.of(group.suspected),
            confirmed=DelayRecord.of(group.confirmed),
            onset_covers=group.onset_coverage,
            onset_width=DelayRecord.of(group.onset_widths),
            effect_covers=group.effect_coverage,
        )


class OutcomeRecord(Record):
    """One event that should be found, and the incident that told of it; null where none did. Delays in seconds."""

    kind: EventKind
    size: Number
    onset: datetime
    series: tuple[Text, ...]
    fingerprint: Text | None
    suspected: Number
    confirmed: Number
    onset_covers: bool | None
    severity: Severity

    @classmethod
    def of(cls, outcome: Outcome) -> Self:
        """Make the record of `outcome`."""
        event, story = outcome.event, outcome.story
        return cls(
            kind=event.kind,
            size=event.size,
            onset=utc_moment(event.span.start),
            series=tuple(map(str, event.series)),
            fingerprint=story.last.fingerprint if story else None,
            suspected=outcome.suspected,
            confirmed=outcome.confirmed,
            onset_covers=outcome.onset_covers,
            severity=outcome.severity,
        )


class ScoreRecord(Record):
    """How right it was: shares of 0 to 1. `false` are the fingerprints of incidents that told of no event."""

    precision: Number
    recall: Number
    false_per_week: Number
    false_per_series_month: Number
    groups: tuple[GroupRecord, ...]
    outcomes: tuple[OutcomeRecord, ...]
    repeated: tuple[Text, ...]
    false: tuple[Text, ...]

    @classmethod
    def of(cls, score: Score) -> Self:
        """Make the record of `score`."""
        return cls(
            precision=score.precision,
            recall=score.recall,
            false_per_week=score.false_per_week,
            false_per_series_month=score.false_per_series_month,
            groups=tuple(map(GroupRecord.of, score.groups)),
            outcomes=tuple(map(OutcomeRecord.of, score.outcomes)),
            repeated=_fingerprints(score.repeated),
            false=_fingerprints(score.false),
        )


class BacktestDocument(Record):
    """What the detector would have told of a history, had it been watching.

    `judged_from` is when the first series had been seen long enough, `unknown` the share of what was judged of which
    something could not be told. `suspects` counts those that came to nothing. `score` is null where no truth was given.
    """

    schema_version: Literal[1] = Field(SCHEMA, alias="schema")
    judged_from: datetime
    judged_to: datetime
    weeks: Number
    steps: int
    series: int
    alarms: int
    unknown: Number
    incidents: tuple[StoryRecord, ...]
    incidents_per_week: Number
    suspects: int
    score: ScoreRecord | None


def backtest_document(replay: Replay, score: Score | None) -> BacktestDocument:
    """Make the document of what `replay` told, and how right it was."""
    confirmed = replay.confirmed
    return BacktestDocument(
        judged_from=utc_moment(replay.judged.start),
        judged_to=utc_moment(replay.judged.end),
        weeks=replay.weeks,
        steps=replay.steps,
        series=len(replay.series),
        alarms=replay.alarms,
        unknown=replay.unknown,
        incidents=tuple(map(StoryRecord.of, confirmed)),
        incidents_per_week=len(confirmed) / replay.weeks if replay.weeks else None,
        suspects=len(replay.stories) - len(confirmed),
        score=None if score is None else ScoreRecord.of(score),
    )


def _fingerprints(stories: Iterable[Story]) -> tuple[str, ...]:
    return tuple(story.last.fingerprint for story in stories)
