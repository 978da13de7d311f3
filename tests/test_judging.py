"""What is said of each metric of each series, also where nothing is wrong."""

import numpy as np

from soakwatch.core.detector_settings import DetectorSection
from soakwatch.core.incident import Finding, Shape
from soakwatch.core.series import Series
from soakwatch.core.span import Span
from soakwatch.core.verdict import Decision, Metric, Severity
from soakwatch.detector.engine import Engine
from soakwatch.detector.observation import Load, Observation

SERIES = Series("staging", "nightly", "shop", "GET", "/basket")
MINUTE = 60.0


def engine(minutes: int = 10) -> Engine:
    """One that has seen a few minutes of one series, ten requests in each."""
    made = Engine.begin(DetectorSection())
    ten, none, counts = np.full(1, 10.0), np.zeros(1), np.full((1, 1), 10.0)
    for minute in range(minutes):
        load = {("staging", "nightly"): Load(10.0)}
        made.observe(Observation(minute * MINUTE, MINUTE, (SERIES,), ten, none, none, 50 * ten, counts, 180, load))
    return made


def test_of_a_series_that_is_new_nothing_can_be_told() -> None:
    said = {one.metric: (one.decision, one.reason) for one in engine().judgements(600.0, {})}
    learning = (Decision.UNKNOWN, "it is learnt what is normal")
    assert said == dict.fromkeys((Metric.P50, Metric.P95, Metric.P99, Metric.ERROR_RATE), learning)


def test_a_regression_of_the_mean_alone_is_told() -> None:
    finding = Finding(SERIES, Metric.MEAN, Severity.CRITICAL, Shape.STEP, Span(0.0, 60.0), 50.0, 90.0, None)
    said = {one.metric: one.rank for one in engine().judgements(600.0, {(SERIES, Metric.MEAN): finding})}
    assert said[Metric.MEAN] == 3
    assert max(said.values()) == 3
