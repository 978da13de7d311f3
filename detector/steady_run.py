"""Steady runs: what is compared of a run, its warm-up left out, whether it comes from the store or from a file."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import singledispatch

import numpy as np

from soakwatch.core.histogram import Histogram
from soakwatch.core.roll_up import is_whole_service
from soakwatch.core.run import Outcome, Run
from soakwatch.core.run_summary import Block, EndpointTotals, ErrorTotal, PinnedRun, PlainBaseline, RunTotals
from soakwatch.core.series import Series
from soakwatch.core.window import ErrorCount, Window
from soakwatch.detector.columns import evidence_of_totals, merge_totals
from soakwatch.detector.evidence import Evidence, evidence_of_windows
from soakwatch.detector.load import saturated_starts, steady_users, users_by_start, warm_up_end, was_saturated
from soakwatch.detector.plain_numbers import evidence_of_numbers
from soakwatch.detector.run_data import RunData
from soakwatch.detector.sample import Endpoint, FloatArray, Sample, endpoint_of, sample_of, service_of

MOST_WINDOWS = 256
"""Several times as many as the batches that windows are joined to in the end (see `dependence`)."""

Grouping = Callable[[Series], Endpoint]
"""What a series is compared as: `endpoint_of` or `service_of`."""

ErrorKind = tuple[Endpoint, str]

_REBUILT = "imported windows, whose response times were rebuilt from percentile columns"


@dataclass(frozen=True, slots=True)
class SteadyRun:
    """A run after its warm-up, as evidence on every endpoint that had requests.

    Where there are windows, `samples` have all w of them, with zeros where an endpoint had no request; they start at
    `starts` (w,), and `seconds` (w,) were really covered. `users` is None where not known, `late` are the delays of
    the load generator's event loop (ms). `basis` names what else than windows the evidence rests on.
    """

    run: Run
    evidence: Mapping[Endpoint, Evidence]
    errors: Mapping[ErrorKind, ErrorTotal]
    users: float | None
    starts: FloatArray = field(default_factory=lambda: np.zeros(0))
    seconds: FloatArray = field(default_factory=lambda: np.zeros(0))
    samples: Mapping[Endpoint, Sample] = field(default_factory=dict)
    saturated: bool = False
    late: Histogram = field(default_factory=Histogram)
    warm_up: float = -np.inf
    basis: str = ""


@singledispatch
def steady_part(data: object, _: Grouping = endpoint_of) -> SteadyRun:
    """Leave out the warm-up and merge the processes. Nothing may be left: then there is no evidence.

    Windows in which the load generator was saturated keep their requests and failures, but not their times: those are
    its own. Where that is most of the run, all are kept, and the whole run is marked as saturated. Files say nothing
    of single windows: theirs is the whole run.
    """
    raise TypeError(f"{type(data).__name__} is not what a run is compared by")


@steady_part.register
def _(data: RunData, group: Grouping = endpoint_of) -> SteadyRun:
    users = users_by_start(data.load)
    warm_up = warm_up_end(users, data.run.users)
    saturated = was_saturated(data.load, warm_up)
    untimely = frozenset() if saturated else saturated_starts(data.load, warm_up)
    parts = [
        _without_times(window) if window.start in untimely else window
        for window in data.windows
        if window.start > warm_up and not is_whole_service(window.series)
    ]
    loaded = [start for start, total in users.items() if start > warm_up and total]
    every_start = np.unique(np.array([*(window.start for window in parts), *loaded], dtype=np.float64))
    width = max((window.width for window in parts), default=0.0)
    starts, seconds = _coarser(every_start, _seconds_covered(data.run, every_start, width))
    samples = _samples(parts, starts, group)
    return SteadyRun(
        data.run,
        _evidence(samples),
        _totals_of_errors((error for error in data.errors if error.start > warm_up), group),
        steady_users(users, warm_up, data.run.users),
        starts,
        seconds,
        samples,
        saturated,
        Histogram.merge(sample.late for sample in data.load if sample.start > warm_up),
        warm_up,
        _basis(data.run),
    )


@steady_part.register
def _(data: PinnedRun, group: Grouping = endpoint_of) -> SteadyRun:
    seconds = np.array(data.seconds, dtype=np.float64)
    starts = np.cumsum(seconds) - seconds
    blocks = (
        (series, place, block) for series, end in data.endpoints.items() for place, block in enumerate(end.blocks)
    )
    windows = [_window(series, data.run, float(starts[place]), block) for series, place, block in blocks]
    samples = _samples(windows, starts, group)
    made_of = _windows_behind(data, group)
    evidence = {endpoint: replace(told, windows=made_of[endpoint]) for endpoint, told in _evidence(samples).items()}
    return SteadyRun(
        data.run,
        evidence,
        _add_up((group(series), error) for series, endpoint in data.endpoints.items() for error in endpoint.errors),
        data.users,
        starts,
        seconds,
        samples,
        data.saturated,
        data.late,
        basis=_basis(data.run),
    )


@steady_part.register
def _(data: RunTotals, group: Grouping = endpoint_of) -> SteadyRun:
    groups: defaultdict[Endpoint, list[EndpointTotals]] = defaultdict(list)
    for series, totals in data.endpoints.items():
        if totals.requests:
            groups[group(series)].append(totals)
    return SteadyRun(
        data.run,
        {endpoint: evidence_of_totals(merge_totals(parts)) for endpoint, parts in groups.items()},
        _add_up((group(series), error) for series, totals in data.endpoints.items() for error in totals.errors),
        float(data.run.users) or None,
        basis="the percentile columns and counts of Locust's files",
    )


@steady_part.register
def _(data: PlainBaseline, _: Grouping = endpoint_of) -> SteadyRun:
    series = {service_of(Series("", "", name, "", "")): numbers for name, numbers in data.services.items()}
    evidence = {service: evidence_of_numbers(numbers) for service, numbers in series.items()}
    return SteadyRun(data.run, evidence, {}, None, basis="plain numbers, taken as exact")


def _basis(run: Run) -> str:
    return _REBUILT if run.outcome is Outcome.IMPORTED else ""


def _windows_behind(data: PinnedRun, group: Grouping) -> dict[Endpoint, int]:
    windows: dict[Endpoint, int] = {}
    for series, endpoint in data.endpoints.items():
        windows[group(series)] = max(windows.get(group(series), 0), endpoint.windows)
    return windows


def _window(series: Series, run: Run, start: float, block: Block) -> Window:
    return Window(
        series, run.id, "", start, 0.0, block.requests, block.failures, sum=block.success_sum, hist=block.hist
    )


def _without_times(window: Window) -> Window:
    return replace(window, sum=window.fail_sum, hist=Histogram())


def _samples(windows: Iterable[Window], starts: FloatArray, group: Grouping) -> dict[Endpoint, Sample]:
    groups: defaultdict[Endpoint, list[Window]] = defaultdict(list)
    for window in windows:
        groups[group(window.series)].append(window)
    return {endpoint: sample_of(parts, starts) for endpoint, parts in groups.items()}


def _evidence(samples: Mapping[Endpoint, Sample]) -> dict[Endpoint, Evidence]:
    told = {endpoint: evidence_of_windows(sample) for endpoint, sample in samples.items()}
    return {endpoint: evidence for endpoint, evidence in told.items() if evidence}


def _totals_of_errors(errors: Iterable[ErrorCount], group: Grouping) -> dict[ErrorKind, ErrorTotal]:
    return _add_up((group(error.series), ErrorTotal(error.kind, error.count, error.sample)) for error in errors)


def _add_up(errors: Iterable[tuple[Endpoint, ErrorTotal]]) -> dict[ErrorKind, ErrorTotal]:
    totals: dict[ErrorKind, ErrorTotal] = {}
    for endpoint, error in errors:
        known = totals.get((endpoint, error.kind), ErrorTotal(error.kind, 0))
        totals[endpoint, error.kind] = ErrorTotal(error.kind, known.count + error.count, error.sample or known.sample)
    return totals


def _coarser(starts: FloatArray, seconds: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Join neighbouring windows of a long run, so that memory does not grow with its length."""
    firsts = np.arange(0, starts.size, max(1, -(-starts.size // MOST_WINDOWS)))
    return (starts[firsts], np.add.reduceat(seconds, firsts)) if firsts.size else (starts, seconds)


def _seconds_covered(run: Run, starts: FloatArray, width: float) -> FloatArray:
    """Part of each window within the run: the first and the last one are cut by its start and end."""
    end = np.inf if run.end is None else run.end
    covered: FloatArray = np.minimum(starts + width, end) - np.maximum(starts, run.start)
    return np.clip(covered, 0.0, width)
