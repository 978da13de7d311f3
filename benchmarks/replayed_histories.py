"""Replayed histories: what the engine tells of simulated ones, without a store between."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from soakwatch.core.detector_settings import DetectorSection
from soakwatch.core.span import Span
from soakwatch.demo.history_events import DAY
from soakwatch.demo.history_plan import HistoryPlan
from soakwatch.demo.simulated_day import SimulatedDay
from soakwatch.demo.simulated_history import SimulatedHistory
from soakwatch.detector.backtest import replay
from soakwatch.detector.backtest_score import Score, score
from soakwatch.detector.detection import Surroundings, learn
from soakwatch.detector.engine import Engine
from soakwatch.detector.maintenance import MaintenanceCalendar
from soakwatch.detector.observation import Load, Observation
from soakwatch.detector.timing import Timing

SETTINGS = DetectorSection()
"""As they are when nobody sets any."""

AROUND = Surroundings(Timing.of(SETTINGS), MaintenanceCalendar.of([], SETTINGS.time_zone))


@dataclass(frozen=True, slots=True)
class Learnt:
    """An engine that has seen the first `days` of a history."""

    engine: Engine
    days: int


def observations(plan: HistoryPlan, first: int = 0) -> Iterator[Observation]:
    """What the engine sees of `plan`, minute by minute, from the day of this number on."""
    for day in SimulatedHistory(plan).days(first):
        yield from _minutes(day.with_whole_services(), plan)


def learnt(plan: HistoryPlan, days: int) -> Learnt:
    """Learn from the first `days` of `plan`, in which nothing should happen: they are not judged."""
    engine = Engine.begin(SETTINGS)
    for observation in observations(replace(plan, days=days)):
        learn(engine, observation, AROUND)
    return Learnt(engine, days)


def judged(plan: HistoryPlan, known: Learnt) -> Score:
    """Judge what comes after what is known; the engine goes on from there, and cannot be used again."""
    replayed = replay(observations(plan, known.days), known.engine, AROUND)
    # a replay takes its first week for that of learning; this one began with what was learnt before
    span = Span(plan.start + known.days * DAY, plan.span.end)
    return score(replace(replayed, judged=span), SimulatedHistory(plan).truth())


def _minutes(day: SimulatedDay, plan: HistoryPlan) -> Iterator[Observation]:
    success_sum = day.success_sum
    for minute, (users, saturated) in enumerate(zip(day.users.tolist(), day.saturated.tolist(), strict=True)):
        seen = np.flatnonzero(day.requests[:, minute])
        everything = seen.size == len(day.series)
        yield Observation(
            start=day.start + day.width * minute,
            width=day.width,
            series=day.series if everything else tuple(day.series[row] for row in seen),
            requests=day.requests[seen, minute].astype(np.float64),
            failures=day.failures[seen, minute].astype(np.float64),
            zeros=np.zeros(seen.size),
            success_sum=success_sum[seen, minute],
            counts=day.counts[seen, minute].astype(np.float64),
            first_bucket=day.first_bucket,
            load={(plan.environment, plan.test): Load(float(users), saturated)} if day.recorded[minute] else {},
        )
