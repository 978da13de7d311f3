"""What a dashboard compares two runs by: levels of percentiles with a variance that makes intervals right."""

from math import sqrt

import numpy as np
import pytest
from scipy.stats import t as student
from stores import CART

from soakwatch.core.histogram import Histogram
from soakwatch.core.window import Window
from soakwatch.store.run_spread import log_percentiles


def run(chance: np.random.Generator, blocks: int, level: float = 100.0) -> list[Window]:
    """A run whose blocks differ by 5 % beside what their requests do."""
    return [block(chance, level * np.exp(chance.normal(0, 0.05))) for _ in range(blocks)]


def block(chance: np.random.Generator, level: float, requests: int = 100) -> Window:
    times = np.exp(chance.normal(np.log(level), 0.4, requests))
    hist = Histogram.of(times.tolist())
    return Window(CART, "run", "", 0.0, 10.0, requests, 0, 0.0, 0.0, float(times.min()), float(times.max()), hist)


@pytest.mark.parametrize("blocks", [3, 6, 24])
def test_the_interval_of_a_change_holds_the_truth_95_times_of_100(blocks: int) -> None:
    chance = np.random.default_rng(7)
    held = 0
    for _ in range(400):
        before, after = log_percentiles(run(chance, blocks)), log_percentiles(run(chance, blocks))
        change = after["ln_p95"] - before["ln_p95"]
        held += abs(change) <= 1.96 * sqrt(before["var_p95"] + after["var_p95"])
    # with few blocks it is too careful rather than too sure
    assert 0.93 <= held / 400 <= 1.0


@pytest.mark.parametrize("blocks", [2, 3, 4, 11, 101])
def test_the_variance_is_enlarged_as_students_distribution_asks(blocks: int) -> None:
    windows = run(np.random.default_rng(blocks), blocks)
    levels = np.log([window.hist.quantile(0.5) or 0.0 for window in windows])
    plain = float(levels.var(ddof=1)) / blocks
    factor = (float(student.ppf(0.975, blocks - 1)) / 1.959964) ** 2
    assert log_percentiles(windows)["var_p50"] == pytest.approx(plain * factor, rel=0.003)


def test_one_block_has_a_level_and_no_variance_and_none_has_nothing() -> None:
    assert set(log_percentiles(run(np.random.default_rng(1), 1))) == {"ln_p50", "ln_p95", "ln_p99"}
    assert log_percentiles([]) == {}


def test_blocks_without_a_success_are_left_out() -> None:
    windows = run(np.random.default_rng(2), 3)
    empty = Window(CART, "run", "", 0.0, 10.0, 5, 5, 0.0, 0.0)
    assert log_percentiles([*windows, empty]) == log_percentiles(windows)
