"""Baselines: the newest ones of all series, as arrays."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from soakwatch.detector.block_spread import HORIZONS
from soakwatch.detector.growing import GrowingRows
from soakwatch.detector.metrics import METRICS
from soakwatch.detector.rolling_baseline import CLASSES, Classes, Fit, Mask
from soakwatch.detector.sample import FloatArray, IntArray
from soakwatch.detector.season import TERMS
from soakwatch.detector.timing import BLOCK


class Baselines(GrowingRows):
    """The newest fits of up to r series, as arrays like those of `Fit`; spread infinite where there is none."""

    blanks: ClassVar[Mapping[str, float]] = {
        "coefficients": 0.0,
        "offsets": 0.0,
        "members": 0.0,
        "level_sd": np.inf,
        "move_sd": np.inf,
        "level_freedom": 1.0,
        "move_freedom": 1.0,
        "found": 0.0,
    }

    def __init__(self) -> None:
        m, h = len(METRICS), len(HORIZONS)
        self.coefficients = np.zeros((0, m, TERMS))
        self.offsets = np.zeros((0, m, CLASSES))
        self.members = np.zeros((0, CLASSES))
        self.level_sd = np.full((0, m, h), np.inf)
        self.move_sd = np.full((0, m, h), np.inf)
        self.level_freedom = np.ones((0, m))
        self.move_freedom = np.ones((0, m))
        self.found = np.zeros((0, m), dtype=bool)

    def take(self, rows: IntArray, newer: Fit) -> None:
        """Replace the baselines of `rows` (k,), but not those for which `newer` had too few blocks: the last stay."""
        for name in self.blanks:
            if name != "members":
                getattr(self, name)[rows] = _where(newer.found, getattr(newer, name), getattr(self, name)[rows])
        some = newer.found.any(axis=1)
        self.members[rows[some]] = newer.members[some]

    def expected(self, design: FloatArray, classes: Classes) -> FloatArray:
        """Log levels that are normal for the first r rows at a moment with the regressors `design` (TERMS,); (r, m).

        `classes` (r,) are those of the load. Added up term by term, so that one step and many give the same bits.
        """
        rows = classes.size
        level: FloatArray = (self.coefficients[:rows] * design).sum(axis=-1)
        level += self.offsets[np.arange(rows), :, np.maximum(classes, 0)]
        return level

    def sd(self, of: FloatArray, steps: int) -> FloatArray:
        """`of` (r, m, horizons), `level_sd` or `move_sd`, for means over `steps`; log-linear between horizons."""
        lengths = np.log(np.array(HORIZONS) * BLOCK)
        place = float(np.interp(np.log(steps), lengths, np.arange(len(HORIZONS))))
        below = min(int(place), len(HORIZONS) - 2)
        with np.errstate(invalid="ignore"):
            between = of[..., below] ** (1 - place + below) * of[..., below + 1] ** (place - below)
        # windows shorter than a block: as if steps were independent, which is at most too careful
        spread: FloatArray = np.where(np.isnan(between), np.inf, between) * max(1.0, BLOCK / steps) ** 0.5
        return spread


def _where(mask: Mask, new: FloatArray, old: FloatArray) -> FloatArray:
    chosen: FloatArray = np.where(mask.reshape(*mask.shape, *[1] * (new.ndim - mask.ndim)), new, old)
    return chosen
