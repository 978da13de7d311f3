"""Whatever a store may hold, the comparison gives an outcome: no exception, no warning of numpy, no NaN."""

from math import isfinite

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from soakwatch.core.histogram import Histogram
from soakwatch.core.run import Run
from soakwatch.core.series import Series
from soakwatch.core.settings import ComparisonSection, ObjectiveSection
from soakwatch.core.verdict import Comparison, Decision
from soakwatch.core.window import LoadSample, Window
from soakwatch.detector.compare import compare_runs
from soakwatch.detector.run_data import RunData

LOOSE = ComparisonSection(min_requests=2, min_windows=3, run_to_run=0.0)
"""As little as may be asked for, so that the formulas see the smallest samples."""

OBJECTIVES = [ObjectiveSection(bound=bound) for bound in ("p95 < 0 ms", "mean < 100 ms", "errors < 0 %", "p50 < 1 s")]
TIMES = st.one_of(st.just(0.0), st.just(100.0), st.floats(0, 1e308), st.floats(1, 1000))


@st.composite
def windows(draw: st.DrawFn, run: str) -> list[Window]:
    rows = draw(st.lists(st.tuples(st.lists(TIMES, max_size=40), st.lists(TIMES, max_size=9)), min_size=1, max_size=12))
    return [
        Window(
            Series("e", "t", "s", "GET", "/shared" if n % 3 else draw(st.sampled_from(["/shared", "/else", "*"]))),
            run,
            draw(st.sampled_from(["one", "two"])),
            float(n),
            1.0,
            len(good) + len(bad) + draw(st.integers(0, 2)),
            len(bad),
            sum(good) + sum(bad),
            sum(bad),
            hist=Histogram.of(good),
            fail_hist=Histogram.of(bad),
        )
        for n, (good, bad) in enumerate([*rows, ([1.0], [])], start=1)
    ]


@st.composite
def runs(draw: st.DrawFn, name: str) -> RunData:
    users = draw(st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=8))
    load = [LoadSample("e", "t", name, "one", float(n), 1.0, total, 1.0, hot) for n, (total, hot) in enumerate(users)]
    end = draw(st.one_of(st.none(), st.floats(0, 20)))
    shared = Window(Series("e", "t", "s", "GET", "/shared"), name, "three", 1.0, 1.0, 0)
    run = Run(name, "e", "t", draw(st.floats(0, 5)), end, draw(st.integers(0, 30)))
    return RunData(run, [shared, *draw(windows(name))], (), load)


def numbers_in(comparison: Comparison) -> list[float]:
    found = [
        number
        for v in comparison.verdicts
        for number in (v.baseline, v.current, v.p, *((v.effect.value, v.effect.low, v.effect.high) if v.effect else ()))
    ]
    return [number for number in found if number is not None]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(runs("before"), min_size=1, max_size=4), runs("after"))
def test_any_two_runs_that_share_an_endpoint_have_an_outcome(baselines: list[RunData], current: RunData) -> None:
    found = compare_runs(baselines, current, LOOSE, OBJECTIVES)
    assert all(isfinite(number) for number in numbers_in(found))
    assert all(v.reason for v in found.verdicts)
    for verdict in found.verdicts:
        if verdict.effect:
            assert verdict.effect.low <= verdict.effect.value <= verdict.effect.high
        if verdict.p is None and not verdict.reason.startswith("objective"):
            assert verdict.decision is Decision.UNKNOWN
