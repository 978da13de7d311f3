"""What the layer for errors promises: failures that go on are seen in minutes, bursts and single failures are not.

Minutes of Poisson requests with binomial failures; a couple of benign bursts a week, of up to five minutes in which
5-30 % fail. A longer study of the same kind is what its figures in docs/detection.md come from.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

from soakwatch.core.detector_settings import DetectorSection
from soakwatch.core.verdict import Severity
from soakwatch.detector.error_baseline import ErrorBaseline, error_baseline
from soakwatch.detector.error_bounds import ErrorBounds
from soakwatch.detector.error_layer import judge_errors
from soakwatch.detector.error_reading import ErrorReading
from soakwatch.detector.sample import FloatArray
from soakwatch.detector.timing import Timing

WEEK = 7 * 1440
HISTORY = 180
SETTINGS = DetectorSection()
BOUNDS = ErrorBounds.of(SETTINGS, Timing.of(SETTINGS), watched=50)


@dataclass(frozen=True)
class Found:
    delay: float
    """Minutes from the onset to the alarm; infinite when there was none."""
    onset_covered: bool
    effect_covered: bool


def bursty(random: np.random.Generator, shape: tuple[int, int], share: float = 0.001) -> FloatArray:
    shares = np.full(shape, share)
    for row in shares:
        for _ in range(random.poisson(2 * shape[1] / WEEK)):
            begin = random.integers(shape[1])
            row[begin : begin + random.integers(1, 6)] = random.uniform(0.05, 0.3)
    return shares


def drawn(random: np.random.Generator, shares: FloatArray, rate: float) -> tuple[FloatArray, FloatArray]:
    requests = random.poisson(rate, shares.shape)
    return requests.astype(float), random.binomial(requests, shares).astype(float)


def in_blocks(minutes: FloatArray) -> FloatArray:
    return np.asarray(minutes.reshape(minutes.shape[0], -1, 10).sum(axis=2))


def a_baseline(random: np.random.Generator, series: int, rate: float) -> ErrorBaseline:
    return error_baseline(*(in_blocks(part) for part in drawn(random, bursty(random, (series, WEEK)), rate)))


def readings_of(requests: list[float], failures: list[float], rate: float = 300.0) -> ErrorReading | None:
    baseline = a_baseline(np.random.default_rng(5), 1, rate)
    return judge_errors(np.array([requests]), np.array([failures]), baseline, BOUNDS).get(0)


@cache
def detections(rate: float, share: float, series: int = 120, minutes: int = 60) -> list[Found]:
    """What is found of errors that begin within a minute, in each of so many series."""
    random = np.random.default_rng(7)
    shares = bursty(random, (series, HISTORY + minutes))
    within = random.uniform(size=series)
    shares[:, HISTORY] = 0.001 * within + share * (1 - within)
    shares[:, HISTORY + 1 :] = share
    requests, failures = drawn(random, shares, rate)
    baseline = a_baseline(random, series, rate)
    found: dict[int, Found] = {}
    for now in range(HISTORY + 1, HISTORY + minutes):
        seen = slice(now - HISTORY, now)
        for row, reading in judge_errors(requests[:, seen], failures[:, seen], baseline, BOUNDS).items():
            if reading.alarm and row not in found:
                ago, size = now - HISTORY - within[row], share - 0.001
                covered = reading.latest <= ago <= reading.earliest
                found[row] = Found(ago, covered, reading.effect.low <= size <= reading.effect.high)
    return [found.get(row, Found(np.inf, covered, covered)) for row, covered in ((row, False) for row in range(series))]


@pytest.mark.parametrize(("rate", "share", "minutes"), [(300.0, 0.02, 10.0), (30.0, 0.02, 20.0), (300.0, 0.007, 30.0)])
def test_errors_that_go_on_are_seen_within_minutes(rate: float, share: float, minutes: float) -> None:
    assert np.median([found.delay for found in detections(rate, share)]) <= minutes


def test_when_everything_fails_it_takes_five_minutes() -> None:
    assert np.quantile([found.delay for found in detections(300.0, 1.0)], 0.9) <= 6.0


def test_the_onset_is_where_the_interval_says_in_nine_of_ten() -> None:
    for rate, share in ((300.0, 0.02), (30.0, 0.02)):
        found = [one.onset_covered for one in detections(rate, share) if one.delay < np.inf]
        assert np.mean(found) >= 0.87


def test_the_size_is_where_the_interval_says() -> None:
    found = [one.effect_covered for one in detections(300.0, 0.02) if one.delay < np.inf]
    assert np.mean(found) >= 0.9


@pytest.mark.parametrize("rate", [3.0, 30.0, 300.0])
def test_a_week_of_fifty_series_with_benign_bursts_raises_no_alarm(rate: float) -> None:
    random = np.random.default_rng(101)
    baseline = a_baseline(random, 50, rate)
    requests, failures = drawn(random, bursty(random, (50, WEEK)), rate)
    for now in range(HISTORY, WEEK, 3):
        seen = slice(now - HISTORY, now)
        readings = judge_errors(requests[:, seen], failures[:, seen], baseline, BOUNDS)
        assert not [reading.says for reading in readings.values() if reading.alarm]


def test_one_error_in_ten_requests_is_no_alarm() -> None:
    quiet = [0.0] * 170
    reading = readings_of(quiet + [1.0] * 10, [*quiet, *[0.0] * 9, 1.0], rate=1.0)
    assert reading is None or not reading.alarm


def test_eight_minutes_in_which_a_third_fails_are_a_burst() -> None:
    for after in range(12):
        failures = [0.0] * (172 - after) + [100.0] * 8 + [0.0] * after
        reading = readings_of([300.0] * 180, failures)
        assert reading is None or not reading.alarm


def test_errors_that_are_over_no_longer_keep_an_incident_open() -> None:
    failing, over = [6.0] * 60, [0.0] * 15
    assert readings_of([300.0] * 180, [0.0] * 120 + failing) is not None
    assert readings_of([300.0] * 180, [0.0] * 105 + failing + over) is None


def test_few_more_errors_than_count_are_no_alarm_however_certain() -> None:
    reading = readings_of([30_000.0] * 180, [30.0] * 120 + [120.0] * 60, rate=30_000.0)
    assert reading is None or not reading.alarm


def test_severity_follows_from_the_change_and_the_sentence_has_the_numbers() -> None:
    warning = readings_of([300.0] * 180, [0.0] * 150 + [6.0] * 30)
    critical = readings_of([300.0] * 180, [0.0] * 150 + [60.0] * 30)
    assert warning is not None
    assert critical is not None
    assert (warning.severity, critical.severity) == (Severity.WARNING, Severity.CRITICAL)
    assert "12 of the last 12 minutes" in warning.says
    assert "2.0 %" in warning.says


def test_a_service_that_always_failed_a_lot_is_not_alarmed_about_it() -> None:
    random = np.random.default_rng(3)
    baseline = error_baseline(*(in_blocks(part) for part in drawn(random, np.full((5, WEEK), 0.2), 300.0)))
    requests, failures = drawn(random, np.full((5, HISTORY), 0.2), 300.0)
    assert not any(reading.alarm for reading in judge_errors(requests, failures, baseline, BOUNDS).values())


@pytest.mark.parametrize("value", [0.0, np.nan, 1.0, 1e9])
def test_any_numbers_have_an_outcome(value: float) -> None:
    nothing = error_baseline(np.full((2, 5), np.nan), np.full((2, 5), np.nan))
    learnt = error_baseline(np.full((2, 5), value), np.full((2, 5), value))
    for baseline in (nothing, learnt):
        assert judge_errors(np.full((2, 60), value), np.full((2, 60), np.nan), baseline, BOUNDS) == {}
        judge_errors(np.full((2, 60), value), np.full((2, 60), value), baseline, BOUNDS)
    assert (
        judge_errors(np.zeros((0, 60)), np.zeros((0, 60)), error_baseline(np.zeros((0, 5)), np.zeros((0, 5))), BOUNDS)
        == {}
    )
