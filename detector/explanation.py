"""Explanation: what the baseline of a series is made of, and what is not in it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby

import numpy as np

from soakwatch.core.series import Series
from soakwatch.core.span import Span
from soakwatch.core.verdict import Metric
from soakwatch.detector.conditions import Reason
from soakwatch.detector.memory import Memory
from soakwatch.detector.metrics import METRICS
from soakwatch.detector.timing import BLOCK

_HOURS = 24


@dataclass(frozen=True, slots=True)
class Stretch:
    """Neighbouring blocks of one standing; `reason` is NONE for those in the baseline."""

    span: Span
    reason: Reason


@dataclass(frozen=True, slots=True)
class LevelAt:
    """What is normal at a time of the day, `hour` (0 to 24, local time of the last known day), in the metric's unit."""

    hour: float
    metric: Metric
    value: float


@dataclass(frozen=True, slots=True)
class BaselineAccount:
    """The baseline of `series`. `learning` is until when it learns (seconds since the epoch), None when it has learnt.

    `since` is when the present level began, None where it never changed; `blocks` are in the baseline.
    """

    series: Series
    learning: float | None
    since: float | None
    blocks: int
    stretches: tuple[Stretch, ...]
    levels: tuple[LevelAt, ...]


def account_of(memory: Memory, row: int) -> BaselineAccount:
    """Tell of the series `row`."""
    blocks, width = memory.blocks, memory.timing.step * BLOCK
    few = blocks.is_few(slice(row, row + 1), slice(None))[0]
    reasons, numbers = np.where(few, int(Reason.FEW_REQUESTS), blocks.reasons[row]), blocks.numbers()
    began = int(memory.followed.first_step[row]) // BLOCK
    since = int(memory.since[row, : len(METRICS)].max())
    reasons = np.where((reasons == int(Reason.NONE)) & (numbers < since), int(Reason.BEFORE_ACCEPTED), reasons)
    known = [(int(number), Reason(int(reason))) for number, reason in zip(numbers, reasons, strict=True)]
    stretches = []
    for reason, group in groupby([one for one in known if one[0] >= began], key=lambda one: one[1]):
        members = list(group)
        stretches.append(Stretch(Span(members[0][0] * width, (members[-1][0] + 1) * width), reason))
    return BaselineAccount(
        memory.series[row],
        memory.learning_until(row),
        since * width if since >= int(numbers[0]) else None,
        int((reasons == int(Reason.NONE)).sum()),
        tuple(stretches),
        _levels(memory, row),
    )


def _levels(memory: Memory, row: int) -> tuple[LevelAt, ...]:
    if not memory.baselines.found[row].any():
        return ()
    midnight = _midnight(memory)
    moments = midnight + (np.arange(_HOURS) + 0.5) * memory.timing.day / _HOURS
    normal = memory.baselines.coefficients[row] @ memory.season.design(moments).T
    return tuple(
        LevelAt(hour + 0.5, metric, float(np.exp(-level if metric is Metric.THROUGHPUT else level)))
        for column, metric in enumerate(METRICS)
        if memory.baselines.found[row, column]
        for hour, level in enumerate(normal[column])
    )


def _midnight(memory: Memory) -> float:
    """When the newest day began where the load's days are."""
    newest = float(memory.recent.starts[-1])
    if memory.settings.time_scale != 1:
        return newest // memory.timing.day * memory.timing.day
    local = datetime.fromtimestamp(newest, UTC).astimezone(memory.season.zone)
    return newest - timedelta(hours=local.hour, minutes=local.minute, seconds=local.second).total_seconds()
