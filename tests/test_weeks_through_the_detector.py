"""Days of simulated history through engine and incidents: what is benign stays quiet, and what lasts becomes normal."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from observed_history import observations_of

from soakwatch.core.configuration import Configuration
from soakwatch.core.detector_settings import DetectorSection, MaintenanceSection
from soakwatch.core.incident import Incident, Kind, Ruling, RulingKind, State
from soakwatch.core.truth import EventKind
from soakwatch.demo.history_events import Event
from soakwatch.demo.history_plan import HistoryPlan
from soakwatch.demo.simulated_history import SimulatedHistory
from soakwatch.detector.backtest import Replay, replay
from soakwatch.detector.detection import Surroundings, signals_of
from soakwatch.detector.engine import Engine
from soakwatch.detector.incidents import advance_incidents
from soakwatch.detector.maintenance import MaintenanceCalendar
from soakwatch.detector.timing import Timing

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
BRIEFLY_LEARNT = DetectorSection(learning=1.0)
ALL = (0, 1, 2)


def replayed(
    history: HistoryPlan,
    maintenance: Sequence[MaintenanceSection] = (),
    settings: DetectorSection = BRIEFLY_LEARNT,
) -> Replay:
    around = Surroundings(Timing.of(settings), MaintenanceCalendar.of(maintenance, settings.time_zone))
    return replay(observations_of(SimulatedHistory(history)), Engine.begin(settings), around)


def plan(days: int, *events: Event, series: int = 3) -> HistoryPlan:
    return HistoryPlan(seed=5, series=series, days=days, services=1, events=events)


def test_twice_the_users_a_saturated_generator_and_a_gap_make_no_incident() -> None:
    benign = (
        Event(EventKind.LOAD, 1.5 * DAY, ALL, size=1.0, length=5 * HOUR),
        Event(EventKind.LOAD, 2.5 * DAY, ALL, size=1.0, length=5 * HOUR),
        Event(EventKind.SATURATED, 3.1 * DAY, ALL, size=0.5, length=2 * HOUR),
        Event(EventKind.GAP, 3.5 * DAY, ALL, length=2 * HOUR),
    )
    told = replayed(plan(4, *benign))
    assert told.confirmed == ()
    assert 0.01 < told.unknown < 0.1


def test_a_nightly_rebuild_is_no_incident_while_it_is_said_to_be_maintenance() -> None:
    rebuilds = plan(3, *(Event(EventKind.STEP, (day + 0.125) * DAY, ALL, 2.0, 45 * MINUTE) for day in (1, 2)))
    nightly = MaintenanceSection(service="api_gateway", cron="0 3 * * *", duration=45)
    assert replayed(rebuilds).confirmed
    assert replayed(rebuilds, [nightly]).confirmed == ()


def test_an_improvement_that_lasts_is_normal_and_going_back_from_it_is_a_regression() -> None:
    history = plan(13, Event(EventKind.STEP, 9.5 * DAY, (0,), -0.3, 3 * DAY), series=1)
    (story,) = replayed(history, settings=DetectorSection()).confirmed
    back = history.start + 12.5 * DAY
    assert story.last.kind is Kind.LATENCY
    assert story.last.onset.start <= back <= story.last.onset.end


@pytest.mark.parametrize("hours", [0.25, 3.0])
def test_failures_that_were_accepted_are_usual_and_nobody_is_told_of_them_again(hours: float) -> None:
    history = plan(2, Event(EventKind.ERRORS, 1.2 * DAY, (0,), size=0.02), series=1)
    engine, around = Engine.begin(BRIEFLY_LEARNT), Surroundings.of(Configuration(detector=BRIEFLY_LEARNT), ())
    incidents: list[Incident] = []
    for step in observations_of(SimulatedHistory(history)):
        signals = signals_of(engine, step, incidents, around)
        incidents = advance_incidents(incidents, signals, step.end, around.timing, ())
        if step.end == history.start + 1.2 * DAY + hours * HOUR:
            ruling = Ruling(RulingKind.ACCEPT, step.end, "retries are expected now")
            incidents = [replace(one, ruling=ruling) for one in incidents]
    (accepted,) = [one for one in incidents if one.confirmed is not None]
    assert (accepted.is_accepted, accepted.state) == (True, State.RESOLVED)
