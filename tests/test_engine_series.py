"""The engine's series: rare ones, one too many, and what suspicions and silence do to their baselines."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from engine_observations import alarms, follow

from soakwatch.core.detector_settings import DetectorSection
from soakwatch.core.incident import Kind
from soakwatch.core.series import Series
from soakwatch.core.span import Span
from soakwatch.core.verdict import Metric
from soakwatch.detector.conditions import Reason
from soakwatch.detector.engine import Engine
from soakwatch.detector.observation import Load, Observation
from soakwatch.detector.series_rows import MOST_ROWS
from soakwatch.detector.signal import Key, Signal, Standing

MINUTE = 60.0
SETTINGS = DetectorSection(learning=0.25, history=2.0)
RARE = Series("test", "soak", "shop", "GET", "/report")
OFTEN = Series("test", "soak", "shop", "GET", "/basket")
LEARNT = 720


def a_step(minute: int, series: Iterable[Series], failed: float = 0.0) -> Observation:
    """Ten requests to each of `series`, of which so many failed."""
    names = tuple(series)
    ten, none = np.full(len(names), 10.0), np.zeros(len(names))
    good = ten - failed
    return Observation(minute * MINUTE, MINUTE, names, ten, ten - good, none, 80 * good, good[:, None], 200)


def rarely(minutes: range, failed: float = 0.0) -> Iterator[Observation]:
    """One endpoint is asked all the time, the other every third minute."""
    for minute in minutes:
        yield a_step(minute, [OFTEN] if minute % 3 else [OFTEN, RARE], failed)


def often(minutes: range, failed: float = 0.0, load: Load | None = None) -> Iterator[Observation]:
    """The busy endpoint alone."""
    return (
        replace(a_step(minute, [OFTEN], failed), load={("test", "soak"): load} if load else {}) for minute in minutes
    )


@cache
def learnt() -> tuple[Engine, tuple[Signal, ...]]:
    engine = Engine.begin(SETTINGS)
    return engine, tuple(signal for step in rarely(range(LEARNT)) for signal in engine.advance(step))


def in_baseline(engine: Engine) -> float:
    """Seconds of the busy endpoint that teach."""
    account = engine.explain(OFTEN)
    assert account is not None
    return sum(one.span.end - one.span.start for one in account.stretches if one.reason is Reason.NONE)


def test_of_a_rare_series_it_is_said_that_there_are_too_few_requests_and_no_longer_until_when_it_learns() -> None:
    engine, told = learnt()
    assert engine.learning(RARE) is None
    last = [signal for signal in told if signal.at == LEARNT * MINUTE]
    assert [(one.series, one.reason) for one in last if one.standing is Standing.UNKNOWN] == [
        (RARE, Reason.FEW_REQUESTS.words)
    ]
    account = engine.explain(RARE)
    assert account is not None
    assert {one.reason for one in account.stretches} == {Reason.FEW_REQUESTS}


def test_failures_of_a_rare_series_are_told() -> None:
    engine, days = Engine.begin(SETTINGS), 2 * 1440
    for step in rarely(range(days)):
        engine.observe(step)
    told = follow(engine, rarely(range(days, days + 60), failed=5.0))
    assert {signal.series for signal in alarms(told, Kind.ERRORS)} == {OFTEN, RARE}


def test_series_for_which_there_is_no_room_are_unknown_and_that_is_why() -> None:
    engine = Engine.begin(DetectorSection(history=0.15))
    many = [Series("test", "soak", "shop", "GET", f"/{number}") for number in range(MOST_ROWS + 2)]
    for minute in range(2):
        told = engine.advance(a_step(minute, many))
    assert {(one.series, one.standing, one.reason) for one in told} == {
        (series, Standing.UNKNOWN, Reason.TOO_MANY_SERIES.words) for series in many[-2:]
    }
    assert len(engine.series) == MOST_ROWS


def advanced(minutes: range, watched: Mapping[Key, Span]) -> Engine:
    """An engine that has learnt up to `minutes`, and then judged while something is `watched`."""
    engine = Engine.begin(SETTINGS)
    for step in rarely(range(minutes.start)):
        engine.observe(step)
    for step in rarely(minutes):
        engine.advance(step, watched)
    return engine


@pytest.mark.parametrize("kind", [Kind.LATENCY, Kind.ERRORS])
def test_what_was_only_suspected_gets_into_the_baseline_again(kind: Kind) -> None:
    key, span = (OFTEN, Metric.P95, kind), Span(600 * MINUTE, 640 * MINUTE)
    engine = advanced(range(640, 660), {key: span})
    left = in_baseline(engine)
    engine.advance(a_step(660, [OFTEN]), dropped={key: Span(600 * MINUTE, 660 * MINUTE)})
    assert in_baseline(engine) == left + 60 * MINUTE
    assert Engine.resume(SETTINGS, engine.changed_memory()).explain(OFTEN) == engine.explain(OFTEN)


def test_silence_keeps_nothing_out_of_a_baseline_and_accepting_it_begins_none() -> None:
    key = OFTEN, Metric.THROUGHPUT, Kind.NO_DATA
    engine = advanced(range(640, 661), {key: Span(600 * MINUTE, 640 * MINUTE)})
    engine.advance(a_step(661, [OFTEN]), accepted={key: 600 * MINUTE})
    account = engine.explain(OFTEN)
    assert account is not None
    assert account.since is None
    assert {one.reason for one in account.stretches} == {Reason.NONE}


def test_failures_are_told_also_while_an_older_incident_about_times_keeps_all_out_of_the_baseline() -> None:
    slower = {(OFTEN, Metric.P95, Kind.LATENCY): Span(0.0, MINUTE)}
    engine = advanced(range(LEARNT), slower)
    told = [signal for step in often(range(LEARNT, LEARNT + 20), failed=9.0) for signal in engine.advance(step, slower)]
    assert alarms(told, Kind.ERRORS)


def test_failures_are_told_also_where_the_load_generator_is_always_saturated() -> None:
    engine = Engine.begin(SETTINGS)
    for step in often(range(LEARNT), load=Load(10.0, saturated=True)):
        engine.observe(step)
    told = follow(engine, often(range(LEARNT, LEARNT + 20), failed=9.0, load=Load(10.0, saturated=True)))
    assert alarms(told, Kind.ERRORS)


def test_while_nobody_knows_what_usually_fails_an_open_incident_about_failures_stays_as_it_is() -> None:
    failing = {(OFTEN, Metric.ERROR_RATE, Kind.ERRORS): Span(0.0, MINUTE)}
    engine = advanced(range(LEARNT), failing)
    told = [one for one in engine.advance(a_step(LEARNT, [OFTEN]), failing) if one.kind is Kind.ERRORS]
    assert [one.standing for one in told] == [Standing.UNKNOWN]


def test_failures_that_have_been_fewer_for_a_day_are_what_is_usual_and_going_back_is_a_regression() -> None:
    engine = Engine.begin(SETTINGS)
    for step in often(range(1440), failed=1.0):
        engine.observe(step)
    follow(engine, often(range(1440, 3000)))
    assert alarms(follow(engine, often(range(3000, 3060), failed=1.0)), Kind.ERRORS)


def test_failures_of_an_incident_that_is_over_are_no_evidence_of_another_one() -> None:
    engine, key = Engine.begin(SETTINGS), (OFTEN, Metric.ERROR_RATE, Kind.ERRORS)
    for step in often(range(LEARNT)):
        engine.observe(step)
    for step in often(range(LEARNT, LEARNT + 60), failed=3.0):
        engine.advance(step, {key: Span(LEARNT * MINUTE, LEARNT * MINUTE)})
    for step in often(range(LEARNT + 60, LEARNT + 100)):
        engine.advance(step, {key: Span(LEARNT * MINUTE, LEARNT * MINUTE)})
    burst = [*often(range(LEARNT + 100, LEARNT + 104), failed=3.0), *often(range(LEARNT + 104, LEARNT + 140))]
    assert not alarms([signal for step in burst for signal in engine.advance(step)], Kind.ERRORS)
