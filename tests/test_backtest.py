"""Backtests: what would have been told of a history, and how right that would have been."""

from dataclasses import replace
from itertools import pairwise

import pytest
from incident_signals import MINUTE, NOON, TIMING, around, endpoint, signal
from observed_history import observations_of

from soakwatch.core.deploy import Deploy
from soakwatch.core.detector_settings import DetectorSection
from soakwatch.core.incident import Incident, Kind, Shape
from soakwatch.core.series import WHOLE_SERVICE, Series
from soakwatch.core.span import Span
from soakwatch.core.truth import EventKind, TrueEvent, Truth
from soakwatch.core.verdict import Effect, Severity
from soakwatch.demo.history_events import Event
from soakwatch.demo.history_plan import HistoryPlan
from soakwatch.demo.simulated_history import SimulatedHistory
from soakwatch.detector.backtest import Replay, replay
from soakwatch.detector.backtest_score import Outcome, score
from soakwatch.detector.delays import Delays
from soakwatch.detector.detection import Surroundings
from soakwatch.detector.engine import Engine
from soakwatch.detector.incidents import advance_incidents
from soakwatch.detector.maintenance import MaintenanceCalendar
from soakwatch.detector.observation import Observation
from soakwatch.detector.signal import Signal
from soakwatch.detector.story import Story, retell
from soakwatch.detector.timing import Timing

DAY = 1440 * MINUTE
SETTINGS = DetectorSection(learning=1.0)
AROUND = Surroundings(Timing.of(SETTINGS), MaintenanceCalendar.of([], "UTC"))
QUERY, INGEST = endpoint("/query"), endpoint("/ingest")
WHOLE = Series("staging", "soak", "rag", WHOLE_SERVICE, WHOLE_SERVICE)


@pytest.fixture(scope="module")
def history() -> SimulatedHistory:
    # failures are found in minutes, also after a day of learning
    failing = Event(EventKind.ERRORS, 1.2 * DAY, (1,), size=0.1, deploy=True)
    return SimulatedHistory(HistoryPlan(seed=3, series=3, days=2, services=1, events=(failing,)))


@pytest.fixture(scope="module")
def observed(history: SimulatedHistory) -> list[Observation]:
    until = history.plan.start + 1.3 * DAY
    return [one for one in observations_of(history) if one.end <= until]


@pytest.fixture(scope="module")
def replayed(history: SimulatedHistory, observed: list[Observation]) -> Replay:
    around_it = replace(AROUND, deploys=history.deploys())
    return replay(observed, Engine.begin(SETTINGS), around_it)


def test_a_backtest_finds_what_was_done_to_a_history(replayed: Replay, history: SimulatedHistory) -> None:
    result = score(replayed, history.truth())
    (outcome,) = result.outcomes
    assert outcome.confirmed is not None
    assert outcome.onset_covers
    assert outcome.severity is Severity.CRITICAL
    assert outcome.story is not None
    assert outcome.story.last.deploy_before == history.deploys()[-1]
    assert (result.recall, result.precision, result.false) == (1.0, 1.0, ())


def test_a_backtest_says_what_it_went_through(replayed: Replay, history: SimulatedHistory) -> None:
    assert replayed.steps == 1.3 * 1440
    assert set(replayed.series) == set(history.plan.endpoints)
    assert replayed.judged == Span(history.plan.start + DAY, history.plan.start + 1.3 * DAY)
    assert replayed.alarms >= len(replayed.confirmed)
    assert replayed.unknown < 0.01


def test_a_story_has_every_change_of_its_incident_in_order(replayed: Replay) -> None:
    for story in replayed.stories:
        assert story.changes[0].at == story.last.suspected
        assert story.changes[-1].state is story.last.state
        assert all(one.at < other.at and one.state is not other.state for one, other in pairwise(story.changes))


