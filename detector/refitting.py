"""Refitting: the baselines of some series fitted anew to what is remembered of them."""

import numpy as np

from soakwatch.detector.block_spread import HORIZONS, REFERENCE
from soakwatch.detector.conditions import Reason
from soakwatch.detector.memory import COMPARABLE, Memory
from soakwatch.detector.metrics import METRICS
from soakwatch.detector.rolling_baseline import fit
from soakwatch.detector.sample import FloatArray, IntArray
from soakwatch.detector.timing import BLOCK

_YOUNG = 2
"""Days in which each hour tells much of what a series usually does, so that its baseline is not left for a day."""


def due_rows(memory: Memory, block: int) -> IntArray:
    """Rows to be fitted anew at `block`: once a day, each hour where the series, its level or its load is new."""
    known = slice(memory.rows)
    rows = np.arange(memory.rows)
    classes = np.maximum(memory.recent.classes[known, -1], 0)
    new_load = memory.baselines.members[rows, classes] < COMPARABLE
    new_level = (block - memory.since[known, : len(METRICS)].max(axis=1)) < memory.groups
    new = ~memory.baselines.found[known].any(axis=1)
    new |= block - memory.followed.first_step // BLOCK < _YOUNG * memory.groups
    there = memory.blocks.reasons[known, -1] == int(Reason.NONE)
    soon = (new_load | new_level | new) & there & (block % COMPARABLE == 0)
    return np.flatnonzero((rows % memory.groups == block % memory.groups) | soon)


def refit(memory: Memory, rows: IntArray) -> None:
    """Fit the baselines of `rows` to their blocks, and what they leave of the steps."""
    if not rows.size or memory.blocks.newest is None:
        return
    design = memory.block_design()
    levels = _levels_in_baseline(memory, rows)
    present = memory.blocks.numbers() >= memory.since[rows, : len(METRICS), None]
    parts = slice(_first_column(levels), None)
    classes = memory.blocks.classes[rows, parts]
    newer = fit(design[parts], levels[..., parts], classes, present[..., parts], memory.wander)
    memory.baselines.take(rows, newer)
    memory.unwritten.rows.update(rows.tolist())
    memory.version += 1
    _update_residuals(memory, rows)


def _update_residuals(memory: Memory, rows: IntArray) -> None:
    """Subtract the baselines of `rows` from all their steps."""
    recent, coefficients = memory.recent, memory.baselines.coefficients[rows]
    steps = memory.season.design(recent.starts + memory.timing.step / 2)
    by_step: FloatArray = (coefficients[:, :, None, :] * steps).sum(axis=-1)
    classes = np.maximum(recent.classes[rows], 0).astype(np.int64)
    normal = by_step + np.take_along_axis(memory.baselines.offsets[rows], classes[:, None], axis=-1)
    judged = recent.reasons[rows] == int(Reason.NONE)
    recent.residuals[rows] = np.where(judged[:, None], recent.values[rows] - normal, np.nan)


def _levels_in_baseline(memory: Memory, rows: IntArray) -> FloatArray:
    out = memory.blocks.reasons[rows] != int(Reason.NONE)
    return np.where(out[:, None], np.nan, memory.blocks.levels[rows].astype(np.float64))


def _first_column(levels: FloatArray) -> int:
    """Column before which nothing is known; with enough columns from it on for every horizon."""
    some = np.flatnonzero(~np.isnan(levels).all(axis=(0, 1)))
    first = int(some[0]) if some.size else 0
    return max(0, min(first, int(levels.shape[-1]) - REFERENCE - max(HORIZONS)))
