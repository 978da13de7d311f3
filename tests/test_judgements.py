"""What is said of every metric, also where nothing is wrong: bands that hold what they say, and honest unknowns."""

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from observed_history import observations_of

from soakwatch.core.detector_settings import DetectorSection
from soakwatch.core.incident import Finding, Shape
from soakwatch.core.judgement import Judgement
from soakwatch.core.span import Span
from soakwatch.core.verdict import Decision, Effect, Metric, Severity
from soakwatch.demo.event_text import parse_event
from soakwatch.demo.history_plan import HistoryPlan
from soakwatch.demo.simulated_history import SimulatedHistory
from soakwatch.detector.engine import Engine
from soakwatch.detector.judging import Regressed

SETTINGS = DetectorSection(learning=2.0, history=7.0)
STEP, BLOCK = 60.0, 600.0


def judged(plan: HistoryPlan, regressed: Regressed | None = None) -> list[Judgement]:
    """All judgements of a history, at the end of each ten minutes."""
    engine = Engine.begin(SETTINGS)
    said: list[Judgement] = []
    for observation in observations_of(SimulatedHistory(plan)):
        engine.advance(observation)
        if observation.end % BLOCK == 0:
            said += engine.judgements(observation.end, regressed or {})
    return said


def known(said: list[Judgement], metric: Metric) -> list[Judgement]:
    return [one for one in said if one.metric is metric and one.decision is not Decision.UNKNOWN]


@pytest.fixture(scope="module")
def quiet() -> list[Judgement]:
    """Two seeds of five days on which nothing happens."""
    plan = HistoryPlan(series=4, services=2, days=5, requests_per_minute=120, spikes=False)
    return [one for seed in (3, 4) for one in judged(replace(plan, seed=seed))]


@pytest.mark.parametrize("metric", [Metric.P50, Metric.P95, Metric.P99, Metric.THROUGHPUT])
def test_about_95_of_100_normal_windows_lie_in_their_band(quiet: list[Judgement], metric: Metric) -> None:
    said = known(quiet, metric)
    inside = [one.band.low <= one.current <= one.band.high for one in said if one.band and one.current is not None]
    assert len(inside) == len(said) > 500
    # neighbouring windows are alike, so that the share strays further than it would for independent ones
    assert 0.90 <= float(np.mean(inside)) <= 0.995


def test_failures_are_below_their_band_nineteen_times_of_twenty_or_more(quiet: list[Judgement]) -> None:
    said = known(quiet, Metric.ERROR_RATE)
    above = [one.current >= one.band.high for one in said if one.band and one.current is not None]
    assert len(above) == len(said) > 500
    assert float(np.mean(above)) <= 0.05


def test_nothing_is_told_before_it_was_learnt_and_it_is_said_why(quiet: list[Judgement]) -> None:
    first = min(one.at for one in quiet)
    early = [one for one in quiet if one.at < first + 1.9 * 86_400]
    assert {one.decision for one in early} == {Decision.UNKNOWN}
    assert all(one.reason for one in early)
    assert all(one.rank == 0 and one.effect is None for one in early)


def test_every_series_with_requests_is_told_of_once_in_each_block(quiet: list[Judgement]) -> None:
    # of two seeds, so that each is there twice
    assert set(Counter((one.at, one.series, one.metric) for one in quiet).values()) == {2}


def test_an_effect_is_that_of_the_measured_value_against_the_normal_one(quiet: list[Judgement]) -> None:
    for one in known(quiet, Metric.P95)[::50]:
        assert one.effect is not None
        assert one.baseline is not None
        assert one.current is not None
        assert one.effect.value == pytest.approx(one.current / one.baseline - 1)
        assert one.effect.low < one.effect.value < one.effect.high
        assert one.p is not None
        assert 0 <= one.p <= 1


def test_on_a_quiet_week_little_is_called_improved(quiet: list[Judgement]) -> None:
    said = [one.decision for one in quiet if one.decision is not Decision.UNKNOWN]
    assert Counter(said)[Decision.IMPROVED] / len(said) < 0.05
    assert Decision.REGRESSED not in said


def test_what_is_faster_than_normal_is_improved() -> None:
    plan = HistoryPlan(seed=5, series=2, services=1, days=4, requests_per_minute=120, spikes=False)
    faster = replace(plan, events=(parse_event("step:x0.6@day=3.5,series=0", plan),))
    late = [one for one in judged(faster) if one.at > plan.start + 3.6 * 86_400 and one.at < plan.start + 3.8 * 86_400]
    of_first = {one.decision for one in late if one.series == plan.endpoints[0] and one.metric is Metric.P50}
    of_other = Counter(one.decision for one in late if one.series == plan.endpoints[1] and one.metric is Metric.P50)
    assert of_first == {Decision.IMPROVED}
    assert of_other[Decision.SAME] > of_other[Decision.IMPROVED]


def test_what_belongs_to_an_incident_is_regressed_with_the_numbers_of_the_incident() -> None:
    plan = HistoryPlan(seed=6, series=2, services=1, days=3, requests_per_minute=120, spikes=False)
    effect = Effect(0.31, 0.24, 0.38)
    finding = Finding(
        *(plan.endpoints[0], Metric.P95, Severity.CRITICAL, Shape.STEP, Span(0.0, 60.0), 100.0, 131.0, effect)
    )
    said = judged(plan, {(finding.series, finding.metric): finding})
    of_finding = [one for one in said if (one.series, one.metric) == (finding.series, finding.metric)]
    assert {one.decision for one in of_finding} == {Decision.REGRESSED}
    assert {(one.baseline, one.current, one.effect, one.rank) for one in of_finding} == {(100.0, 131.0, effect, 3)}
    assert of_finding[-1].band is not None
    assert math.isfinite(of_finding[-1].band.high)


def test_a_regression_of_the_mean_alone_is_told() -> None:
    plan = HistoryPlan(seed=6, series=1, services=1, days=1, requests_per_minute=60, spikes=False)
    finding = Finding(plan.endpoints[0], Metric.MEAN, Severity.CRITICAL, Shape.STEP, Span(0.0, 60.0), 50.0, 90.0, None)
    said = judged(plan, {(finding.series, finding.metric): finding})
    assert {one.rank for one in said if one.metric is Metric.MEAN} == {3}
    assert {one.series for one in said if one.metric is Metric.MEAN} == {finding.series}
