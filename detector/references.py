"""References: what each window is held against, kept while nothing changes it."""

from collections.abc import Mapping
from math import floor

import numpy as np
from scipy.special import stdtrit

from soakwatch.core.span import Span
from soakwatch.detector.block_spread import REFERENCE
from soakwatch.detector.bounded import bounded_mean, counted
from soakwatch.detector.conditions import Reason
from soakwatch.detector.fast_layer import FastBounds, Yardsticks
from soakwatch.detector.memory import Memory
from soakwatch.detector.metrics import METRICS
from soakwatch.detector.sample import FloatArray, IntArray
from soakwatch.detector.timing import BLOCK

_UPPER = 0.975
"""A 95 % interval ends here (Student 1908)."""


class References:
    """Yardsticks of the fast layer from what `memory` knows; those of blocks change only when a block is completed."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._known: tuple[int, bytes] | None = None
        self._spreads: dict[int, tuple[FloatArray, FloatArray]] = {}
        self._levels: dict[int, FloatArray] = {}
        self._frozen: dict[tuple[int, int], FloatArray] = {}

    def sticks(self, bounds: FastBounds, watched: Mapping[int, Span]) -> Yardsticks:
        """Yardsticks at the newest step; of the rows in `watched` those from before their onset."""
        memory = self._memory
        self._keep_up()
        spreads = [self._spread(window.steps) for window in bounds.windows]
        level_sd, move_sd = (np.stack(parts, axis=-1) for parts in zip(*spreads, strict=True))
        reference = np.stack([self._level(window.steps) for window in bounds.windows], axis=-1)
        for row, onset in watched.items():
            reference[row] = self.before(row, onset.start)[:, None]
            move_sd[row] = self.grown(move_sd[row], level_sd[row], onset.start)
        baselines, rows = memory.baselines, memory.rows
        level_sd *= self._load_doubt()[:, None, None]
        return Yardsticks(
            reference,
            move_sd,
            level_sd,
            baselines.move_freedom[:rows, :, None],
            baselines.level_freedom[:rows, :, None],
        )

    def before(self, row: int, moment: float) -> FloatArray:
        """Level of the last blocks that ended before `moment`; shape (m,)."""
        self._keep_up()
        block = floor(moment / (self._memory.timing.step * BLOCK)) - 1
        key = row, block
        if key not in self._frozen:
            self._frozen[key] = self._reference(np.array([row]), block)[0]
        return self._frozen[key]

    def grown(self, move_sd: FloatArray, level_sd: FloatArray, onset: float) -> FloatArray:
        """How much a level usually moves in the time since `onset`: up to what two unrelated moments differ by."""
        timing = self._memory.timing
        age = (self._memory.recent.starts[-1] - onset) / timing.step / BLOCK
        share = -np.expm1(-max(age - REFERENCE, 0.0) / self._memory.wander)
        with np.errstate(invalid="ignore"):
            grown = np.sqrt((1 - share) * move_sd**2 + share * np.maximum(2 * level_sd**2, move_sd**2))
        return np.where(np.isnan(grown), np.inf, grown)

    def half_width(self, row: int, column: int, steps: int, onset: float) -> float:
        """Half of the 95 % interval of the change of the mean of `steps` since what was before `onset`."""
        self._keep_up()
        level, move = self._spread(steps)
        sd = self.grown(move[row, column], level[row, column], onset)
        freedom = float(self._memory.baselines.move_freedom[row, column])
        return float(sd) * float(stdtrit(max(freedom, 1.0), _UPPER))

    def _keep_up(self) -> None:
        """Forget what was of other blocks, other series or another load."""
        memory = self._memory
        known = memory.version, memory.recent.classes[: memory.rows, -1].tobytes()
        if known != self._known:
            self._known = known
            self._spreads.clear()
            self._levels.clear()
            self._frozen.clear()

    def _spread(self, steps: int) -> tuple[FloatArray, FloatArray]:
        if steps not in self._spreads:
            baselines, rows = self._memory.baselines, self._memory.rows
            self._spreads[steps] = (
                baselines.sd(baselines.level_sd[:rows], steps),
                baselines.sd(baselines.move_sd[:rows], steps),
            )
        return self._spreads[steps]

    def _level(self, steps: int) -> FloatArray:
        """Level of the last blocks that ended before the last `steps` began; shape (r, m)."""
        newest = self._memory.newest or 0
        block = (newest + 1 - steps) // BLOCK - 1
        if block not in self._levels:
            self._levels[block] = self._reference(np.arange(self._memory.rows), block)
        return self._levels[block]

    def _reference(self, rows: IntArray, last: int) -> FloatArray:
        """Bounded mean of the blocks up to `last` that are in the baseline, at the load of now; NaN with too few."""
        blocks, recent = self._memory.blocks, self._memory.recent
        newest = blocks.newest if blocks.newest is not None else 0
        end = min(max(blocks.count - (newest - last), 0), blocks.count)
        parts = slice(max(end - REFERENCE, 0), end)
        alike = blocks.classes[rows, parts] == recent.classes[rows, -1:]
        usable = alike & (blocks.reasons[rows, parts] == int(Reason.NONE))
        if not usable.shape[-1]:
            return np.full((rows.size, len(METRICS)), np.nan)
        present = blocks.numbers()[parts] >= self._memory.since[rows, : len(METRICS), None]
        inside = usable[:, None] & present
        levels = np.where(inside, self._memory.block_residuals(rows, parts), np.nan)
        ordered = np.sort(levels, axis=-1)
        return np.where(counted(ordered) >= REFERENCE // 2, bounded_mean(ordered), np.nan)

    def _load_doubt(self) -> FloatArray:
        """Factor of the spread where the level at this load is known from few blocks; shape (r,)."""
        memory = self._memory
        classes = np.maximum(memory.recent.classes[: memory.rows, -1], 0)
        members = memory.baselines.members[np.arange(memory.rows), classes]
        return np.asarray(np.sqrt(1 + np.minimum(1.0, 2 * memory.wander / np.maximum(members, 1.0))))
