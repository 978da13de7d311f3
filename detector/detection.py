"""Detection: one step of the detector's clock, from what was observed to the incidents after it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Self

from soakwatch.core.configuration import Configuration
from soakwatch.core.deploy import Deploy
from soakwatch.core.detector_settings import DueSection
from soakwatch.core.incident import Incident
from soakwatch.core.mute import Mute
from soakwatch.core.run import Run
from soakwatch.core.span import Span
from soakwatch.detector.engine import Engine
from soakwatch.detector.incidents import accepted, dropped, watched
from soakwatch.detector.maintenance import MaintenanceCalendar, planned_by
from soakwatch.detector.observation import Observation, Place, place_of
from soakwatch.detector.overdue import DueTests
from soakwatch.detector.signal import Key, Signal
from soakwatch.detector.timing import Timing


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known beside the observations: deploys and runs, also later ones, which do not count yet.

    The tests in `due` should run in `environment`.
    """

    timing: Timing
    maintenance: MaintenanceCalendar
    deploys: Sequence[Deploy] = ()
    runs: Sequence[Run] = ()
    due: Sequence[DueSection] = ()
    environment: str = ""

    @classmethod
    def of(
        cls,
        configuration: Configuration,
        deploys: Sequence[Deploy],
        runs: Sequence[Run] = (),
        mutes: Sequence[Mute] = (),
    ) -> Self:
        """As `configuration` says, with what a store knows of deploys and runs, and what people have muted."""
        return cls(
            Timing.of(configuration.detector),
            planned_by(configuration).with_mutes(mutes),
            deploys,
            runs,
            configuration.due,
            configuration.environment,
        )

    def maintained(self, engine: Engine, observation: Observation) -> Collection[Place]:
        """The services of which what happens in this step is no incident, also those that are silent."""
        under_way = self.maintenance.during(Span(observation.start, observation.end))
        if not under_way:
            return ()
        places = {place_of(series) for series in (*engine.series, *observation.series)}
        return {place for place in places if any(one.concerns(*place) for one in under_way)}

    def overdue(self, step: Span, open_ones: Collection[Key]) -> list[Signal]:
        """What is said at the end of `step` of the tests that are due."""
        return DueTests(self.due, self.environment, self.maintenance.time_zone).signals(self.runs, step, open_ones)


def learn(engine: Engine, observation: Observation, around: Surroundings) -> None:
    """Take in a step of the past, or one of which more has become known, without judging."""
    engine.observe(observation, around.maintained(engine, observation))


def signals_of(
    engine: Engine, observation: Observation, incidents: Sequence[Incident], around: Surroundings
) -> list[Signal]:
    """What is said of the step while `incidents` are what is known; accepted ones as long as baselines look back."""
    maintained = around.maintained(engine, observation)
    open_ones = watched(incidents)
    nothing = dropped(incidents, observation.start)
    signals = engine.advance(observation, open_ones, accepted(incidents), maintained, nothing)
    return [*signals, *around.overdue(Span(observation.start, observation.end), open_ones)]
