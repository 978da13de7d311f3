"""Builders of observations: what simulated histories look like to the engine, step by step."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from soakwatch.core.detector_settings import DetectorSection
from soakwatch.core.incident import Kind
from soakwatch.core.span import Span
from soakwatch.demo.history_plan import HistoryPlan
from soakwatch.demo.simulated_day import SimulatedDay
from soakwatch.demo.simulated_history import SimulatedHistory
from soakwatch.detector.engine import Engine
from soakwatch.detector.observation import Load, Observation
from soakwatch.detector.signal import Key, Signal, Standing

QUICK = DetectorSection(learning=0.5, history=7.0)
"""Judges after a day, when the first baselines are fitted: the same code, with less to learn from."""


def observations(plan: HistoryPlan) -> Iterator[Observation]:
    """All minutes of a simulated history."""
    for day in SimulatedHistory(plan).days():
        full = day.with_whole_services()
        success_sum = full.success_sum  # of the whole day at once: it is a product of large matrices
        for minute in range(full.requests.shape[1]):
            yield _observation(full, success_sum, plan, minute)


def _observation(
    day: SimulatedDay, success_sum: npt.NDArray[np.float64], plan: HistoryPlan, minute: int
) -> Observation:
    seen = np.flatnonzero(day.requests[:, minute])
    load = {(plan.environment, plan.test): Load(float(day.users[minute]), bool(day.saturated[minute]))}
    return Observation(
        day.start + day.width * minute,
        day.width,
        tuple(day.series[row] for row in seen),
        day.requests[seen, minute].astype(np.float64),
        day.failures[seen, minute].astype(np.float64),
        np.zeros(seen.size),
        success_sum[seen, minute],
        day.counts[seen, minute].astype(np.float64),
        day.first_bucket,
        load if day.recorded[minute] else {},
    )


def follow(engine: Engine, steps: Iterator[Observation]) -> list[Signal]:
    """All signals; what alarms is watched from then on."""
    watched: dict[Key, Span] = {}
    told = []
    for step in steps:
        signals = engine.advance(step, watched)
        told += signals
        for signal in signals:
            if signal.standing is Standing.ALARM and signal.finding is not None:
                watched.setdefault(signal.key, signal.finding.onset)
    return told


def alarms(signals: list[Signal], kind: Kind) -> list[Signal]:
    """Those of `signals` that say something is wrong, of one kind."""
    return [signal for signal in signals if signal.standing is Standing.ALARM and signal.kind is kind]
