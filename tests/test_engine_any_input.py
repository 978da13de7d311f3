"""Whatever a store may hold, the engine has an outcome: no exception, no warning, and no harm to other series."""

import warnings
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from math import inf, nan

import numpy as np
import pytest

from soakwatch.core.detector_settings import DetectorSection
from soakwatch.core.incident import Kind
from soakwatch.core.roll_up import whole_service
from soakwatch.core.series import Series
from soakwatch.detector.engine import Engine
from soakwatch.detector.observation import Load, Observation
from soakwatch.detector.signal import Signal

MINUTE = 60.0
USUAL = Series("test", "soak", "usual", "GET", "/")
BUCKETS, FIRST = 140, 180
BEGIN, SLOWER, END = 800, 1480, 1540
"""Minutes since the epoch; at 1450 the usual series learns from all that there was until then."""

QUICK = DetectorSection(learning=0.25, history=7.0)


@dataclass(frozen=True)
class Row:
    """What a series did in a minute; its successes are all in one bucket of the histogram, but for `zeros`."""

    requests: float
    failures: float = 0.0
    bucket: int = 200
    total: float = 2e4
    zeros: float = 0.0


STEADY = Row(300.0)
ODD: dict[str, Callable[[int], Row | None]] = {
    "constant": lambda _: STEADY,
    "nothing": lambda _: Row(0.0),
    "all 0 ms": lambda _: Row(5.0, zeros=5.0, total=0.0),
    "all failed": lambda _: Row(5.0, failures=5.0, total=0.0),
    "a spike of 1e9": lambda minute: Row(1.0, total=1e9 if minute == 1300 else 80.0),
    "infinite": lambda _: Row(5.0, total=inf),
    "NaN": lambda _: Row(5.0, total=nan),
    "NaN requests": lambda minute: Row(nan) if minute % 7 == 0 else STEADY,
    "two points": lambda minute: STEADY if minute in {903, 904} else None,
    "at night only": lambda minute: STEADY if minute % 450 < 90 else None,
    "a gap": lambda minute: None if 1200 < minute < 1300 else STEADY,
}
"""What odd series do in each minute; None where nobody asked for them."""


def a_step(minute: int, odd: Collection[str] = ODD, slower: int = 0) -> Observation:
    """Odd series, each with the row of its service; and one that varies as series do, by so many buckets slower."""
    bucket = 210 + slower + int(np.random.default_rng(minute).integers(-3, 4))
    rows = {USUAL: Row(300.0, bucket=bucket, total=300 * 2 ** (bucket / 32))}
    for name in odd:
        series, row = Series("test", "soak", name, "GET", "/"), ODD[name](minute)
        if row is not None:
            rows |= {series: row, whole_service(series): row}
    counts = np.zeros((len(rows), BUCKETS))
    for place, row in enumerate(rows.values()):
        counts[place, row.bucket - FIRST] = row.requests - row.failures - row.zeros
    return Observation(
        start=minute * MINUTE,
        width=MINUTE,
        series=tuple(rows),
        requests=np.array([row.requests for row in rows.values()]),
        failures=np.array([row.failures for row in rows.values()]),
        zeros=np.array([row.zeros for row in rows.values()]),
        success_sum=np.array([row.total for row in rows.values()]),
        counts=counts,
        first_bucket=FIRST,
        load={("test", "soak"): Load(10.0)},
    )


def told(steps: Iterable[Observation]) -> list[Signal]:
    """What is found by an engine that must not even warn."""
    engine = Engine.begin(QUICK)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        signals = [signal for step in steps for signal in engine.advance(step)]
        assert engine.changed_memory()
    return [signal for signal in signals if signal.finding]


def test_odd_series_tell_nothing_but_silence_and_a_usual_one_is_judged_beside_them() -> None:
    found = told(a_step(minute, slower=80 * (minute >= SLOWER)) for minute in range(BEGIN, END))
    silent = {signal.series.service for signal in found if signal.kind is Kind.NO_DATA}
    assert silent == {"at night only", "a gap"}
    assert {signal.series for signal in found if signal.kind is not Kind.NO_DATA} == {USUAL}


@pytest.mark.parametrize(
    "minutes",
    [
        pytest.param([5], id="one step"),
        pytest.param([5, 6], id="two steps"),
        pytest.param([1, 2, 50_000, 50_001, 900_000], id="gaps of months"),
        pytest.param([*range(600), *range(2100, 2400)], id="a gap of a day"),
        pytest.param([*range(600), *range(400, 650)], id="set back"),
        pytest.param([*range(600), 900_000, *range(600, 650)], id="far ahead for a minute"),
        pytest.param([*range(0, 1200, 3)], id="each third minute"),
    ],
)
def test_an_odd_clock_has_an_outcome(minutes: list[int]) -> None:
    found = told(a_step(minute, ["constant"]) for minute in minutes)
    assert {signal.kind for signal in found} <= {Kind.NO_DATA}
