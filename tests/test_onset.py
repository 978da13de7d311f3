"""Onset intervals: they contain the moment of a change as often as they say."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from scipy.signal import lfilter

from soakwatch.detector.onset import onset_columns

STEPS = 180
History = Callable[[np.random.Generator], tuple[np.ndarray, int]]
MEDIAN, P99 = 0, 1


def level_noise(random: np.random.Generator) -> np.ndarray:
    persistence, sd = random.uniform(0.4, 0.8), random.uniform(0.03, 0.06)
    shocks = random.normal(size=STEPS + 100) * sd * np.sqrt(1 - persistence**2)
    return lfilter([1.0], [1.0, -persistence], shocks)[100:] + random.normal(size=STEPS) * 0.03


def series(random: np.random.Generator, size: float) -> tuple[np.ndarray, int]:
    """Median and 99th percentile of a series of which both step by `size`, and the column from which on they do."""
    since = STEPS - int(random.integers(20, 60))
    level = level_noise(random)
    level[since:] += np.log1p(size)
    return np.array([level, level + random.normal(size=STEPS) * 0.08]), since


def slow_tail(random: np.random.Generator) -> tuple[np.ndarray, int]:
    """The slowest 2 % take four times as long: the 99th percentile shows it unless fewer than half of them came."""
    since = STEPS - int(random.integers(20, 60))
    level = level_noise(random)
    p99 = level + random.normal(size=STEPS) * 0.08
    p99[since:] += np.log(4) * (random.poisson(6, STEPS - since) > 3)
    return np.array([level, p99]), since


def add_bump(random: np.random.Generator, metrics: np.ndarray, since: int) -> None:
    """Up to eight minutes in which everything takes several times as long, a little before `since`."""
    end = since - int(random.integers(1, 15))
    metrics[:, max(end - int(random.integers(1, 9)), 0) : end] += np.log(random.uniform(1.5, 4.0))


def told(metrics: np.ndarray, metric: int) -> tuple[int, int]:
    """The columns between which it began, as people are told it: a step further to either side."""
    first, last = onset_columns(metrics, metric, 15)
    return first - 1, last + 1


def share_right(histories: Iterator[tuple[np.ndarray, int]], metric: int) -> tuple[float, float]:
    """Share of the intervals that contain the onset, and the median of their widths."""
    intervals = [(*told(metrics, metric), since) for metrics, since in histories]
    right = [first <= since <= last for first, last, since in intervals]
    return float(np.mean(right)), float(np.median([last - first for first, last, _ in intervals]))


@pytest.mark.parametrize(("size", "widest"), [(0.5, 8.0), (0.2, 30.0)])
@pytest.mark.parametrize("metric", [MEDIAN, P99])
def test_nine_of_ten_intervals_contain_the_onset(size: float, widest: float, metric: int) -> None:
    random = np.random.default_rng(5)
    right, width = share_right((series(random, size) for _ in range(300)), metric)
    assert right >= 0.9
    assert width <= widest


def test_nine_of_ten_contain_the_onset_of_a_slow_tail_that_does_not_show_in_every_minute() -> None:
    random = np.random.default_rng(6)
    right, width = share_right((slow_tail(random) for _ in range(300)), P99)
    assert right >= 0.9
    assert width <= 8


@pytest.mark.parametrize(("history", "metric"), [(lambda random: series(random, 0.2), MEDIAN), (slow_tail, P99)])
def test_a_bump_shortly_before_is_not_the_onset(history: History, metric: int) -> None:
    random = np.random.default_rng(7)

    def histories() -> Iterator[tuple[np.ndarray, int]]:
        for _ in range(300):
            metrics, since = history(random)
            add_bump(random, metrics, since)
            yield metrics, since

    right, width = share_right(histories(), metric)
    assert right >= 0.9
    assert width <= 15


@pytest.mark.parametrize("values", [[], [1.0], [np.nan] * 50, [0.0] * 50, [1e9, *[0.0] * 40], [0.0, 1.0] * 3])
def test_any_values_have_an_interval(values: list[float]) -> None:
    first, last = onset_columns(np.array([values, [np.nan] * len(values)]), 0, 15)
    assert 0 <= first <= max(last, 0)
