"""Quantiles of arrays in which some values are missing."""

import numpy as np

from soakwatch.detector.bounded import counted
from soakwatch.detector.sample import FloatArray


def median(values: FloatArray) -> FloatArray:
    """Over the last axis, NaN left out; NaN where all are."""
    return quantiles(values, (0.5,))[0]


def quantiles(values: FloatArray, shares: tuple[float, ...]) -> list[FloatArray]:
    """Over the last axis, NaN left out; many times as fast as numpy's own for arrays with NaN."""
    if not values.shape[-1]:
        return [np.full(values.shape[:-1], np.nan) for _ in shares]
    ordered = np.sort(values, axis=-1)
    last = np.maximum(counted(ordered) - 1, 0)
    found = []
    for share in shares:
        place = share * last
        below = np.floor(place).astype(np.int64)
        above = np.minimum(below + 1, last)
        low = np.take_along_axis(ordered, below[..., None], axis=-1)[..., 0]
        high = np.take_along_axis(ordered, above[..., None], axis=-1)[..., 0]
        found.append(low + (place - below) * (high - low))
    return found
