"""Exclusions: what is kept out of the baselines because of incidents, and where the present level began."""

from collections.abc import Mapping

import numpy as np

from soakwatch.core.incident import Kind
from soakwatch.core.span import Span
from soakwatch.detector.conditions import Reason
from soakwatch.detector.memory import ERRORS, Memory
from soakwatch.detector.metrics import RATE, TIMES
from soakwatch.detector.refitting import refit
from soakwatch.detector.sample import IntArray
from soakwatch.detector.signal import Key
from soakwatch.detector.timing import BLOCK

FAILURES = slice(ERRORS, ERRORS + 1)
"""What of `since` is about failures."""


def leave_out(memory: Memory, watched: Mapping[Key, Span]) -> None:
    """Keep what belongs to open incidents out of the baselines, from their onset on."""
    for (series, _, kind), onset in watched.items():
        row, column = memory.row_of(series), memory.column_at(onset.start)
        if row is None or kind is Kind.NO_DATA:
            # silence has no level that could get into a baseline
            continue
        good = memory.blocks.is_good(slice(row, row + 1), slice(column, None))[0]
        if good.any():
            columns = column + np.flatnonzero(good)
            memory.blocks.reasons[row, columns] = int(Reason.INCIDENT)
            memory.version += 1
            _touch(memory, columns)
        if kind is Kind.ERRORS:
            _mark_failing(memory, row, slice(column, None), failing=True)


def give_back(memory: Memory, dropped: Mapping[Key, Span]) -> None:
    """Take into the baselines what was left out of them while something was suspected, and there was nothing."""
    for (series, _, kind), span in dropped.items():
        row = memory.row_of(series)
        if row is not None:
            part = slice(memory.column_at(span.start), memory.column_at(span.end) + 1)
            _put_back(memory, row, part)
            if kind is Kind.ERRORS:
                _mark_failing(memory, row, part, failing=False)


def accept(memory: Memory, accepted: Mapping[Key, float]) -> None:
    """Let the baselines of accepted levels begin at their onset."""
    for (series, _, kind), onset in accepted.items():
        row = memory.row_of(series)
        if row is not None:
            begin_anew(memory, row, _columns_of(kind), memory.timing.block_after(onset))


def begin_anew(memory: Memory, row: int, columns: slice, block: int) -> None:
    """Let the baseline of `columns` of the metrics begin at `block`; nothing changes if it did already."""
    if (memory.since[row, columns] >= block).all():
        return
    memory.since[row, columns] = np.maximum(memory.since[row, columns], block)
    column = memory.column_at(block * BLOCK * memory.timing.step)
    part = slice(column, memory.blocks.count)
    _put_back(memory, row, part)
    if columns == FAILURES:
        _mark_failing(memory, row, part, failing=False)
    refit(memory, np.array([row]))


def _put_back(memory: Memory, row: int, part: slice) -> None:
    blocks = memory.blocks
    columns = part.start + np.flatnonzero(blocks.reasons[row, part] == int(Reason.INCIDENT))
    known = ~np.isnan(blocks.levels[row, :, columns]).all(axis=1)
    blocks.reasons[row, columns] = np.where(known, int(Reason.NONE), int(Reason.NO_DATA))
    memory.version += bool(columns.size)
    _touch(memory, columns)


def _mark_failing(memory: Memory, row: int, part: slice, *, failing: bool) -> None:
    marked, blocks = memory.blocks.failing[row, part], memory.blocks.numbers()[part]
    others = (marked != failing) & (memory.blocks.requests[row, part] > 0)
    if others.any():
        marked[others] = failing
        memory.version += 1
        memory.unwritten.blocks.update(blocks[others].tolist())


def _touch(memory: Memory, columns: IntArray) -> None:
    memory.unwritten.blocks.update(memory.blocks.numbers()[columns].tolist())


def _columns_of(kind: Kind) -> slice:
    match kind:
        case Kind.LATENCY:
            return TIMES
        case Kind.THROUGHPUT:
            return slice(RATE, RATE + 1)
        case Kind.ERRORS:
            return FAILURES
        case Kind.NO_DATA:
            # silence has no level that could be a baseline
            return slice(0)
