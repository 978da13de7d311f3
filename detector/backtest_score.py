"""The score of a backtest: what was told of a history, held against what was done to it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from soakwatch.core.incident import Finding, Incident, Kind
from soakwatch.core.series import Series
from soakwatch.core.span import Span
from soakwatch.core.truth import EventKind, TrueEvent, Truth
from soakwatch.core.verdict import Metric, Severity
from soakwatch.detector.backtest import Replay
from soakwatch.detector.delays import Delays
from soakwatch.detector.onset_vote import agreed_onset
from soakwatch.detector.story import Story
from soakwatch.detector.timing import Timing

_MONTH = 28.0
"""Days of a series-month."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was told of one event that should be found; delays are seconds from its onset, None where it was not.

    `story` is the incident that told of it first, perhaps with others. `onset` is what it says of this event's onset in
    the end. Of the `effects` that it told when it was confirmed and whose truth is known, so many intervals were right.
    """

    event: TrueEvent
    story: Story | None = None
    suspected: float | None = None
    confirmed: float | None = None
    crept: float | None = None
    onset: Span | None = None
    effects: int = 0
    effects_covered: int = 0

    @property
    def onset_covers(self) -> bool | None:
        """Whether the interval contains the true onset; None where nothing was told."""
        return None if self.onset is None else self.onset.start <= self.event.span.start <= self.onset.end

    @property
    def severity(self) -> Severity:
        """The worst that people were told; NONE where they were not."""
        told = self.story.confirmed if self.story else None
        if self.story is None or told is None:
            return Severity.NONE
        return told.severity if self.story.last.escalated is None else Severity.CRITICAL


@dataclass(frozen=True, slots=True)
class Group:
    """Outcomes of events of one kind and size."""

    kind: EventKind
    size: float
    outcomes: tuple[Outcome, ...]

    @property
    def suspected(self) -> Delays:
        """How long it took until something was suspected."""
        return Delays(tuple(one.suspected for one in self.outcomes))

    @property
    def confirmed(self) -> Delays:
        """How long it took until people were told."""
        return Delays(tuple(one.confirmed for one in self.outcomes))

    @property
    def crept(self) -> Delays:
        """How long it took until it was called a creep."""
        return Delays(tuple(one.crept for one in self.outcomes))

    @property
    def onset_widths(self) -> Delays:
        """How wide, in seconds, the intervals of the onsets are that were told."""
        return Delays(tuple(one.onset.end - one.onset.start for one in self.outcomes if one.onset))

    @property
    def onset_coverage(self) -> float | None:
        """Share of the intervals that contain the true onset; None where none was told."""
        told = [one.onset_covers for one in self.outcomes if one.onset is not None]
        return sum(map(bool, told)) / len(told) if told else None

    @property
    def effect_coverage(self) -> float | None:
        """Share of the effects' intervals at the confirmation that contain the true one; None where none is known."""
        told = sum(one.effects for one in self.outcomes)
        return sum(one.effects_covered for one in self.outcomes) / told if told else None


@dataclass(frozen=True, slots=True)
class Score:
    """How right a replay was. `repeated` told again of an event that another incident had told of, `false` of none."""

    replay: Replay
    outcomes: tuple[Outcome, ...]
    repeated: tuple[Story, ...]
    false: tuple[Story, ...]

    @property
    def recall(self) -> float | None:
        """Share of the events that were found; None where there was none to find."""
        found = sum(one.confirmed is not None for one in self.outcomes)
        return found / len(self.outcomes) if self.outcomes else None

    @property
    def precision(self) -> float | None:
        """Share of the incidents that told of an event; None where there was no incident."""
        told = len(self.replay.confirmed)
        return 1 - len(self.false) / told if told else None

    @property
    def false_per_week(self) -> float | None:
        """False incidents in a week, over all series; None where nothing was judged."""
        return len(self.false) / self.replay.weeks if self.replay.weeks > 0 else None

    @property
    def false_per_series_month(self) -> float | None:
        """False incidents of one series in 28 days; None where nothing was judged."""
        series, per_week = len(self.replay.series), self.false_per_week
        return per_week * _MONTH / 7 / series if series and per_week is not None else None

    @property
    def groups(self) -> tuple[Group, ...]:
        """The outcomes by kind and size of their events."""
        keys = sorted({(one.event.kind, one.event.size) for one in self.outcomes})
        return tuple(
            Group(kind, size, tuple(one for one in self.outcomes if (one.event.kind, one.event.size) == (kind, size)))
            for kind, size in keys
        )


