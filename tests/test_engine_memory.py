"""The engine's memory: what is read again after series were forgotten, or after the settings changed."""

import numpy as np
import pytest
from engine_observations import QUICK

from soakwatch.core.incident import Shape
from soakwatch.core.series import Series
from soakwatch.core.verdict import Metric
from soakwatch.detector.creep import Growth
from soakwatch.detector.engine import Engine
from soakwatch.detector.held_level import Examined, HeldLevel
from soakwatch.detector.memory import Memory
from soakwatch.detector.memory_parts import parts_of, restored
from soakwatch.detector.observation import Observation

MINUTE = 60.0
SETTINGS = QUICK.model_copy(update={"history": 2.0})


def step(minute: int) -> Observation:
    """Fifty endpoints, which are others each day but for ten."""
    names = tuple(Series("test", "soak", "shop", "GET", f"/{minute // 1440 if n > 9 else 0}/{n}") for n in range(50))
    ten, none, counts = np.full(50, 10.0), np.zeros(50), np.full((50, 1), 10.0)
    return Observation(minute * MINUTE, MINUTE, names, ten, none, none, 50 * ten, counts, 180)


def test_after_series_were_forgotten_a_restart_goes_on_judging() -> None:
    engine, kept = Engine.begin(SETTINGS), dict[str, bytes]()
    known = []
    for minute in range(0, 5 * 1440, 10):
        engine.advance(step(minute))
        kept.update(engine.changed_memory())
        known.append(len(engine.series))
    assert min(known[-300:]) < max(known)
    again = Engine.resume(SETTINGS, kept)
    assert again.series == engine.series
    again.advance(step(5 * 1440))
    assert again.explain(step(0).series[0]) is not None


@pytest.mark.parametrize("other", [{"history": 3.0}, {"time_zone": "Asia/Tokyo"}, {"max_load_difference": 0.3}])
def test_memory_of_other_settings_is_not_read(other: dict[str, object]) -> None:
    engine = Engine.begin(SETTINGS)
    for minute in range(0, 300, 10):
        engine.advance(step(minute))
    changed = SETTINGS.model_copy(update=other)
    assert Engine.identity(changed) != Engine.identity(SETTINGS)
    assert not Engine.resume(changed, engine.changed_memory()).series


def test_what_an_open_incident_looks_like_is_the_same_after_a_restart() -> None:
    memory = Memory(SETTINGS)
    creeps = HeldLevel(Shape.CREEP, 0.1, 0.02, 400.0, 300.5, Growth(0.02, 0.01, 0.03), (("shape", "it grows"),))
    stepped = HeldLevel(Shape.STEP, 0.2, 0.02, 90.0, 80.0, None, ())
    memory.examined[step(0).series[0], Metric.P95] = Examined(7, creeps)
    memory.examined[step(0).series[1], Metric.MEAN] = Examined(8, stepped)
    memory.unwritten.series = memory.unwritten.examined = True
    assert restored(SETTINGS, parts_of(memory)).examined == memory.examined
