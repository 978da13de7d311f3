"""The engine: what it says of simulated days, and that a restart changes nothing."""

from dataclasses import replace
from itertools import islice, pairwise
from math import inf

import numpy as np
from engine_observations import QUICK, alarms, follow, observations

from soakwatch.core.incident import Kind
from soakwatch.core.roll_up import is_whole_service
from soakwatch.core.series import Series
from soakwatch.core.truth import EventKind
from soakwatch.core.verdict import Metric
from soakwatch.demo.history_events import Event
from soakwatch.demo.history_plan import HistoryPlan
from soakwatch.detector.conditions import Reason
from soakwatch.detector.engine import Engine
from soakwatch.detector.memory import STEPS
from soakwatch.detector.observation import Load, Observation
from soakwatch.detector.signal import Signal, Standing

DAY = 86_400.0
MINUTE = 60.0


def plan(*events: Event, **changes: object) -> HistoryPlan:
    base = HistoryPlan(seed=7, series=2, days=2, services=1, events=tuple(events))
    return replace(base, **changes)  # type: ignore[arg-type]


def event(kind: EventKind, size: float, day: float, length: float = inf) -> Event:
    return Event(kind=kind, size=size, onset=day * DAY, series=(0,), length=length)


def test_a_step_is_told_within_the_hour_with_its_onset_and_its_size() -> None:
    history = plan(event(EventKind.STEP, 0.5, 1.5))
    told = alarms(follow(Engine.begin(QUICK), islice(observations(history), 2280)), Kind.LATENCY)
    onset = history.start + 1.5 * DAY
    first = told[0]
    assert onset < first.at <= onset + 60 * MINUTE
    finding = [one.finding for one in told if one.at <= first.at + 15 * MINUTE and not is_whole_service(one.series)][-1]
    assert finding is not None
    assert finding.onset.start <= onset <= finding.onset.end
    assert finding.effect is not None
    assert finding.effect.low < 0.5 < finding.effect.high
    assert "standard deviations" in finding.evidence[0].says


def test_days_without_an_event_are_silent() -> None:
    assert not [signal for signal in follow(Engine.begin(QUICK), observations(plan())) if signal.finding]


def test_failures_are_told_in_minutes() -> None:
    history = plan(event(EventKind.ERRORS, 0.05, 1.5))
    told = alarms(follow(Engine.begin(QUICK), islice(observations(history), 2200)), Kind.ERRORS)
    assert told[0].at <= history.start + 1.5 * DAY + 15 * MINUTE


def test_a_restart_goes_on_as_if_nothing_had_been() -> None:
    steps = list(islice(observations(plan(event(EventKind.STEP, 0.5, 1.12))), round(1.2 * 1440)))
    split = round(1.14 * 1440)
    through, before = Engine.begin(QUICK), Engine.begin(QUICK)
    for step in steps[:split]:
        through.advance(step)
    kept: dict[str, bytes] = {}
    for step in steps[:split]:
        before.advance(step)
        kept |= before.changed_memory()
    after = Engine.resume(QUICK, kept)
    for step in steps[split - STEPS : split]:
        after.observe(step)
    expected = [through.advance(step) for step in steps[split:]]
    assert [after.advance(step) for step in steps[split:]] == expected
    assert any(expected)


def test_the_same_step_twice_and_an_older_one_say_nothing() -> None:
    steps = list(islice(observations(plan()), 100))
    engine = Engine.begin(QUICK)
    for step in steps:
        engine.advance(step)
    assert engine.advance(steps[-1]) == []
    assert engine.advance(steps[3]) == []


def test_a_series_says_until_when_it_learns() -> None:
    history = plan()
    engine = Engine.begin(QUICK)
    steps = observations(history)
    first = next(steps)
    engine.advance(first)
    assert engine.learning(first.series[0]) == history.start + DAY / 2
    for step in islice(steps, 1440):
        engine.advance(step)
    assert engine.learning(first.series[0]) is None
    account = engine.explain(first.series[0])
    assert account is not None
    assert account.blocks > 100
    assert {level.metric for level in account.levels} >= {Metric.P50, Metric.P95, Metric.P99, Metric.MEAN}


