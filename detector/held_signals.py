"""Held signals: what the slow layer says of levels that have held for hours, and of improvements that last."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from soakwatch.core.incident import Finding, Kind, Shape, Testimony
from soakwatch.core.span import Span
from soakwatch.core.verdict import Effect, Severity
from soakwatch.detector.conditions import Reason
from soakwatch.detector.corroboration import METHOD, corroboration
from soakwatch.detector.exclusions import begin_anew
from soakwatch.detector.fast_findings import effect_of, in_unit
from soakwatch.detector.held_level import Examined, HeldLevel, examine
from soakwatch.detector.memory import Memory
from soakwatch.detector.metrics import METRICS, TIMES
from soakwatch.detector.sample import FloatArray
from soakwatch.detector.signal import Key, Signal, Standing
from soakwatch.detector.slow_bounds import SlowBounds
from soakwatch.detector.slow_layer import Levels, judge_levels
from soakwatch.detector.timing import BLOCK
from soakwatch.detector.usual_moves import UsualMoves, usual_moves

GROUP = 64
"""Series that learn together how much levels usually move."""

_LATELY = 3
"""Blocks that must still be worse for an open incident to go on: an hour's mean is still up when it is over."""

_STILL = 0.5
_AGAIN = 36
"""Blocks after which what an open incident looks like is examined again: that costs as much as a tick."""


@dataclass(frozen=True, slots=True)
class _Looked:
    """What was found of a group, whose rows begin at `first`, at a block.

    `lately` is the level of the last half hour less the reference; `higher` marks where that of the held blocks is
    more than half of a change that counts.
    """

    first: int
    usual: UsualMoves
    levels: Levels
    lately: FloatArray
    higher: npt.NDArray[np.bool_]


@dataclass(slots=True)
class HeldSignals:
    """Looks at the blocks whenever one is completed; between, it says what it said before."""

    memory: Memory
    _seen: tuple[int, tuple[tuple[int, float], ...]] | None = None
    _looked: list[_Looked] = field(default_factory=list)

    def signals(self, at: float, watched: Mapping[Key, Span]) -> Iterator[Signal]:
        """Signals of the newest step, which ended at `at`; of open incidents only while they go on."""
        memory = self.memory
        if memory.blocks.newest is None:
            return
        self._forget_all_but(watched)
        onsets = {row: span.start for row, span in memory.onsets_of(watched).items()}
        state = memory.blocks.newest, tuple(sorted(onsets.items()))
        if state != self._seen:
            self._seen = state
            self._look(onsets)
        judged = memory.learnt() & ~memory.is_whole & memory.is_present() & memory.comparable()
        for one in self._looked:
            yield from self._of_group(one, judged, at, watched)

    def _forget_all_but(self, watched: Mapping[Key, Span]) -> None:
        """What an incident looked like tells nothing of the next one."""
        asked = {(series, metric) for series, metric, _ in watched}
        gone = self.memory.examined.keys() - asked
        for one in gone:
            del self.memory.examined[one]
        self.memory.unwritten.examined |= bool(gone)

    def _look(self, onsets: Mapping[int, float]) -> None:
        memory = self.memory
        self._looked = []
        bounds = SlowBounds.of(memory.settings, memory.timing, memory.watched_rows())
        for group, usual in sorted(memory.usual.items()):
            rows = slice(group * GROUP, group * GROUP + usual.reference.shape[0])
            recent = levels_of(memory, rows, onsets, bounds.blocks)
            least = least_changes(memory, rows)
            levels = judge_levels(recent, usual, least, bounds)
            newest = recent[..., -_LATELY:]
            known = ~np.isnan(newest)
            lately = np.where(known, newest, 0.0).sum(axis=-1) / np.maximum(known.sum(axis=-1), 1) - usual.reference
            with np.errstate(invalid="ignore"):
                higher = levels.level > _STILL * least
            self._looked.append(_Looked(rows.start, usual, levels, lately, higher))
            self._begin_anew(self._looked[-1], onsets, bounds)

    def _begin_anew(self, looked: _Looked, onsets: Mapping[int, float], bounds: SlowBounds) -> None:
        """What has been better for a day is the baseline from then on."""
        learnt = self.memory.learnt()
        for place, column in np.argwhere(looked.levels.better).tolist():
            row = looked.first + place
            if row not in onsets and learnt[row]:
                held = self._examine(looked, place, column, bounds)
                newest = self.memory.blocks.newest or 0
                begin_anew(self.memory, row, slice(column, column + 1), newest - round(held.latest))

    def _of_group(
        self, looked: _Looked, judged: npt.NDArray[np.bool_], at: float, watched: Mapping[Key, Span]
    ) -> Iterator[Signal]:
        memory = self.memory
        bounds = SlowBounds.of(memory.settings, memory.timing, memory.watched_rows())
        levels = looked.levels
        for place, column in np.argwhere(levels.worse | levels.elevated | looked.higher).tolist():
            row = looked.first + place
            key = memory.series[row], METRICS[column], Kind.LATENCY
            worse = bool(levels.worse[place, column])
            if judged[row] and (worse or key in watched) and self._goes_on(looked, place, column):
                finding = self._finding(looked, place, column, at, bounds)
                standing = Standing.ALARM if worse else Standing.ELEVATED
                yield Signal(at, *key, standing, finding, immediate=worse, looks_back=True)

    def _goes_on(self, looked: _Looked, place: int, column: int) -> bool:
        """Whether it is worse in the last half hour, too; wander hides a creep for so long now and then."""
        memory = self.memory
        lately = bool(looked.lately[place, column] > _STILL * memory.settings.min_effect)
        if lately and (looked.levels.worse | looked.levels.elevated)[place, column]:
            return True
        known = memory.examined.get((memory.series[looked.first + place], METRICS[column]))
        return known is not None and known.held.shape is Shape.CREEP and bool(looked.higher[place, column])

    def _finding(self, looked: _Looked, place: int, column: int, at: float, bounds: SlowBounds) -> Finding:
        memory, row = self.memory, looked.first + place
        newest = memory.blocks.newest or 0
        of = memory.series[row], METRICS[column]
        known = memory.examined.get(of)
        if known is None or newest - known.block >= _AGAIN:
            known = Examined(newest, self._corroborated(row, column, self._examine(looked, place, column, bounds)))
            memory.examined[of] = known
            memory.unwritten.examined = True
        held = known.held
        effect = effect_of(METRICS[column], held.change, held.half)
        width = memory.timing.step * BLOCK
        normal = float(memory.normal_now()[row, column] + looked.usual.reference[place, column])
        growth = held.per_day
        return Finding(
            memory.series[row],
            METRICS[column],
            Severity.CRITICAL if effect.value >= memory.settings.critical_effect else Severity.WARNING,
            held.shape,
            held.onset((known.block + 1) * width, width),
            in_unit(METRICS[column], normal),
            in_unit(METRICS[column], normal + held.change),
            effect,
            None if growth is None else Effect(*np.expm1([growth.value, growth.low, growth.high]).tolist()),
            evidence=tuple(Testimony(at, method, says) for method, says in held.says),
        )

    def _examine(self, looked: _Looked, place: int, column: int, bounds: SlowBounds) -> HeldLevel:
        levels = self._levels(looked.first + place, column)
        return examine(levels, (place, column), looked.usual, bounds)

    def _corroborated(self, row: int, column: int, held: HeldLevel) -> HeldLevel:
        """`held` with what the vote of methods says of it."""
        says = corroboration(self._levels(row, column), held)
        return replace(held, says=(*held.says, (METHOD, says))) if says else held

    def _levels(self, row: int, column: int) -> FloatArray:
        """All that is known of one metric of one series."""
        onsets = dict(self._seen[1]) if self._seen else {}
        levels: FloatArray = levels_of(self.memory, slice(row, row + 1), onsets, self.memory.blocks.count)[0, column]
        known = np.flatnonzero(~np.isnan(levels))
        return levels[known[0] if known.size else 0 :]