def score(replay: Replay, truth: Truth) -> Score:
    """Hold `replay` against `truth`: events that began before anything was judged are neither found nor missed."""
    events = [event for event in truth.events if event.incident is not None]
    outcomes = tuple(
        _outcome(event, replay) for event in events if replay.judged.start <= event.span.start < replay.judged.end
    )
    first = {one.story.last.fingerprint for one in outcomes if one.story is not None}
    others = [story for story in replay.confirmed if story.last.fingerprint not in first]
    false = [story for story in others if not any(_findings_of(event, story, replay.timing) for event in events)]
    return Score(replay, outcomes, tuple(one for one in others if one not in false), tuple(false))


def _outcome(event: TrueEvent, replay: Replay) -> Outcome:
    told = [(story, findings) for story in replay.stories if (findings := _findings_of(event, story, replay.timing))]
    if not told:
        return Outcome(event)
    story, findings = min(
        told, key=lambda one: (_confirmation(*one) is None, _confirmation(*one) or _suspicion(one[1]))
    )
    confirmation, onset = _confirmation(story, findings), event.span.start
    effects = _effects(event, story.confirmed)
    return Outcome(
        event=event,
        story=story,
        suspected=_suspicion(findings) - onset,
        confirmed=None if confirmation is None else confirmation - onset,
        crept=None if story.crept is None else max(story.crept, _suspicion(findings)) - onset,
        onset=agreed_onset([finding.onset for finding in findings]),
        effects=len(effects),
        effects_covered=sum(effects),
    )


def _findings_of(event: TrueEvent, story: Story, timing: Timing) -> list[Finding]:
    """What an incident tells of `event`: of its series, first told while it lasted or soon after."""
    if story.last.kind is not event.incident:
        return []
    until = event.span.end + timing.reference * timing.step
    told = (one for one in story.last.findings if _is_of(event, one.series))
    return [one for one in told if event.span.start <= one.course.since <= until]


def _is_of(event: TrueEvent, series: Series) -> bool:
    # what happens to a whole service is told of the row of all its endpoints
    return series in event.series or (event.service != "" and _is_in_service(series, event))


def _is_in_service(series: Series, event: TrueEvent) -> bool:
    return any((one.environment, one.service) == (series.environment, series.service) for one in event.series)


def _suspicion(findings: Iterable[Finding]) -> float:
    return min(finding.course.since for finding in findings)


def _confirmation(story: Story, findings: Sequence[Finding]) -> float | None:
    """When people were told; of an event that an older incident took in, when it did."""
    told = story.confirmed
    return None if told is None or told.confirmed is None else max(told.confirmed, _suspicion(findings))


def _effects(event: TrueEvent, told: Incident | None) -> list[bool]:
    """Of each effect of the event's own series whose truth is known, whether the interval contains it."""
    return [
        finding.effect.low <= truth <= finding.effect.high
        for finding in (told.findings if told else ())
        if finding.effect is not None
        and finding.series in event.series
        and finding.course.since >= event.span.start
        and (truth := _true_effect(event, finding.metric)) is not None
    ]


def _true_effect(event: TrueEvent, metric: Metric) -> float | None:
    """What a step does to each response time, and what failures and throughput are by themselves; else unknown."""
    match event.kind, event.incident:
        case EventKind.STEP, Kind.LATENCY:
            return event.size
        case EventKind.ERRORS, _ if metric is Metric.ERROR_RATE:
            return event.size
        case EventKind.THROUGHPUT, _ if metric is Metric.THROUGHPUT:
            return event.size
    return None
