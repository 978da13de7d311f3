"""Reading: from what a store keeps to observations, step by step."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, groupby

import numpy as np
import numpy.typing as npt

from soakwatch.core.roll_up import MINUTE, roll_up
from soakwatch.core.span import Span
from soakwatch.core.spans import stretches
from soakwatch.core.window import Window
from soakwatch.detector.kept_load import KeptLoad
from soakwatch.detector.observation import Load, Observation, Test
from soakwatch.detector.sample import FloatArray
from soakwatch.detector.step_load import LOOKED_BACK, StepLoads
from soakwatch.detector.timing import Timing
from soakwatch.store.contract import WindowStore

_AT_ONCE = 30
"""Steps that are read by one question: a few would ask too often, many would take too much memory."""

_BEFORE = 2 * LOOKED_BACK + 1
"""Steps before the first one whose load says whether runs warm up in it, also those that go on from another."""

_LOWEST, _HIGHEST = -320, 960
"""Buckets of a nanosecond and of twelve days; what is beyond counts as these, else one absurd time fills the memory."""


def observations(store: WindowStore, timing: Timing, span: Span) -> Iterator[Observation]:
    """What all series did in each step of `span`, in order; also in steps in which nobody did anything.

    Steps are aligned; those that begin in `span` are read, some at a time. Where a step is a minute they come from the
    roll-ups of a minute, shorter ones from the raw windows. Raises StoreUnavailable.
    """
    runs = store.runs()
    kept, loads = KeptLoad(store, runs), StepLoads.of(runs)
    for stretch in _pieces(Span(span.start - _BEFORE * timing.step, span.start), timing.step):
        _fold_loads(kept, loads, stretch, timing.step)
    for stretch in _pieces(span, timing.step):
        load = _fold_loads(kept, loads, stretch, timing.step)
        seen = {each.start: each for each in _seen(store, timing.step, stretch, load)}
        for step in stretches(stretch, timing.step):
            yield seen.get(step.start) or observation_of(step, (), load[step.start])


def observation_of(step: Span, windows: Sequence[Window], load: Mapping[Test, Load]) -> Observation:
    """The observation of `step`, of which `windows` are all series, in order."""
    zeros = np.array([window.hist.zeros for window in windows], dtype=np.float64)
    counts, first_bucket = _counts(windows)
    return Observation(
        step.start,
        step.end - step.start,
        tuple(window.series for window in windows),
        np.array([window.count for window in windows], dtype=np.float64),
        np.array([window.failures for window in windows], dtype=np.float64),
        zeros,
        np.maximum(np.array([window.sum - window.fail_sum for window in windows], dtype=np.float64), 0.0),
        counts,
        first_bucket,
        load,
    )


def _counts(windows: Sequence[Window]) -> tuple[FloatArray, int]:
    # loops over buckets in C: there are a hundred of them for each window, and millions of windows
    found = list(chain.from_iterable(window.hist.buckets for window in windows))
    numbers = list(chain.from_iterable(window.hist.buckets.values() for window in windows))
    if not found:
        return np.zeros((len(windows), 0)), 0
    buckets: npt.NDArray[np.int64] = np.clip(np.array(found, dtype=np.int64), _LOWEST, _HIGHEST)
    first = int(buckets.min())
    width = int(buckets.max()) - first + 1
    rows = np.repeat(np.arange(len(windows)) * width, [len(window.hist.buckets) for window in windows])
    flat = np.bincount(rows + buckets - first, np.array(numbers, dtype=np.float64), len(windows) * width)
    return flat.astype(np.float64).reshape(len(windows), width), first


def _seen(
    store: WindowStore, step: float, stretch: Span, load: Mapping[float, Mapping[Test, Load]]
) -> Iterator[Observation]:
    """The steps of `stretch` in which there was anything. Windows are large, and there for one step at a time."""
    merged = store.roll_ups(MINUTE, stretch) if step == MINUTE else roll_up(store.windows_between(stretch), step)
    for start, group in groupby(merged, key=lambda one: one.window.start):
        yield observation_of(Span(start, start + step), [one.window for one in group], load[start])


def _fold_loads(kept: KeptLoad, loads: StepLoads, stretch: Span, step: float) -> dict[float, dict[Test, Load]]:
    samples = kept.by_step(stretch, step)
    return {each.start: loads.take(samples.get(each.start, [])) for each in stretches(stretch, step)}


def _pieces(span: Span, step: float) -> Iterator[Span]:
    start, end = (-(-moment // step) * step for moment in (span.start, span.end))
    while start < end:
        piece = Span(start, min(end, start + _AT_ONCE * step))
        yield piece
        start = piece.end