def test_what_is_told_of_a_step_does_not_depend_on_anything_later(
    replayed: Replay, observed: list[Observation], history: SimulatedHistory
) -> None:
    confirmed = replayed.confirmed[0].confirmed
    assert confirmed is not None
    assert confirmed.judged is not None
    until = [one for one in observed if one.end <= confirmed.judged]
    later = Deploy("simulated", "*", confirmed.judged + MINUTE, "v9")
    then = replay(until, Engine.begin(SETTINGS), replace(AROUND, deploys=[*history.deploys(), later]))
    assert confirmed in [story.last for story in then.stories]


def test_bumps_that_follow_one_another_for_18_minutes_are_suspected_and_no_incident() -> None:
    bumps = Event(EventKind.STEP, 1.5 * DAY, (0, 1, 2), size=1.0, length=18 * MINUTE)
    plan = HistoryPlan(seed=3, series=3, days=2, services=1, spikes=False, events=(bumps,))
    until = plan.start + 1.55 * DAY
    replayed = replay(
        (one for one in observations_of(SimulatedHistory(plan)) if one.end <= until), Engine.begin(SETTINGS), AROUND
    )
    assert replayed.stories
    assert replayed.confirmed == ()


def test_what_only_teaches_makes_no_incidents(observed: list[Observation]) -> None:
    taught = replay(observed[:60], Engine.begin(SETTINGS), AROUND, judge_from=observed[-1].end)
    assert (taught.stories, taught.alarms) == ((), 0)
    assert taught.weeks == 0.0


def test_a_history_without_anything_is_no_error() -> None:
    nothing = replay([], Engine.begin(SETTINGS), AROUND)
    assert (nothing.steps, nothing.series, nothing.stories, nothing.weeks) == (0, (), (), 0.0)
    result = score(nothing, Truth(1, Span(0.0, 0.0), ()))
    assert (result.recall, result.precision, result.false_per_week) == (None, None, None)


def story(series: Series, since: float, held: int = TIMING.hold, kind: Kind = Kind.LATENCY) -> Story:
    """An incident that was suspected at `since`, and confirmed if it held long enough."""
    stories: dict[str, Story] = {}
    incidents: list[Incident] = []
    for step in range(held):
        at = since + step * MINUTE
        signals: list[Signal] = [replace(signal(series, at, onset=around(since - 10 * MINUTE)), kind=kind)]
        incidents = advance_incidents(incidents, signals, at, TIMING, [])
        stories = retell(stories, incidents, at)
    return next(iter(stories.values()))


def told(*stories: Story) -> Replay:
    """A quiet history of four weeks and two endpoints, but for `stories`."""
    return Replay(TIMING, Span(NOON - 14 * DAY, NOON + 14 * DAY), 40_320, (QUERY, INGEST), 0, 0.0, stories)


def truth(*events: TrueEvent) -> Truth:
    return Truth(1, Span(NOON - 21 * DAY, NOON + 14 * DAY), events)


def happened(series: Series = QUERY, onset: float = NOON, length: float = 14 * DAY) -> TrueEvent:
    return TrueEvent(EventKind.STEP, 0.2, Span(onset, onset + length), (series,), incident=Kind.LATENCY)


def outcome_of(event: TrueEvent, *stories: Story) -> Outcome:
    (outcome,) = score(told(*stories), truth(event)).outcomes
    return outcome


def test_delays_are_counted_from_the_onset() -> None:
    outcome = outcome_of(happened(), story(QUERY, NOON + 12 * MINUTE))
    assert outcome.suspected == 12 * MINUTE
    assert outcome.confirmed == (12 + TIMING.hold - 1) * MINUTE
    assert (outcome.onset_covers, outcome.severity) == (True, Severity.WARNING)


def test_what_was_only_suspected_is_not_found() -> None:
    outcome = outcome_of(happened(), story(QUERY, NOON + 12 * MINUTE, held=2))
    assert (outcome.suspected, outcome.confirmed) == (12 * MINUTE, None)
    assert score(told(story(QUERY, NOON, held=2)), truth()).false == (), "nobody would have been told of it"


