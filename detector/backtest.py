"""Backtests: what the detector would have told of a history, step by step, had it been watching."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import inf

from soakwatch.core.incident import Incident
from soakwatch.core.series import WHOLE_SERVICE, Series
from soakwatch.core.span import Span
from soakwatch.detector.detection import Surroundings, learn, signals_of
from soakwatch.detector.engine import Engine
from soakwatch.detector.incidents import advance_incidents
from soakwatch.detector.observation import Observation
from soakwatch.detector.signal import Signal, Standing
from soakwatch.detector.story import Story, retell
from soakwatch.detector.timing import Timing


@dataclass(frozen=True, slots=True)
class Replay:
    """What was told of a history. `judged` is the part of it of which anything could be, after learning.

    `series` are those without the rows of whole services, `steps` all that were replayed, also those that only taught.
    `alarms` are signals of alarm, of which one incident has many. `unknown` is the share of what was judged (series,
    step by step) of which some metric could not be told. `stories` are in the order of suspicion, with those that were
    only suspected.
    """

    timing: Timing
    judged: Span
    steps: int
    series: tuple[Series, ...]
    alarms: int
    unknown: float
    stories: tuple[Story, ...]

    @property
    def confirmed(self) -> tuple[Story, ...]:
        """Those that people would have been told of."""
        return tuple(story for story in self.stories if story.confirmed is not None)

    @property
    def weeks(self) -> float:
        """Weeks that were judged, of scaled days."""
        return (self.judged.end - self.judged.start) / (7 * self.timing.day)


def replay(
    observations: Iterable[Observation], engine: Engine, around: Surroundings, judge_from: float = -inf
) -> Replay:
    """Go through `observations`, in order of time, as the daemon would have; those before `judge_from` only teach.

    Nothing is known at any step that was not known then: of the deploys `around`, those up to its end.
    """
    record = _Record(around.timing, judge_from)
    incidents: Sequence[Incident] = ()
    for observation in observations:
        record.seen(observation)
        if observation.start < judge_from:
            learn(engine, observation, around)
            continue
        signals = signals_of(engine, observation, incidents, around)
        after = advance_incidents(incidents, signals, observation.end, around.timing, around.deploys)
        record.told(observation, signals, after)
        # what was resolved in this step is told once more, as what was only suspected gets into the baseline again
        incidents = [one for one in after if one.resolved in {None, observation.end}]
    return record.replay()


@dataclass(slots=True)
class _Record:
    """What a replay adds up."""

    timing: Timing
    judge_from: float
    first: float = inf
    last: float = -inf
    steps: int = 0
    alarms: int = 0
    rows: int = 0
    unknown: int = 0
    series: set[Series] = field(default_factory=set)
    known: tuple[Series, ...] = ()
    stories: dict[str, Story] = field(default_factory=dict)

    @property
    def learnt(self) -> float:
        return max(self.judge_from, self.first + self.timing.learning * self.timing.step)

    def seen(self, observation: Observation) -> None:
        self.last = max(self.last, observation.end)
        self.steps += 1
        if observation.series:
            self.first = min(self.first, observation.start)
        if observation.series != self.known:
            self.known = observation.series
            self.series.update(observation.series)

    def told(self, observation: Observation, signals: Sequence[Signal], incidents: Sequence[Incident]) -> None:
        self.alarms += sum(signal.standing is Standing.ALARM for signal in signals)
        if observation.start >= self.learnt:
            untold = {signal.series for signal in signals if signal.standing is Standing.UNKNOWN}
            self.unknown += len(untold)
            self.rows += len(untold.union(observation.series)) if untold else len(observation.series)
        if incidents:
            self.stories = retell(self.stories, incidents, observation.end)

    def replay(self) -> Replay:
        end = max(self.last, 0.0)
        return Replay(
            timing=self.timing,
            judged=Span(min(self.learnt, end), end),
            steps=self.steps,
            series=tuple(sorted(one for one in self.series if one.endpoint != WHOLE_SERVICE)),
            alarms=self.alarms,
            unknown=self.unknown / self.rows if self.rows else 0.0,
            stories=tuple(self.stories.values()),
        )
