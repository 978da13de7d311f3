"""The engine: from one step to the next, what is worse than normal, and since when."""

from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Self

from soakwatch.core.detector_settings import DetectorSection
from soakwatch.core.judgement import Judgement
from soakwatch.core.series import Series
from soakwatch.core.span import Span
from soakwatch.detector.error_signals import ErrorSignals
from soakwatch.detector.exclusions import accept, give_back, leave_out
from soakwatch.detector.explanation import BaselineAccount, account_of
from soakwatch.detector.held_signals import GROUP, HeldSignals, learn_usual
from soakwatch.detector.intake import take_in
from soakwatch.detector.judging import Regressed, judge_block
from soakwatch.detector.memory import Memory
from soakwatch.detector.memory_parts import identity_of, parts_of, restored
from soakwatch.detector.minutes_of_a_day import MinutesOfADay
from soakwatch.detector.observation import Observation, Place
from soakwatch.detector.power import PowerStudy
from soakwatch.detector.references import References
from soakwatch.detector.signal import Key, Signal
from soakwatch.detector.silence import SilenceWatch
from soakwatch.detector.time_signals import judge_times

_NOTHING: Mapping[Key, Span] = MappingProxyType({})
_NOBODY: Mapping[Key, float] = MappingProxyType({})


class Engine:
    """Knows what is normal for each series, and judges each step by it: a fold over the steps, in order of time.

    The same steps give the same signals, whether or not the engine was made anew between them by `resume` and was
    given the last three hours to `observe`.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._references = References(memory)
        self._errors = ErrorSignals(memory)
        self._held = HeldSignals(memory)
        self._silence = SilenceWatch(memory.timing)

    @classmethod
    def begin(cls, settings: DetectorSection) -> Self:
        """Nothing is known."""
        return cls(Memory(settings))

    @classmethod
    def resume(cls, settings: DetectorSection, memory: Mapping[str, bytes]) -> Self:
        """Go on with what `changed_memory` gave before; what another version wrote is learnt again."""
        return cls(restored(settings, memory))

    @staticmethod
    def identity(settings: DetectorSection) -> str:
        """All on which it depends whether what was remembered can be read: with another one, all is learnt anew."""
        return identity_of(Memory(settings))

    def changed_memory(self) -> Mapping[str, bytes]:
        """What is to be kept, by name, of what changed since the last call."""
        return parts_of(self._memory)

    def observe(self, observation: Observation, maintenance: Collection[Place] = ()) -> None:
        """Take in a step without judging it: to learn, to remember the last hours, or because windows came late."""
        self._silence.take(observation, maintenance)
        numbered_at = self._memory.numbered_at
        if take_in(self._memory, observation, maintenance):
            self._learn_usual(all_groups=self._memory.numbered_at != numbered_at)

    def advance(
        self,
        observation: Observation,
        watched: Mapping[Key, Span] = _NOTHING,
        accepted: Mapping[Key, float] = _NOBODY,
        maintenance: Collection[Place] = (),
        dropped: Mapping[Key, Span] = _NOTHING,
    ) -> list[Signal]:
        """Take in the next step and judge it. A step that is not newer than the last one gives no signals.

        `watched` are the onsets of what belongs to open incidents: a signal is given for each of them, and from the
        onset on nothing of their series gets into the baseline. `accepted` are the onsets from which a level is the
        baseline because people said so; `maintenance` are the services that are being worked on. `dropped` are what was
        suspected up to the step before, and from when until when: it was nothing, and is of the baseline again.
        """
        memory = self._memory
        newer = memory.newest is None or memory.step_of(observation) > memory.newest
        self.observe(observation, maintenance)
        if not newer:
            return []
        accept(memory, accepted)
        give_back(memory, dropped)
        leave_out(memory, watched)
        return self._judge(observation.end, watched)

    def leave_out(self, watched: Mapping[Key, Span]) -> None:
        """Keep what belongs to incidents out of the baselines, from their onsets on: while learning, as `advance`."""
        leave_out(self._memory, watched)

    def learning(self, series: Series) -> float | None:
        """Until when it is learnt what is normal for `series` (seconds since the epoch); None when that is known."""
        row = self._memory.row_of(series)
        return None if row is None else self._memory.learning_until(row)

    def explain(self, series: Series) -> BaselineAccount | None:
        """What the baseline of `series` is made of; None when it was never seen."""
        row = self._memory.row_of(series)
        return None if row is None else account_of(self._memory, row)

    def power(self, day: MinutesOfADay, seed: int = 1) -> PowerStudy:
        """What would be found of the series that are known, by what is remembered; `day` is the one before now."""
        return PowerStudy(self._memory, day, seed)

    def judgements(self, at: float, regressed: Regressed) -> Iterator[Judgement]:
        """What is said of each series that is there at the end of a block, `at`, while so much is `regressed`."""
        return judge_block(self._memory, self._errors.usual(), at, regressed)

    @property
    def series(self) -> tuple[Series, ...]:
        """All that were ever seen and are remembered."""
        return self._memory.series

    def _judge(self, at: float, watched: Mapping[Key, Span]) -> list[Signal]:
        return [
            *judge_times(self._memory, self._references, at, watched),
            *self._held.signals(at, watched),
            *self._errors.judge(at, watched),
            *self._silence.signals(at, watched),
        ]

    def _learn_usual(self, *, all_groups: bool) -> None:
        """Once a day, for a group of series after the other, learn how much their levels usually move.

        After rows were renumbered, all groups do so at once: an open creep is not to recover by it.
        """
        memory = self._memory
        block = memory.blocks.newest or 0
        for group in range(-(-memory.rows // GROUP)):
            if all_groups or group % memory.groups == block % memory.groups:
                usual = learn_usual(memory, group)
                if usual is not None:
                    memory.usual[group] = usual
                    memory.unwritten.groups.add(group)
