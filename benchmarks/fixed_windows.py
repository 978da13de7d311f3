"""Fixed windows: how often the fast layer's intervals and p-values are right where nobody chose when to look."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import log1p

import numpy as np
import numpy.typing as npt
from replayed_histories import SETTINGS, observations
from scipy.special import ndtr

from soakwatch.core.incident import Kind
from soakwatch.core.span import Span
from soakwatch.core.truth import EventKind
from soakwatch.core.verdict import Metric
from soakwatch.demo.history_events import DAY, HOUR, MINUTE, Event
from soakwatch.demo.history_plan import HistoryPlan
from soakwatch.detector.bounded import bounded_mean
from soakwatch.detector.exclusions import leave_out
from soakwatch.detector.fast_layer import FastBounds, read
from soakwatch.detector.intake import take_in
from soakwatch.detector.memory import Memory
from soakwatch.detector.metrics import METRICS, TIMES
from soakwatch.detector.references import References
from soakwatch.detector.signal import Key

LEARNT = 8
"""Days after which is looked: a week of learning, and one on which all baselines are fitted."""

COLUMNS = range(len(METRICS))[TIMES]
NAMES = [METRICS[column].value for column in COLUMNS]
"""Of the last axis of what is measured."""

SIZES = (0.1, 0.2, 0.5)
_APART = 6 * HOUR
_LENGTH = HOUR
_LEFT_OUT = _LENGTH + 20 * MINUTE
_LATEST = round((_APART - 2 * _LEFT_OUT) / MINUTE)
"""Minutes after the begin of a stretch of six hours: what was before is normal again, and known."""

_STEPS = 30
_LOOK = 30
"""Steps from one p-value to the next: their windows do not overlap."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Whether each interval contains the true effect, and how wide it is in log units; shape (events, 4)."""

    inside: npt.NDArray[np.bool_]
    widths: npt.NDArray[np.float64]


def coverage(seed: int, series: int, days: int) -> Coverage:
    """Of the mean of the 30 minutes after steps at known moments, four a day in each series."""
    plan = HistoryPlan(seed, series, days)
    events = _steps(plan)
    plan = HistoryPlan(seed, series, days, events=events)
    memory = Memory(SETTINGS)
    errors, halves = [], []
    for observation in observations(plan):
        take_in(memory, observation)
        now = observation.end - plan.start
        # so does the engine with what belongs to open incidents
        leave_out(memory, _watched(plan, [one for one in events if one.onset < now <= one.onset + _LEFT_OUT]))
        references = References(memory)
        for event in events:
            if event.onset + _STEPS * MINUTE == now:
                error, half = _error(memory, references, plan, event)
                errors.append(error)
                halves.append(half)
    return Coverage(np.abs(errors) <= np.array(halves), 2 * np.array(halves))


def p_values(plan: HistoryPlan) -> npt.NDArray[np.float64]:
    """Of half hours in which nothing happened, against the two hours before; shape (looks, series, 4)."""
    memory = Memory(SETTINGS)
    references = References(memory)
    found = []
    for number, observation in enumerate(observations(plan), 1):
        take_in(memory, observation)
        if number > LEARNT * DAY / MINUTE and number % _LOOK == 0:
            found.append(_p_values(memory, references)[: plan.series])
    return np.array(found)


def _steps(plan: HistoryPlan) -> tuple[Event, ...]:
    random = np.random.default_rng((plan.seed, 6))
    return tuple(_some_steps(plan, random))


def _some_steps(plan: HistoryPlan, random: np.random.Generator) -> Iterator[Event]:
    for begin in np.arange(LEARNT * DAY, plan.days * DAY, _APART):
        for number in range(plan.series):
            onset = float(begin) + MINUTE * int(random.integers(_LATEST))
            yield Event(EventKind.STEP, onset, (number,), float(random.choice(SIZES)), _LENGTH)


def _watched(plan: HistoryPlan, events: list[Event]) -> Mapping[Key, Span]:
    return {
        (plan.endpoints[event.series[0]], Metric.P50, Kind.LATENCY): Span(
            plan.start + event.onset, plan.start + event.onset
        )
        for event in events
    }


def _error(
    memory: Memory, references: References, plan: HistoryPlan, event: Event
) -> tuple[npt.NDArray[np.float64], list[float]]:
    """What is measured less the truth, and half of the interval; for each of four metrics."""
    row = memory.row_of(plan.endpoints[event.series[0]])
    assert row is not None
    onset = plan.start + event.onset
    level = bounded_mean(np.sort(memory.recent.residuals[row, TIMES, -_STEPS:], axis=-1))
    change = level - references.before(row, onset)[TIMES]
    return change - log1p(event.size), [references.half_width(row, column, _STEPS, onset) for column in COLUMNS]


def _p_values(memory: Memory, references: References) -> npt.NDArray[np.float64]:
    bounds = FastBounds.of(memory.settings, memory.timing, memory.watched_rows())
    window = [one.steps for one in bounds.windows].index(_STEPS)
    sticks = references.sticks(bounds, {})
    normal = np.exp(memory.normal_now())
    reading = read(memory.recent.residuals[: memory.rows], normal, memory.is_whole, sticks, bounds)
    chances: npt.NDArray[np.float64] = ndtr(-reading.z[:, TIMES, window])
    return chances
