"""Fold: steps taken in order of time, and what comes of each noted in the ledger."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf

from soakwatch.core.incident import Incident, State
from soakwatch.core.series import Series
from soakwatch.detector.detection import Surroundings, learn, signals_of
from soakwatch.detector.engine import Engine
from soakwatch.detector.incidents import advance_incidents, watched
from soakwatch.detector.observation import Observation
from soakwatch.detector.signal import Signal, Standing
from soakwatch.scheduler.detection_position import NAME, DetectionPosition
from soakwatch.scheduler.detection_report import Change, DetectionReport, Unknown
from soakwatch.scheduler.engine_memory import changed_parts
from soakwatch.scheduler.fence import Fence
from soakwatch.store.ledger import Ledger

_LEARNT_AT_ONCE = 360
"""Steps that are learnt from before it is noted how far that has come."""

Show = Callable[[Engine, float, Mapping[str, Incident], Sequence[Incident]], None]
"""Shows a step that was judged, before it is noted: when it ended, the incidents before, by fingerprint, and after."""


def show_nobody(_engine: Engine, _at: float, _before: Mapping[str, Incident], _after: Sequence[Incident]) -> None:
    """Where no dashboard looks."""


@dataclass(frozen=True, slots=True)
class Outlets:
    """How a fold writes what comes of it."""

    fence: Fence
    show: Show


class Fold:
    """Goes on from `position`, where `engine` is: step by step, each in one transaction of the ledger.

    Steps that are only learnt from are noted many at a time. `unknown` is what could not be told at the last step that
    was judged, None before one was.
    """

    def __init__(
        self, ledger: Ledger, engine: Engine, around: Surroundings, position: DetectionPosition, outlets: Outlets
    ) -> None:
        """Take in nothing yet."""
        self.position = position
        self.unknown: Unknown | None = None
        self._noted = position
        self._ledger = ledger
        self._engine = engine
        self._around = around
        self._outlets = outlets
        self._changes: list[Change] = []
        self._judged = self._learnt = 0
        # what is learnt from was judged before, where the ledger has incidents of it
        known = ledger.incidents(position.until) if position.until < position.judged_from else []
        self._past = [one for one in known if not one.was_dropped]

    def take_late(self, late: Iterable[Observation], arrivals: str) -> None:
        """Take in once more what has become known of steps that were taken in before."""
        for observation in late:
            learn(self._engine, observation, self._around)
        self.position = replace(self.position, arrivals=arrivals)

    def take(self, observation: Observation) -> Sequence[Change]:
        """Take in the next step: judge it, or learn from it where it is of the past. What changed, and is noted."""
        self.position = replace(self.position, until=observation.end)
        if observation.start < self.position.judged_from:
            self._learn(observation)
            return ()
        self._judged += 1
        changes = self._judge(observation)
        self._changes += changes
        return changes

    def end(self) -> None:
        """Note what is not noted yet."""
        if self.position != self._noted:
            self._note((), ())

    def report(self) -> DetectionReport:
        """What was done."""
        still = tuple(one for one in self._ledger.incidents(inf) if one.is_open)
        known = tuple(self._engine.series)
        until = {series: self._engine.learning(series) for series in known}
        learning = {series: moment for series, moment in until.items() if moment is not None}
        return DetectionReport(
            until=self.position.until,
            judged=self._judged,
            learnt=self._learnt,
            changes=tuple(self._changes),
            incidents=still,
            series=known,
            learning=learning,
        )

    def _learn(self, observation: Observation) -> None:
        # the store may not reach back as far as baselines look
        self._learnt += bool(observation.series)
        learn(self._engine, observation, self._around)
        self._engine.leave_out(watched(self._open_at(observation.end)))
        if self.position.until - self._noted.until >= _LEARNT_AT_ONCE * self._around.timing.step:
            self._note((), ())

    def _judge(self, observation: Observation) -> list[Change]:
        before = self._ledger.incidents(observation.end - self._looked_back())
        signals = signals_of(self._engine, observation, before, self._around)
        self.unknown = what_is_unknown(signals)
        after = advance_incidents(before, signals, observation.end, self._around.timing, self._around.deploys)
        known = {one.fingerprint: one for one in before}
        changed = [one for one in after if one != known.get(one.fingerprint)]
        # before it is noted: should this end between the two, it is shown once more, as the same
        self._outlets.show(self._engine, observation.end, known, after)
        dropped = [one.fingerprint for one in before if one.was_dropped and self._is_old(one, observation.end)]
        self._note(changed, dropped)
        states = {fingerprint: one.state for fingerprint, one in known.items()}
        return [
            Change(observation.end, states.get(one.fingerprint), one)
            for one in changed
            if one.state is not states.get(one.fingerprint)
        ]

    def _open_at(self, at: float) -> list[Incident]:
        """The incidents of the past as they were at `at`: open."""
        there = [one for one in self._past if one.suspected <= at and (one.resolved is None or one.resolved > at)]
        return [replace(one, state=State.CONFIRMED) for one in there]

    def _note(self, changed: Iterable[Incident], dropped: Iterable[str]) -> None:
        memory = changed_parts(self._engine)
        with self._ledger.transaction(self._outlets.fence()) as work:
            work.save(changed)
            work.drop(dropped)
            work.remember(memory)
            work.set_cursor(NAME, self.position.encode())
        self._noted = self.position

    def _looked_back(self) -> float:
        """Seconds for which accepted incidents matter, and those that are to be forgotten can still be seen."""
        return self._around.timing.history * self._around.timing.step + 2 * self._around.timing.day

    def _is_old(self, one: Incident, at: float) -> bool:
        return one.resolved is not None and one.resolved < at - self._around.timing.day


def what_is_unknown(signals: Iterable[Signal]) -> dict[Series, str]:
    """Of which series something cannot be told, and why."""
    return {one.series: one.reason for one in signals if one.standing is Standing.UNKNOWN and one.reason}