@pytest.mark.parametrize(
    "elsewhere",
    [
        story(INGEST, NOON + 12 * MINUTE),
        story(QUERY, NOON - MINUTE),
        story(QUERY, NOON + 12 * MINUTE, kind=Kind.ERRORS),
        story(QUERY, NOON + 9 * DAY),
        story(endpoint("/query", "search"), NOON + 12 * MINUTE),
        story(WHOLE, NOON + 12 * MINUTE),
    ],
    ids=["another endpoint", "before", "another kind", "long after its end", "another service", "its whole service"],
)
def test_an_incident_about_something_else_is_false(elsewhere: Story) -> None:
    result = score(told(elsewhere), truth(happened(length=4 * DAY)))
    assert result.false == (elsewhere,)
    assert (result.recall, result.precision) == (0.0, 0.0)


def test_an_incident_of_a_benign_event_is_false() -> None:
    benign = TrueEvent(EventKind.LOAD, 1.0, Span(NOON, NOON + DAY), (QUERY,))
    result = score(told(story(QUERY, NOON + 12 * MINUTE)), truth(benign))
    assert len(result.false) == 1
    assert result.outcomes == ()


def test_the_row_of_a_whole_service_tells_of_what_happened_to_all_of_it() -> None:
    silence = replace(happened(), kind=EventKind.GAP, service="rag", incident=Kind.NO_DATA)
    assert outcome_of(silence, story(WHOLE, NOON + 12 * MINUTE, kind=Kind.NO_DATA)).confirmed is not None


def test_a_second_incident_of_the_same_event_is_neither_found_nor_false() -> None:
    first, second = story(QUERY, NOON + 12 * MINUTE), story(QUERY, NOON + DAY)
    result = score(told(second, first), truth(happened()))
    assert [one.story for one in result.outcomes] == [first]
    assert (result.repeated, result.false, result.precision) == ((second,), (), 1.0)


def test_what_began_before_anything_was_judged_does_not_count() -> None:
    early = happened(onset=NOON - 16 * DAY, length=30 * DAY)
    result = score(told(story(QUERY, NOON)), truth(early))
    assert (result.outcomes, result.false) == ((), ())


def test_false_incidents_are_counted_by_week_and_by_series_and_month() -> None:
    result = score(told(story(QUERY, NOON), story(INGEST, NOON + DAY)), truth())
    assert result.false_per_week == pytest.approx(0.5)
    assert result.false_per_series_month == pytest.approx(1.0)


def test_effects_are_held_against_what_was_done_as_they_were_told_at_the_confirmation() -> None:
    def saying(effect: Effect) -> Story:
        one = story(QUERY, NOON + 12 * MINUTE)
        assert one.confirmed is not None
        findings = tuple(replace(finding, effect=effect) for finding in one.confirmed.findings)
        return replace(one, confirmed=replace(one.confirmed, findings=findings))

    right, wrong = saying(Effect(0.19, 0.15, 0.23)), saying(Effect(0.4, 0.3, 0.5))
    assert [outcome_of(happened(), one).effects_covered for one in (right, wrong)] == [1, 0]
    (group,) = score(told(right), truth(happened(), happened(INGEST))).groups
    assert (group.kind, group.size, group.effect_coverage, group.onset_coverage) == (EventKind.STEP, 0.2, 1.0, 1.0)
    assert (group.confirmed.happened, len(group.outcomes)) == (1, 2)


def test_a_creep_is_dated_from_when_it_was_called_one() -> None:
    begun = story(QUERY, NOON + 12 * MINUTE)
    creeping = tuple(replace(finding, shape=Shape.CREEP) for finding in begun.last.findings)
    called = begun.go_on(replace(begun.last, findings=creeping), NOON + DAY)
    later = called.go_on(called.last, NOON + 2 * DAY)
    assert outcome_of(happened(), later).crept == DAY
    assert outcome_of(happened(), begun).crept is None


def test_what_was_never_found_counts_in_the_quantiles_of_delays() -> None:
    delays = Delays((60.0, 120.0, 180.0, None))
    assert [delays.quantile(share) for share in (0.25, 0.5, 0.75, 0.9)] == [60.0, 120.0, 180.0, None]
    assert (delays.happened, delays.within(120.0)) == (3, 0.5)
    assert Delays(()).quantile(0.5) is None
