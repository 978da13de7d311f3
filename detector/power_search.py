"""Power search: the smallest effect that is found, by bisection over many trials at once."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from soakwatch.detector.sample import FloatArray

Found = npt.NDArray[np.bool_]

SHARE = 0.8
"""Of the trials in which the effect is found."""

TRIALS = 64
"""Of each question: what is found in most of them is then found in 75 to 85 of 100 by chance alone."""


def smallest_found(found: Callable[[FloatArray], Found], low: FloatArray, high: FloatArray, rounds: int) -> FloatArray:
    """For each of n trials the smallest effect that is `found`, between `low` and `high` (n,); infinite where none is.

    What is larger must not be missed where what is smaller is found. Halved on a log scale: known to a factor of
    (high / low) ^ (1 / 2^rounds), of which the middle is given.
    """
    low, high = np.log(low), np.log(high)
    reached = found(np.exp(high))
    for _ in range(rounds):
        middle = (low + high) / 2
        hit = found(np.exp(middle))
        low, high = np.where(hit, low, middle), np.where(hit, middle, high)
    smallest: FloatArray = np.where(reached, np.exp((low + high) / 2), np.inf)
    return smallest


def found_in_most(smallest: FloatArray) -> float:
    """The effect that is found in `SHARE` of the trials whose `smallest` ones (n,) these are; infinite where none is.

    Between the order statistics around it, linearly (Hyndman and Fan, The American Statistician 50, 1996, type 6, by
    which a new trial is below it with that probability).
    """
    ordered = np.sort(smallest)
    place = SHARE * (ordered.size + 1) - 1
    below = int(np.clip(np.floor(place), 0, ordered.size - 1))
    above = min(below + 1, ordered.size - 1)
    if not np.isfinite(ordered[above]):
        return float("inf")
    return float(ordered[below] + (place - below) * (ordered[above] - ordered[below]))
