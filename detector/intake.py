"""Intake: how a step gets into the memory, and into the block that is summarised when the next one begins."""

from collections import defaultdict
from collections.abc import Collection

import numpy as np

from soakwatch.detector.conditions import Reason
from soakwatch.detector.memory import Memory
from soakwatch.detector.metrics import badness
from soakwatch.detector.observation import Observation, Place, Test
from soakwatch.detector.refitting import due_rows, refit
from soakwatch.detector.step_conditions import conditions_of
from soakwatch.detector.timing import BLOCK

_MANY = 32
"""Rows that are not worth a renumbering."""


def take_in(memory: Memory, observation: Observation, maintenance: Collection[Place] = ()) -> bool:
    """Take in a step, also one that is late. True when a block was completed by it."""
    step = memory.step_of(observation)
    completed = False
    if memory.newest is None or step > memory.newest:
        completed = _complete_before(memory, step)
        memory.recent.move_to(step)
    column = memory.recent.column_of(step)
    if column is None:
        return completed
    again = bool(memory.recent.seen[column])
    _fill(memory, column, observation, maintenance)
    if again:
        _summarise_again(memory, step // BLOCK)
    return completed


def _complete_before(memory: Memory, step: int) -> bool:
    """Summarise the block that `step` is no longer in; False when it still is, or it was done before a restart."""
    newest = memory.newest
    if newest is None or step // BLOCK == newest // BLOCK:
        return False
    block = newest // BLOCK
    if memory.blocks.newest is not None and block <= memory.blocks.newest:
        return False
    memory.blocks.move_to(block)
    _summarise(memory, block)
    if block % memory.groups == 0:
        _forget_the_gone(memory)
        _forget_loads(memory)
    refit(memory, due_rows(memory, block))
    return True


def _summarise_again(memory: Memory, block: int) -> None:
    """Take late windows into a block that was summarised already, if all its steps are still there."""
    if memory.blocks.newest is None or block > memory.blocks.newest:
        return
    columns = _steps_of(memory, block)
    if columns.stop - columns.start == BLOCK and memory.recent.seen[columns].all():
        _summarise(memory, block)


def _summarise(memory: Memory, block: int) -> None:
    blocks, column = memory.blocks, memory.blocks.column_of(block)
    if column is None:
        return
    incident = blocks.reasons[:, column] == int(Reason.INCIDENT)
    blocks.fill(column, memory.recent, _steps_of(memory, block))
    known = slice(memory.rows)
    kept = incident[known] & blocks.is_good(known, slice(column, column + 1))[:, 0]
    blocks.reasons[np.flatnonzero(kept), column] = int(Reason.INCIDENT)
    memory.unwritten.blocks.add(block)
    memory.version += 1


def _steps_of(memory: Memory, block: int) -> slice:
    newest = memory.newest if memory.newest is not None else 0
    steps = memory.recent.steps
    first = steps - 1 - (newest - block * BLOCK)
    return slice(min(max(first, 0), steps), min(max(first + BLOCK, 0), steps))


def _fill(memory: Memory, column: int, observation: Observation, maintenance: Collection[Place]) -> None:
    _follow_new(memory, observation)
    rows, places = memory.followed.find(observation.series)
    recent = memory.recent
    recent.seen[column] = True
    recent.values[rows, :, column] = badness(observation)[places]
    recent.requests[rows, column] = observation.requests[places]
    recent.failures[rows, column] = observation.failures[places]
    loads = memory.classes.count
    reasons, classes = conditions_of(observation, maintenance, memory.classes)
    memory.unwritten.series |= memory.classes.count != loads
    recent.reasons[rows, column] = reasons[places]
    recent.classes[rows, column] = classes[places]
    known = slice(memory.rows)
    design = memory.season.design(recent.starts[column : column + 1] + memory.timing.step / 2)[0]
    normal = memory.baselines.expected(design, recent.classes[known, column])
    judged = recent.reasons[known, column] == int(Reason.NONE)
    rest = recent.values[known, :, column] - normal
    recent.residuals[known, :, column] = np.where(judged[:, None], rest, np.nan)


def _follow_new(memory: Memory, observation: Observation) -> None:
    newest, known = memory.newest or 0, memory.rows
    if memory.followed.add_new(observation.series, newest):
        memory.numbered_at = memory.numbered_at if known else newest
        memory.unwritten.series = True
        memory.make_room()


def _forget_the_gone(memory: Memory) -> None:
    """Drop the rows of series of which nothing is remembered any more, once they are many."""
    known = (memory.blocks.requests[: memory.rows] > 0).any(axis=1)
    known |= (memory.recent.requests[: memory.rows] > 0).any(axis=1)
    gone = memory.rows - int(known.sum())
    if gone < max(_MANY, memory.rows // 4):
        return
    rows = np.flatnonzero(known)
    for part in (memory.followed, memory.recent, memory.blocks, memory.baselines):
        part.keep_only(rows)
    memory.since = memory.since[rows]
    memory.make_room()
    memory.usual.clear()
    memory.numbered_at = memory.newest or 0
    memory.version += 1
    memory.unwritten.everything(rows.size, memory.blocks.numbers().tolist())


def _forget_loads(memory: Memory) -> None:
    """Make room for other loads where nothing remembered is of one any more."""
    rows: defaultdict[Test, list[int]] = defaultdict(list)
    for row, series in enumerate(memory.series):
        rows[series.environment, series.test].append(row)
    used = {
        test: set(np.unique(np.concatenate((memory.blocks.classes[of], memory.recent.classes[of]), axis=1)).tolist())
        for test, of in rows.items()
    }
    for test, number in memory.classes.keep_only(used):
        memory.baselines.members[rows[test], number] = 0.0
        memory.unwritten.rows.update(rows[test])
        memory.unwritten.series = True