def test_a_load_like_none_before_is_unknown_and_no_incident() -> None:
    history = plan(Event(kind=EventKind.LOAD, size=1.0, onset=1.5 * DAY, series=(0, 1), length=3600.0))
    told = follow(Engine.begin(QUICK), islice(observations(history), 2260))
    assert not [signal for signal in told if signal.finding]
    unknown = [signal for signal in told if signal.standing is Standing.UNKNOWN]
    assert "comparable load" in unknown[0].reason


def test_an_accepted_level_is_the_baseline_from_its_onset_on() -> None:
    steps = list(islice(observations(plan(event(EventKind.STEP, 0.5, 1.5))), 2500))
    engine = Engine.begin(QUICK)
    onset = steps[0].start + 1.5 * DAY
    split = round(1.53 * 1440)
    told: list[Signal] = []
    for step in steps[:split]:
        told += engine.advance(step)
    assert alarms(told, Kind.LATENCY)
    accepted = {signal.key: onset for signal in alarms(told, Kind.LATENCY)}
    after = [signal for step in steps[split:] for signal in engine.advance(step, accepted=accepted)]
    assert not alarms(after, Kind.LATENCY)
    account = engine.explain(next(iter(accepted))[0])
    assert account is not None
    assert account.since is not None
    assert not [part for part in account.stretches if part.reason is Reason.NONE and part.span.end <= account.since]
    assert Reason.BEFORE_ACCEPTED in {part.reason for part in account.stretches}


ODD = Series("test", "soak", "odd", "GET", "/")


def odd(minute: int, requests: float, bucket: int, times: float) -> Observation:
    """One series whose successes are all in one bucket."""
    counts = np.array([[requests]])
    return Observation(
        minute * MINUTE,
        MINUTE,
        (ODD,),
        np.array([requests]),
        np.zeros(1),
        np.zeros(1),
        np.array([times]),
        counts,
        bucket,
    )


def test_new_series_every_day_do_not_disturb_the_old_ones() -> None:
    engine = Engine.begin(QUICK)
    for minute in range(0, 4320, 3):
        names = tuple(Series("test", "soak", "shop", "GET", f"/{minute // 1440}/{n}") for n in range(40))
        ten, none, counts = np.full(40, 10.0), np.zeros(40), np.full((40, 1), 10.0)
        load = {("test", "soak"): Load(10.0)}
        engine.advance(Observation(minute * MINUTE, MINUTE, names, ten, none, none, 50 * ten, counts, 180, load))
    assert len(engine.series) == 120


def test_series_that_are_gone_for_longer_than_the_history_are_forgotten() -> None:
    settings = QUICK.model_copy(update={"history": 2.0})
    engine = Engine.begin(settings)
    kept: dict[str, bytes] = {}
    for minute in range(0, 5 * 1440, 20):
        names = tuple(Series("test", "soak", "shop", "GET", f"/{minute // 1440}/{n}") for n in range(40))
        ten, none, counts = np.full(40, 10.0), np.zeros(40), np.full((40, 1), 10.0)
        engine.advance(Observation(minute * MINUTE, MINUTE, names, ten, none, none, 50 * ten, counts, 180))
        kept.update(engine.changed_memory())
    assert len(engine.series) <= 120
    assert Engine.resume(settings, kept).series == engine.series


def test_names_in_memory_are_from_a_bounded_set() -> None:
    engine = Engine.begin(QUICK.model_copy(update={"history": 2.0}))
    names: list[int] = []
    seen: set[str] = set()
    for minute in range(0, 8 * 1440, 10):
        engine.advance(odd(minute, 100.0, 150, 2e3))
        seen |= engine.changed_memory().keys()
        names.append(len(seen))
    assert all(before <= after for before, after in pairwise(names))
    assert names[-1] == names[len(names) // 2]
