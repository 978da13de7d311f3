"""Bounded blocks: what single blocks say, held near to what their neighbours say."""

import numpy as np

from soakwatch.detector.sample import FloatArray

_NEIGHBOURS = 5
"""A bump of eight minutes touches two blocks: three of five are still as they should be."""

_BOUND = 4.0
_TO_DEVIATION = 1.4826
"""Median absolute deviation to standard deviation of normal values."""

_ROWS_AT_ONCE = 64
_FOR_NOISE = 1008
"""Blocks that show how much neighbours differ: a week of them is enough."""


def noise_of(values: FloatArray) -> FloatArray:
    """How much blocks differ from the median of their neighbours, robustly, as a standard deviation.

    `values` (s, m, n) are on a log scale, NaN for gaps. Shape (s, m), NaN where there is nothing.
    """
    parts = [_noise(values[row : row + _ROWS_AT_ONCE]) for row in range(0, values.shape[0], _ROWS_AT_ONCE)]
    return np.concatenate(parts) if parts else np.zeros(values.shape[:-1])


def bounded_by_neighbours(values: FloatArray, noise: FloatArray) -> FloatArray:
    """`values` (s, m, n) where none is further from its neighbours' median than four times the `noise` (s, m)."""
    parts = [
        _bounded(values[row : row + _ROWS_AT_ONCE], noise[row : row + _ROWS_AT_ONCE])
        for row in range(0, values.shape[0], _ROWS_AT_ONCE)
    ]
    return np.concatenate(parts) if parts else values


def _noise(values: FloatArray) -> FloatArray:
    values = values[..., -_FOR_NOISE:]
    if not values.shape[-1]:
        return np.full(values.shape[:-1], np.nan)
    apart = np.sort(np.abs(values - _median_of_neighbours(values)), axis=-1)
    known = (~np.isnan(apart)).sum(axis=-1)
    middle = np.maximum(known - 1, 0) // 2
    found: FloatArray = _TO_DEVIATION * np.take_along_axis(apart, middle[..., None], axis=-1)[..., 0]
    return found


def _bounded(values: FloatArray, noise: FloatArray) -> FloatArray:
    middle, most = _median_of_neighbours(values), _BOUND * noise[..., None]
    bounded: FloatArray = np.minimum(np.maximum(values, middle - most), middle + most)
    return bounded


def _median_of_neighbours(values: FloatArray) -> FloatArray:
    """Running median, of what there is of the five; NaN where a block itself is missing."""
    half = _NEIGHBOURS // 2
    if not values.shape[-1]:
        return values
    if values.shape[-1] >= _NEIGHBOURS and not np.isnan(values).any():
        return _median_of_five(np.pad(values, [(0, 0)] * (values.ndim - 1) + [(half, half)], mode="reflect"))
    padded = np.pad(values, [(0, 0)] * (values.ndim - 1) + [(half, half)], constant_values=np.nan)
    around = np.sort(np.lib.stride_tricks.sliding_window_view(padded, _NEIGHBOURS, axis=-1), axis=-1)
    middle = np.maximum((~np.isnan(around)).sum(axis=-1) - 1, 0) // 2
    median: FloatArray = np.take_along_axis(around, middle[..., None], axis=-1)[..., 0]
    return np.where(np.isnan(values), np.nan, median)


def _median_of_five(values: FloatArray) -> FloatArray:
    """Median of each five neighbours without gaps, by comparisons, which is ten times as fast as sorting."""
    a, b, c, d, e = (values[..., place : values.shape[-1] - _NEIGHBOURS + 1 + place] for place in range(_NEIGHBOURS))
    # neither the smallest nor the largest of four is the median of five
    low = np.maximum(np.minimum(a, b), np.minimum(c, d))
    high = np.minimum(np.maximum(a, b), np.maximum(c, d))
    median: FloatArray = np.maximum(np.minimum(low, high), np.minimum(np.maximum(low, high), e))
    return median
