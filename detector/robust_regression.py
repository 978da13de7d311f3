"""Robust regression: what outlying values cannot carry."""

import numpy as np
import numpy.typing as npt

from soakwatch.detector.quantiles import median
from soakwatch.detector.sample import FloatArray

_ROUNDS = 4
HUBER = 1.5
"""Standard deviations beyond which a block weighs less: 96 % efficient for Gaussian noise (Huber 1981, 4.5)."""

_RIDGE = 6.0
"""Weight, in blocks, of the assumption that there is no season; it decides only where there are hardly any blocks."""

_MAD = 1.4826

FINEST = 0.003
"""Smallest standard deviation: what the histogram's buckets (2.2 % wide) can tell apart at best."""

Mask = npt.NDArray[np.bool_]


def centre(values: FloatArray) -> FloatArray:
    """Huber's estimate of the level of `values` (k, m, b), one step from the median; NaN where there are none."""
    middle = median(values)
    rest = values - middle[..., None]
    bound = HUBER * np.maximum(_MAD * np.nan_to_num(median(np.abs(rest))), FINEST)[..., None]
    number = np.maximum((~np.isnan(rest)).sum(axis=-1), 1)
    return np.asarray(middle + np.nansum(np.clip(rest, -bound, bound), axis=-1) / number)


def ridge_of(terms: int) -> FloatArray:
    """What is added to the products of so many `terms`; shape (terms, terms)."""
    return np.diag([1e-6, *[_RIDGE] * (terms - 1)])


def robust_regression(design: FloatArray, values: FloatArray) -> FloatArray:
    """Huber's M-estimate by iteratively reweighted least squares (Huber 1981, section 7.8); shape (rows, terms)."""
    rows, terms = values.shape[0], design.shape[1]
    products = (design[:, :, None] * design[:, None, :]).reshape(design.shape[0], -1)
    usable = ~np.isnan(values)
    centre: FloatArray = np.nan_to_num(median(values))
    filled = np.where(usable, values - centre[:, None], 0.0)
    ridge = ridge_of(terms)
    weights = np.where(usable, np.minimum(1.0, HUBER * _scale(filled, usable)[:, None] / _size(filled)), 0.0)
    solution: FloatArray = np.zeros((rows, terms))
    for _ in range(_ROUNDS):
        gram = (weights @ products).reshape(rows, terms, terms) + ridge
        solution = np.asarray(np.linalg.solve(gram, ((weights * filled) @ design)[..., None])[..., 0], dtype=np.float64)
        rest = filled - solution @ design.T
        weights = np.where(usable, np.minimum(1.0, HUBER * _scale(rest, usable)[:, None] / _size(rest)), 0.0)
    solution[:, 0] += centre
    return solution


def _scale(rest: FloatArray, usable: Mask) -> FloatArray:
    return np.maximum(_MAD * np.nan_to_num(median(np.where(usable, np.abs(rest), np.nan))), FINEST)


def _size(rest: FloatArray) -> FloatArray:
    return np.maximum(np.abs(rest), 1e-12)
