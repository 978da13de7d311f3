"""Detection: the pass over a store and a ledger that takes in what has happened since the last one."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf

from soakwatch.core.configuration import Configuration
from soakwatch.core.incident import Incident
from soakwatch.core.judgement import Judgement
from soakwatch.core.mute import Mute
from soakwatch.core.series import Series
from soakwatch.core.span import Span
from soakwatch.core.spans import widened, within
from soakwatch.detector.detection import Surroundings, learn, signals_of
from soakwatch.detector.engine import Engine
from soakwatch.detector.judging import regressed_by
from soakwatch.detector.maintenance import rethought
from soakwatch.detector.memory import STEPS
from soakwatch.detector.observation import Observation
from soakwatch.detector.reading import observations
from soakwatch.detector.timing import Timing
from soakwatch.scheduler.detection_position import NAME, DetectionPosition
from soakwatch.scheduler.detection_report import Change, DetectionReport, Unknown
from soakwatch.scheduler.engine_memory import forget_engine, remembered_engine
from soakwatch.scheduler.fence import Fence, unfenced
from soakwatch.scheduler.fold import Fold, Outlets, Show, show_nobody, what_is_unknown
from soakwatch.scheduler.known_deploys import KnownDeploys
from soakwatch.scheduler.mute_book import known_mutes
from soakwatch.scheduler.resumption import goes_on, judged_no_later
from soakwatch.store.contract import Arrivals, WindowStore
from soakwatch.store.ledger import Ledger

_GRACE = 1 / 3
"""Of a step that is waited for late windows; those that are later still are taken in when they come."""

_JUDGED_AT_FIRST = 60
"""Steps before the first pass that are judged, so that what has just begun is seen; older ones are learnt from."""

_MONTH = 32 * 86_400.0
"""Seconds before the history of which runs are known still: monthly tests are the rarest that are due."""

Progress = Callable[[int, int], None]
"""Is told how many steps are done, and how many there are; may raise, to end the pass between two of them."""


Told = Callable[[Sequence[Change]], None]
"""Is given what changed in a step, as soon as the ledger has it."""


def grace(timing: Timing) -> float:
    """Seconds after the end of a step at which it is closed."""
    return _GRACE * timing.step


@dataclass(frozen=True, slots=True)
class _Kept:
    """What a pass leaves to the next one: the engine at `position`, what was unknown then, and what was muted."""

    position: DetectionPosition
    engine: Engine
    unknown: Unknown
    mutes: Sequence[Mute]


class Detection:
    """Detection over one store and one ledger, tick by tick.

    Between ticks it keeps the engine; where the ledger is not as it left it, as at the beginning or when somebody else
    was at work, it goes on from what is in the ledger.
    """

    def __init__(
        self, store: WindowStore, ledger: Ledger, configuration: Configuration, show: Show = show_nobody
    ) -> None:
        """Begin; nothing is read yet. `show` is called for each step that is judged."""
        self._show = show
        self._store = store
        self._ledger = ledger
        self._configuration = configuration
        self._timing = Timing.of(configuration.detector)
        self._identity = Engine.identity(configuration.detector)
        self._deploys = KnownDeploys(store)
        self._kept: _Kept | None = None

    def arrivals(self, now: float) -> Arrivals:
        """What arrived since the last pass. To be asked before roll-ups of it are made, else some may be missed."""
        known = self._position()
        return self._store.arrivals((known.arrivals if known else None) or "", now)

    def detect(
        self,
        now: float,
        arrivals: Arrivals,
        progress: Progress = lambda _done, _all: None,
        fence: Fence = unfenced,
        told: Told = lambda _changes: None,
    ) -> DetectionReport:
        """Fold every step since the last pass that is closed at `now`, each in one transaction of the ledger.

        Steps that are only learnt from are noted many at a time. May be killed at any moment: the ledger is then as it
        was before a step or after it. Nothing happens where no step was closed since. Raises StoreUnavailable, also
        where the clock and the ledger contradict each other, and LeaseLost when `fence` is out of date.
        """
        closed = Span.aligned(now - grace(self._timing), self._timing.step).start
        position = self._position()
        if position is None or not goes_on(position, now, closed, self._timing, self._store):
            position = self._begin(closed, fence)
        around = self._surroundings(now)
        kept = self._kept_at(position, around)
        engine, unknown = kept.engine, kept.unknown
        # whatever happens from here on, the engine may know more than the ledger
        self._kept = None
        fold = Fold(self._ledger, engine, around, position, Outlets(fence, self._show))
        thought_again = rethought(kept.mutes, around.maintenance.mutes)
        fold.take_late(self._late(position, arrivals, thought_again), arrivals.position)
        total = round((closed - position.until) / self._timing.step)
        for done, observation in enumerate(self._read(Span(position.until, closed)), 1):
            # now, not when the pass is over: it may be interrupted, and nobody would say it again
            told(fold.take(observation))
            progress(done, total)
        fold.end()
        unknown = unknown if fold.unknown is None else fold.unknown
        self._kept = _Kept(fold.position, engine, unknown, around.maintenance.mutes)
        return replace(fold.report(), unknown=unknown)

    def judgements(self, now: float) -> list[Judgement]:
        """What is said of each series over the last steps that were judged; nothing where none was. Writes nothing.

        Raises StoreUnavailable.
        """
        position = self._position()
        if position is None:
            return []
        engine = self._kept_at(position, self._surroundings(now)).engine
        return list(engine.judgements(position.until, regressed_by(self._ledger.incidents(inf))))

    def _position(self) -> DetectionPosition | None:
        """Where the ledger is; None at first, and with settings by which its memory cannot be read."""
        known = DetectionPosition.decode(self._ledger.cursor(NAME))
        return known if known is not None and known.identity == self._identity else None

    def _begin(self, closed: float, fence: Fence) -> DetectionPosition:
        """As far back as baselines look."""
        step = self._timing.step
        position = DetectionPosition(
            until=closed - self._timing.history * step,
            judged_from=closed - _JUDGED_AT_FIRST * step,
            identity=self._identity,
        )
        with self._ledger.transaction(fence()) as work:
            forget_engine(work)
            work.save(judged_no_later(self._ledger.incidents(closed), closed))
            work.set_cursor(NAME, position.encode())
        return position

    def _kept_at(self, position: DetectionPosition, around: Surroundings) -> _Kept:
        """The engine after `position`, and what belongs to it."""
        if self._kept is not None and self._kept.position == position:
            return self._kept
        return self._resumed(position, around)

    def _resumed(self, position: DetectionPosition, around: Surroundings) -> _Kept:
        """The engine as the ledger has it, which sees the last steps once more, and says again what is unknown.

        It sees them with all that is muted by now.
        """
        engine, unknown = remembered_engine(self._ledger, self._configuration.detector), dict[Series, str]()
        still = self._open_before(position.until)
        for observation in self._read(Span(position.until - STEPS * self._timing.step, position.until)):
            if position.judged_from <= observation.start and observation.end >= position.until:
                unknown = what_is_unknown(signals_of(engine, observation, still, around))
            else:
                learn(engine, observation, around)
        return _Kept(position, engine, unknown, around.maintenance.mutes)

    def _open_before(self, at: float) -> list[Incident]:
        """The open incidents as the step that ended at `at` was judged by them: without what was found in it."""
        known = [
            replace(one, findings=tuple(each for each in one.findings if each.course.since < at))
            for one in self._ledger.incidents(inf)
        ]
        return [one for one in known if one.findings]

    def _late(
        self, position: DetectionPosition, arrivals: Arrivals, thought_again: Sequence[Span]
    ) -> Iterator[Observation]:
        """Steps that the engine remembers one by one, of which more is known by now.

        More windows have arrived since, or somebody has muted, or no longer mutes, the spans `thought_again`.
        """
        known = Span(position.until - STEPS * self._timing.step, position.until)
        # the first time all that there is has arrived
        arrived = arrivals.spans if position.arrivals is not None else ()
        for span in within(widened([*arrived, *thought_again], self._timing.step), known):
            yield from self._read(span)

    def _read(self, span: Span) -> Iterator[Observation]:
        return observations(self._store, self._timing, span)

    def _surroundings(self, now: float) -> Surroundings:
        oldest = now - self._timing.history * self._timing.step - _MONTH
        runs = [run for run in self._store.runs() if run.end is None or run.end >= oldest]
        return Surroundings.of(self._configuration, self._deploys.changes(now, oldest), runs, known_mutes(self._ledger))
