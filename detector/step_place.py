"""Step place: where in a wandering level a step is, to the block."""

import numpy as np

from soakwatch.detector.sample import FloatArray

_CONFIDENCE = 0.95
"""More than the 90 % that are promised: noise and wander are taken as known, which they are only roughly."""

_AROUND = 24
"""Blocks on both sides that are looked at: four hours, within which a wander goes less far than a step."""

_WIDEST = 144
"""A place that is known no better than to this many blocks is not to be had to the block."""

_WANDER_DAYS = 1 / 3
_LEAST_NOISE = 2e-3
_WIDER = 1.25
"""A block differs by more than from a median that it has a part in itself (by simulation of normal noise)."""


def step_between(
    values: FloatArray, around: tuple[float, float], noise: float, wander: float, blocks_a_day: float
) -> tuple[float, float]:
    """Between how many blocks before the end the step is, with at least 90 % confidence.

    `values` (n,) are log levels, NaN for gaps, `around` the range in which it was found roughly, in blocks before the
    end. `noise` and `wander` are standard deviations, of a block and of the level. For each place the likelihood of a
    step there, by generalised least squares with the covariance of white noise on a wander that is forgotten within
    eight hours (Searle, Linear Models, 1971, section 3.3), with a flat prior over the places.
    """
    n = values.size
    if around[0] - around[1] > _WIDEST:
        return around
    first = int(max(n - around[0] - _AROUND, 0))
    last = int(min(n - around[1] + _AROUND, n))
    known = first + np.flatnonzero(np.isfinite(values[first:last]))
    if known.size < _AROUND // 2:
        return around
    places = np.arange(
        max(int(n - around[0]) - _AROUND // 2, first + 2), min(int(n - around[1]) + _AROUND // 2, last - 1)
    )
    if not places.size:
        return around
    weight = np.exp(_gain(values[known], known, places, _covariance(known, noise, wander, blocks_a_day)))
    likeliest = np.argsort(-weight, kind="stable")
    enough = int(np.searchsorted(np.cumsum(weight[likeliest]), _CONFIDENCE * weight.sum())) + 1
    chosen = places[likeliest[:enough]]
    # a step within a block makes a block that is neither
    return float(n - chosen.min() + 1), float(max(n - chosen.max() - 1, 0))


def _covariance(
    known: np.ndarray[tuple[int], np.dtype[np.intp]], noise: float, wander: float, a_day: float
) -> FloatArray:
    apart = np.abs(known[:, None] - known[None, :]) / (_WANDER_DAYS * a_day)
    white = max(_WIDER * noise, _LEAST_NOISE) ** 2
    covariance: FloatArray = wander**2 * np.exp(-apart) + white * np.eye(known.size)
    return covariance


def _gain(
    values: FloatArray,
    known: np.ndarray[tuple[int], np.dtype[np.intp]],
    places: np.ndarray[tuple[int], np.dtype[np.intp]],
    covariance: FloatArray,
) -> FloatArray:
    """Logarithm of the likelihood of a step at each of `places` (k,), the largest being 0."""
    steps = (known[None, :] >= places[:, None]).astype(np.float64)
    # numpy's, as scipy.linalg would take 6 MiB of a daemon for this alone
    weighted = np.linalg.solve(covariance, np.column_stack([values, np.ones(known.size), steps.T]))
    of_values, of_level, of_steps = weighted[:, 0], weighted[:, 1], weighted[:, 2:]
    centred = of_values - of_level * of_values.sum() / of_level.sum()
    squares = np.einsum("kn,nk->k", steps, of_steps) - (steps @ of_level) ** 2 / of_level.sum()
    gain = np.where(squares > 0, (steps @ centred) ** 2 / np.maximum(2 * squares, 1e-12), 0.0)
    found: FloatArray = gain - gain.max()
    return found
