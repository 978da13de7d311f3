"""Bounded means: the level of a stretch, which bumps of a few minutes cannot carry."""

import numpy as np

from soakwatch.detector.sample import FloatArray, IntArray

_FROM, _UP_TO = 0.1, 0.7
"""What is left out below and above. More above, because what disturbs response times makes them longer: of thirty
minutes, nine may be as bad as they like. The slight bias is the same in what is compared."""


def bounded_mean(ascending: FloatArray) -> FloatArray:
    """Trimmed mean over the last axis of `ascending` (..., n), which is sorted, NaN last; NaN where all are.

    Asymmetrically trimmed (Huber and Ronchetti, Robust Statistics, 2009, section 3.3, with unequal shares).
    """
    n = ascending.shape[-1]
    valid = counted(ascending)
    if n and np.all(valid == n):
        return np.asarray(ascending[..., int(_FROM * n) : _end(n)].mean(axis=-1))
    first = (_FROM * valid).astype(np.int64)
    end = np.maximum(np.ceil(_UP_TO * valid - 1e-9).astype(np.int64), first + 1)
    places = np.arange(n)
    used = (places >= first[..., None]) & (places < np.minimum(end, valid)[..., None])
    total = np.where(used, ascending, 0.0).sum(axis=-1)
    number = used.sum(axis=-1)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def counted(ascending: FloatArray) -> IntArray:
    """How many values of the last axis are not NaN."""
    return np.asarray((~np.isnan(ascending)).sum(axis=-1))


def exceeded_by(ascending: FloatArray, share: float) -> FloatArray:
    """The value that at least `share` of the last axis of `ascending` (..., n) reach; NaN where all are NaN."""
    valid = counted(ascending)
    place = np.clip(np.floor((1 - share) * valid + 1e-9).astype(np.int64), 0, max(ascending.shape[-1] - 1, 0))
    return np.take_along_axis(ascending, place[..., None], axis=-1)[..., 0]


def _end(n: int) -> int:
    return max(int(np.ceil(_UP_TO * n - 1e-9)), int(_FROM * n) + 1)
