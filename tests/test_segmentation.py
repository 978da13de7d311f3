"""Segmentation: it is the best there is, and quick enough for weeks."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soakwatch.detector.segmentation import segmented

SHORTEST = 5

Levels = np.typing.NDArray[np.float64]


def cost(levels: Levels, cuts: list[int], penalty: float) -> float:
    """Squared errors of the segments, and what their cuts cost."""
    parts = (levels[begin:end] for begin, end in pairwise([0, *cuts, levels.size]))
    return float(sum(((part - part.mean()) ** 2).sum() for part in parts)) + penalty * len(cuts)


def least_cost(levels: Levels, penalty: float) -> float:
    """By trying all that there is."""
    least = {0: -penalty}
    for end in range(SHORTEST, levels.size + 1):
        least[end] = min(
            before + cost(levels[begin:end], [], penalty) + penalty
            for begin, before in least.items()
            if end - begin >= SHORTEST
        )
    return least[levels.size]


@given(seed=st.integers(0, 2**32 - 1), size=st.integers(SHORTEST, 60), penalty=st.floats(0.1, 30.0))
def test_no_other_cuts_cost_less(seed: int, size: int, penalty: float) -> None:
    chance = np.random.default_rng(seed)
    levels = chance.normal(size=size) + 3 * np.repeat(chance.normal(size=6), 10)[:size]
    cuts = segmented(levels, penalty)
    assert all(end - begin >= SHORTEST for begin, end in pairwise([0, *cuts, size]))
    assert cost(levels, cuts, penalty) == pytest.approx(least_cost(levels, penalty), abs=1e-9)


@pytest.mark.parametrize("levels", [np.zeros(0), np.zeros(9), np.full(500, 3.25)])
def test_what_never_changes_or_is_too_short_is_not_cut(levels: Levels) -> None:
    assert segmented(levels, 1.0) == []


def test_one_step_is_cut_where_it_is() -> None:
    levels = np.concatenate((np.full(2000, 1.0), np.full(2032, 2.0)))
    assert segmented(levels, 1.0) == [2000]