def levels_of(memory: Memory, rows: slice, onsets: Mapping[int, float], blocks: int) -> FloatArray:
    """The newest `blocks` of response times of `rows`, season and load removed, shape (k, 4, blocks); NaN where out.

    What is out because of an incident is given from the onset on, in the rows of which `onsets` tells: it is looked at
    whether its level holds.
    """
    parts = slice(max(memory.blocks.count - blocks, 0), None)
    reasons = memory.blocks.reasons[rows, parts]
    inside = reasons == int(Reason.NONE)
    for row, onset in onsets.items():
        if rows.start <= row < rows.start + inside.shape[0]:
            column = max(memory.column_at(onset) - parts.start, 0)
            inside[row - rows.start, column:] |= reasons[row - rows.start, column:] == int(Reason.INCIDENT)
    present = memory.blocks.numbers()[parts] >= memory.since[rows, TIMES, None]
    return np.where(inside[:, None] & present, memory.block_residuals(rows, parts)[:, TIMES], np.nan)


def learn_usual(memory: Memory, group: int) -> UsualMoves | None:
    """How much the levels of the rows of `group` usually move; None while there is too little to tell.

    What is known of a row stays while an incident is open: of a creep it is doubtful when it began, and with all that
    may belong to it left out there may be nothing left to know it by.
    """
    rows = slice(group * GROUP, min((group + 1) * GROUP, memory.rows))
    bounds = SlowBounds.of(memory.settings, memory.timing, memory.watched_rows())
    levels = levels_of(memory, rows, {}, memory.blocks.count)
    known = np.flatnonzero(~np.isnan(levels).all(axis=(0, 1)))
    if not known.size or levels.shape[-1] - known[0] < bounds.enough:
        return None
    usual, before = usual_moves(levels[..., known[0] :], bounds), memory.usual.get(group)
    if before is None:
        return usual
    lately = memory.blocks.reasons[rows, -memory.groups :] == int(Reason.INCIDENT)
    return usual.keeping(before, lately.any(axis=-1))


def least_changes(memory: Memory, rows: slice) -> FloatArray:
    """Smallest change, as a log ratio, that counts; of quick responses it is the absolute floor."""
    settings = memory.settings
    normal = np.exp(np.clip(memory.baselines.coefficients[rows, TIMES, 0], -50, 50))
    least: FloatArray = np.log1p(np.maximum(settings.min_effect, settings.floor / normal))
    return least
