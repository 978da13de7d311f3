"""Creep: told from a step, and from the wander of a level, by how well each explains it."""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from soakwatch.core.incident import Shape
from soakwatch.detector.sample import FloatArray

_POINTS_A_DAY = 8
_SHORTEST_DAYS = 2.0
"""What grew within less is a step for all that people can do about it."""

_CORRELATIONS = np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95])
_FEWEST_POINTS = 12
_CONFIDENCE = 0.975
_LIKELY = 0.9
_CHANGE_PARAMETERS = 2
"""Of a change: where, and how much."""

_CREEP_PARAMETERS = 5
"""Mean, slope, start, correlation, variance."""

_DECISIVE = 10.0
"""Difference of BIC from which on the evidence is very strong (Kass and Raftery, JASA 90, 1995, section 3.2)."""

_NOISE = 1e-12


@dataclass(frozen=True, slots=True)
class Growth:
    """Growth of a level in a day, on a log scale, bounded by `low` and `high` with 95 % confidence."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Shapes:
    """What best explains a level: nothing (`shape` None), a step or a creep.

    It began between `earliest` and `latest` days before the end, with 90 % confidence; of a creep that may be a step,
    both count. `over_none` and `over_other` are the differences of BIC by which it is better than no change, and than
    the best of the other shape. `per_day` is how fast it grows if it is a creep.
    """

    shape: Shape | None
    earliest: float
    latest: float
    over_none: float
    over_other: float
    per_day: Growth | None


@dataclass(frozen=True, slots=True)
class _Fit:
    """The likeliest change of one shape; it begins between the points `first` and `last`."""

    bic: float
    first: int
    last: int
    correlation: float


def compare_shapes(levels: FloatArray, blocks_a_day: float) -> Shapes:
    """Whether `levels` (n,), on a log scale, evenly spaced, NaN for gaps, stay, step or creep to the end.

    Three models with autocorrelated errors, as in Beaulieu and Killick, "Distinguishing trends and shifts from memory
    in climate data", Journal of Climate 31, 2018: a constant mean, one with a step at an unknown moment, one that
    grows from an unknown moment on; errors are autoregressive of the first order, fitted with each by conditional
    maximum likelihood (Cochrane and Orcutt, JASA 44, 1949); what they cost is Schwarz's criterion (Annals of Statistics
    6, 1978). A wander that looks like a change is explained by its correlation.
    """
    points = points_of(levels, blocks_a_day)
    if points.size < _FEWEST_POINTS or float(np.var(points)) < _NOISE:
        return _NONE
    places = np.arange(points.size, dtype=np.float64)
    steps = (places[None, :] >= places[2:-1, None]).astype(np.float64)
    starts = places[: max(points.size - int(_SHORTEST_DAYS * _POINTS_A_DAY), 1)]
    ramps = np.maximum(places[None, :] - starts[:, None], 0.0)
    flat, step, ramp = _none(points), _best(points, steps, 2), _best(points, ramps, 0)
    if min(step.bic, ramp.bic) >= flat:
        return _NONE
    if ramp.bic >= step.bic:
        return _told(Shape.STEP, step, ramp, flat, points.size, None)
    return _told(Shape.CREEP, ramp, step, flat, points.size, _growth(points, ramps, ramp.correlation))


_NONE = Shapes(None, 0.0, 0.0, 0.0, 0.0, None)


def _told(shape: Shape, best: _Fit, other: _Fit, flat: float, size: int, per_day: Growth | None) -> Shapes:  # noqa: PLR0913, PLR0917  (two fits and what they are compared with)
    # what creeps seems to begin long before a step does that it may be as well
    likely = [best, other] if shape is Shape.CREEP and other.bic - best.bic < _DECISIVE else [best]
    points = min(fit.first for fit in likely), max(fit.last for fit in likely)
    earliest, latest = ((size - point) / _POINTS_A_DAY for point in points)
    return Shapes(shape, earliest, latest, flat - best.bic, other.bic - best.bic, per_day)


def points_of(levels: FloatArray, blocks_a_day: float) -> FloatArray:
    """Medians of three hours, the last one complete; stretches without any block are left out."""
    width = max(1, round(blocks_a_day / _POINTS_A_DAY))
    whole = levels[levels.size % width :].reshape(-1, width)
    known = whole[np.isfinite(whole).any(axis=1)]
    return np.asarray(np.nanmedian(known, axis=1)) if known.size else np.zeros(0)


def _none(points: FloatArray) -> float:
    bics = []
    for correlation in _CORRELATIONS:
        rest = _whitened(points, correlation)
        bics.append(_bic(float(np.sum((rest - rest.mean()) ** 2)), rest.size, 0))
    return min(bics)


def _best(points: FloatArray, shapes: FloatArray, begin: int) -> _Fit:
    """The best of `shapes` (k, n), of which the first begins at point `begin`, and each other one a point later."""
    best = _Fit(np.inf, begin, begin, 0.0)
    for correlation in _CORRELATIONS:
        squares = _rest(_whitened(points, correlation), _whitened(shapes, correlation))
        bic = _bic(float(squares.min()), points.size - 1, _CHANGE_PARAMETERS)
        if bic < best.bic:
            first, last = _confidence_set(squares, points.size - 1)
            best = _Fit(bic, begin + first, begin + last, float(correlation))
    return best


def _confidence_set(squares: FloatArray, size: int) -> tuple[int, int]:
    """First and last of those places that together have 90 % of the likelihood."""
    weight = np.exp(-size / 2 * np.log(np.maximum(squares, _NOISE) / max(float(squares.min()), _NOISE)))
    likeliest = np.argsort(-weight, kind="stable")
    enough = int(np.searchsorted(np.cumsum(weight[likeliest]), _LIKELY * weight.sum())) + 1
    return int(likeliest[:enough].min()), int(likeliest[:enough].max())


def _whitened(values: FloatArray, correlation: float) -> FloatArray:
    rest: FloatArray = values[..., 1:] - correlation * values[..., :-1]
    return rest


def _rest(values: FloatArray, shapes: FloatArray) -> FloatArray:
    """Sums of squares that are left of `values` (n,) by a mean and each of `shapes` (k, n) alone."""
    centred = values - values.mean()
    regressors = shapes - shapes.mean(axis=1, keepdims=True)
    explained = (regressors @ centred) ** 2 / np.maximum((regressors**2).sum(axis=1), _NOISE)
    squares: FloatArray = float(centred @ centred) - explained
    return squares


def _bic(squares: float, size: int, parameters: int) -> float:
    return size * float(np.log(max(squares, _NOISE) / size)) + parameters * float(np.log(size))


def _growth(points: FloatArray, ramps: FloatArray, correlation: float) -> Growth:
    """How fast the best of `ramps` (k, n) grows, with the interval of all slopes that are nearly as likely.

    Profile likelihood over the slope, so that the doubt about when it began is in it (Venzon and Moolgavkar, Applied
    Statistics 37, 1988). The correlation is corrected for its bias where a trend is fitted (Kendall, Biometrika 41,
    1954; van Giersbergen, 2005, for the trend).
    """
    n = points.size
    corrected = min(correlation + (2 + 4 * correlation) / n, float(_CORRELATIONS[-1]))
    values, lines = _whitened(points, corrected), _whitened(ramps, corrected)
    lines = lines - lines.mean(axis=1, keepdims=True)
    weights = np.maximum((lines**2).sum(axis=1), _NOISE)
    slopes = lines @ values / weights
    squares = np.maximum(float(np.sum((values - values.mean()) ** 2)) - slopes**2 * weights, _NOISE)
    freedom = max(n - _CREEP_PARAMETERS, 1)
    allowed = float(squares.min()) * (1 + float(stdtrit(freedom, _CONFIDENCE)) ** 2 / freedom)
    half = np.sqrt(np.maximum(allowed - squares, 0.0) / weights)
    likely = squares <= allowed
    best = float(slopes[np.argmin(squares)])
    low, high = float((slopes - half)[likely].min()), float((slopes + half)[likely].max())
    return Growth(best * _POINTS_A_DAY, low * _POINTS_A_DAY, high * _POINTS_A_DAY)
