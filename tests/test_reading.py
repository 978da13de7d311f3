"""From a store to observations: what a step of the detector's clock looks like, whatever was stored."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stores import CART, ORDER, a_load, a_run, a_window

from soakwatch.core.detector_settings import DetectorSection
from soakwatch.core.histogram import Histogram
from soakwatch.core.roll_up import MINUTE, roll_up, whole_service
from soakwatch.core.run import Outcome, Run
from soakwatch.core.run_series import RunLoad
from soakwatch.core.span import Span
from soakwatch.core.window import LoadSample
from soakwatch.detector.observation import Load, Observation
from soakwatch.detector.reading import observation_of, observations
from soakwatch.detector.timing import Timing
from soakwatch.store.contract import Point
from soakwatch.store.sqlite import SqliteStore

NIGHT = Span(6_000.0, 6_000.0 + 4 * MINUTE)
TEST = ("perf", "soak")


def observed(folder: Path, points: Sequence[Point], span: Span = NIGHT, scale: float = 1.0) -> list[Observation]:
    with SqliteStore.create(folder / "soakwatch.db") as store:
        store.write(points)
        return list(observations(store, Timing.of(DetectorSection(time_scale=scale)), span))


def a_run_of(users: int, start: float = 0.0, end: float | None = None) -> Run:
    return replace(a_run(start=start, outcome=Outcome.FINISHED), users=users, end=end)


def loads(users: Sequence[int], first: float = NIGHT.start) -> list[LoadSample]:
    return [replace(a_load(start=first + MINUTE * place, users=one), width=MINUTE) for place, one in enumerate(users)]


def test_each_step_is_told_also_one_in_which_nothing_happened(tmp_path: Path) -> None:
    windows = [a_window(start=NIGHT.start + at, series=series) for at in (0.0, 10.0, 120.0) for series in (CART, ORDER)]
    steps = observed(tmp_path, roll_up(windows, MINUTE))
    assert [step.start for step in steps] == [NIGHT.start + MINUTE * place for place in range(4)]
    assert [len(step.series) for step in steps] == [4, 0, 4, 0]
    first = steps[0]
    assert first.series == tuple(sorted((CART, ORDER, whole_service(CART), whole_service(ORDER))))
    assert first.requests.tolist() == [6.0] * 4
    assert first.failures.tolist() == [2.0] * 4
    assert first.success_sum.tolist() == [50.0] * 4
    assert first.successes.tolist() == [4.0] * 4


def test_in_a_rehearsal_steps_are_shorter_and_come_from_raw_windows(tmp_path: Path) -> None:
    windows = [a_window(start=NIGHT.start + at, source=source) for at in (0.0, 10.0) for source in ("a", "b")]
    steps = observed(tmp_path, windows, Span(NIGHT.start, NIGHT.start + 30), scale=0.02)
    assert [step.width for step in steps] == [10.0] * 3
    assert [step.requests.tolist() for step in steps] == [[6.0, 6.0], [6.0, 6.0], []]


times = st.lists(st.floats(0, 1e9), max_size=20)


@given(st.lists(times, max_size=4))
def test_counts_are_those_of_the_histograms(samples: list[list[float]]) -> None:
    histograms = [Histogram.of([time for time in one if time == 0 or time > 1e-3]) for one in samples]
    windows = [replace(a_window(), hist=histogram, sum=0.0, fail_sum=5.0) for histogram in histograms]
    step = observation_of(Span(0, 60), windows, {})
    for row, histogram in enumerate(histograms):
        told = {
            step.first_bucket + int(column): int(step.counts[row, column])
            for column in np.flatnonzero(step.counts[row])
        }
        assert told == dict(histogram.buckets)
    assert step.zeros.tolist() == [histogram.zeros for histogram in histograms]
    assert not step.success_sum.any(), "a sum is never negative"


def test_one_absurd_time_does_not_fill_the_memory() -> None:
    step = observation_of(Span(0, 60), [replace(a_window(), hist=Histogram.of([5e-324, 20.0, 1.7e308]))], {})
    assert step.counts.sum() == 3
    assert step.counts.shape[1] < 1_300


def test_users_of_all_processes_are_the_load_and_a_run_that_warms_up_says_so(tmp_path: Path) -> None:
    rising = loads([2, 6, 10, 10])
    others = [replace(one, source="b") for one in rising]
    steps = observed(tmp_path, [a_run_of(20, start=NIGHT.start), *rising, *others])
    assert [step.load[TEST] for step in steps] == [
        Load(4.0, settled=False),
        Load(12.0, settled=False),
        Load(20.0, settled=False),
        Load(20.0),
    ]


def test_a_run_that_never_reaches_its_target_settles_when_its_users_stop_growing(tmp_path: Path) -> None:
    steps = observed(tmp_path, [a_run_of(100, start=NIGHT.start), *loads([5, 8, 8, 8])])
    assert [step.load[TEST].settled for step in steps] == [False, False, False, True]


def test_a_run_that_began_long_before_is_settled_from_the_first_step(tmp_path: Path) -> None:
    steps = observed(tmp_path, [a_run_of(8), *loads([8] * 20, first=NIGHT.start - 16 * MINUTE)])
    assert [step.load[TEST] for step in steps] == [Load(8.0)] * 4


GAP = 10.0
"""Seconds between one run and the one that goes on from it."""


@pytest.mark.parametrize("mark", ["run", ""])
def test_a_run_that_goes_on_from_another_has_its_users_and_does_not_warm_up(tmp_path: Path, mark: str) -> None:
    turn = NIGHT.start + MINUTE + 30
    after = replace(a_run_of(8, start=turn + GAP), id="next", continues=mark)
    before = [a_load(start=turn - 10 * back, users=8) for back in range(90, 0, -1)]
    begun = [a_load("next", start=turn + GAP + 10 * place, users=min(8, 3 + 5 * place)) for place in range(14)]
    steps = observed(tmp_path, [a_run_of(8, end=turn), after, *before, *begun])
    goes_on = Load(8.0, settled=bool(mark), goes_on=bool(mark))
    assert [step.load[TEST] for step in steps] == [Load(8.0), goes_on, Load(8.0), Load(8.0)]


def test_in_a_rehearsal_the_first_moments_of_a_run_that_goes_on_count_as_all_of_its_users(tmp_path: Path) -> None:
    turn = NIGHT.start + 20
    after = replace(a_run_of(8, start=turn + GAP), id="next", continues="run")
    before = [a_load(start=turn - 10 * back, users=8) for back in range(30, 0, -1)]
    points: list[Point] = [a_run_of(8, end=turn), after, *before, a_load("next", start=turn + GAP, users=3)]
    points.append(a_load("next", start=turn + 2 * GAP, users=8))
    steps = observed(tmp_path, points, Span(NIGHT.start, NIGHT.start + 50), scale=0.02)
    loads_of = [step.load.get(TEST) for step in steps]
    assert loads_of == [Load(8.0), Load(8.0), None, Load(8.0, goes_on=True), Load(8.0)]


def test_a_run_that_goes_on_from_one_that_warmed_up_warms_up(tmp_path: Path) -> None:
    after = replace(a_run_of(100, start=NIGHT.start + MINUTE), id="next", continues="run")
    first = loads([5])
    second = [replace(one, run="next") for one in loads([7, 9, 11], first=NIGHT.start + MINUTE)]
    steps = observed(tmp_path, [a_run_of(100, start=NIGHT.start), after, *first, *second])
    assert not any(step.load[TEST].settled for step in steps)


def test_a_saturated_generator_is_told_and_one_without_users_has_no_load(tmp_path: Path) -> None:
    samples = [replace(a_load(start=NIGHT.start), saturated=True), *loads([0], first=NIGHT.start + MINUTE)]
    steps = observed(tmp_path, [a_run_of(8), *samples])
    assert steps[0].load[TEST].saturated
    assert [step.load for step in steps[1:]] == [{}, {}, {}]


@pytest.mark.parametrize("known", [True, False])
def test_the_load_of_an_old_run_is_read_from_what_is_kept_of_it(tmp_path: Path, *, known: bool) -> None:
    blocks = tuple(
        replace(a_load(start=start, users=12), source="", width=120.0)
        for start in (5_880.0, *map(float, (6_000, 6_120)))
    )
    kept = [RunLoad("perf", "soak", "run", blocks)] if known else []
    steps = observed(tmp_path, [a_run_of(12, start=5_880.0, end=6_240.0), *kept])
    assert [TEST in step.load for step in steps] == [known] * 4
    assert not known or [step.load[TEST].users for step in steps] == [12.0] * 4


def test_it_does_not_matter_how_far_back_reading_began(tmp_path: Path) -> None:
    # users who stand still for an hour, and then grow for another one
    users = [100] * 60 + [100 + 15 * minute for minute in range(1, 61)] + [1000] * 5
    first = NIGHT.start - 60 * MINUTE
    whole = Span(first, first + len(users) * MINUTE)
    points: list[Point] = [a_run_of(0, first), *loads(users, first)]
    at_once = observed(tmp_path, points, whole)
    with SqliteStore.open(tmp_path / "soakwatch.db") as store:
        timing = Timing.of(DetectorSection())
        starts = [first + MINUTE * minute for minute in range(len(users))]
        one_by_one = [step for start in starts for step in observations(store, timing, Span(start, start + MINUTE))]
    assert [step.load for step in one_by_one] == [step.load for step in at_once]
    assert [step.load[TEST].settled for step in at_once].count(False) == pytest.approx(52, abs=3)
