"""Line protocol: points as InfluxDB takes them."""

import re
from collections.abc import Callable
from functools import lru_cache
from math import frexp, ldexp
from typing import Any

from soakwatch.core.deploy import Deploy
from soakwatch.core.health import Health
from soakwatch.core.histogram import Histogram
from soakwatch.core.roll_up import HEAT_BOUNDS, RollUp
from soakwatch.core.run import Run, Tally
from soakwatch.core.run_series import RunLoad, RunSeries
from soakwatch.core.series import Series
from soakwatch.core.span import Span
from soakwatch.core.window import ErrorCount, LoadSample, Window, merge_windows
from soakwatch.store import rows
from soakwatch.store.contract import Point
from soakwatch.store.line_parts import boolean, floating, integer, quoted, tag_text, text_fields
from soakwatch.store.nanoseconds import in_milliseconds, to_nanoseconds
from soakwatch.store.run_spread import log_percentiles

HEAT_FIELDS = (*(f"to_{bound:.0f}" for bound in HEAT_BOUNDS), "beyond")
"""Names of the cells of a heat map, by the time in ms up to which each counts."""

UNKNOWN_END = -1.0
"""The `end` of a run that has none: a field that is left out keeps the value that it had before."""

TIME_IS_MAX, NO_EXEMPLAR = -1.0, -2.0
"""An `exemplar_time` that is the window's `max`, as almost always (the same number again and again takes no room), and
that of a window without exemplar."""

_FINENESS = 1024.0
"""Sums and extremes are written in steps of 1/1024 ms, and percentiles with 12 binary digits (their own error is 90
times as large): digits without meaning take much of the room on the server's disk, see benchmarks/influxdb_wire.py."""

_DIGITS = 4096.0
_COARSEST = 2.0**40
"""From here on a number is not rounded: it has no digits to spare."""

_NO_NUMBERS = re.compile("=(nan|-?inf)")
_QUANTILES = (0.5, 0.95, 0.99)


def line_of(point: Point) -> str:
    """One line for `point`.

    Raises ValueError for what InfluxDB has no form for: NaN and infinite numbers, whole numbers beyond 64 bits, times
    before 1677 or after 2262. Halves of surrogate pairs fail where the line becomes bytes.
    """
    return _FORMS[type(point)](point)


def arrival_line(source: str, span: Span) -> str:
    """That windows of `span` were written: without a time, so that the server's clock gives it."""
    return f"arrivals{tag_text(source=source)} from={floating(span.start)},to={floating(span.end)}"


def position_line(name: str, position: str) -> str:
    """How far the pass `name` has come."""
    return f"positions{tag_text(name=name)} position={quoted(position)} 0"


def _window(window: Window) -> str:
    tags = f"{_series(window.series)}{_process(window.run, window.source)}"
    start = to_nanoseconds(window.start)
    return f"requests{tags} {_measured(window, start)},width={floating(window.width)} {start}"


def _roll_up(one: RollUp) -> str:
    window = one.window
    heat = ",".join(f"{name}={integer(count)}" for name, count in zip(HEAT_FIELDS, one.heat, strict=True))
    start = to_nanoseconds(window.start)
    fields = f"{_measured(window, start)}{_ok_percentiles(window)},{heat}"
    return f"{ROLL_UPS[window.width]}{_series(window.series)} {fields} {start}"


def _ok_percentiles(window: Window) -> str:
    p50, p95, p99 = window.hist.quantiles(_QUANTILES)
    if p50 is None or p95 is None or p99 is None:
        return ""
    return f",ok_p50={_coarse(p50)},ok_p95={_coarse(p95)},ok_p99={_coarse(p99)}"


ROLL_UPS = {60.0: "requests_1m", 600.0: "requests_10m"}
"""Measurements of the roll-ups by their width in seconds."""


def _measured(window: Window, start: int) -> str:
    # written out, rather than put together of smaller functions: this is where most of the time of a write goes
    fields = (
        f"count={integer(window.count)},failures={integer(window.failures)},bytes={integer(window.bytes)},"
        f"sum={_fine(window.sum)},fail_sum={_fine(window.fail_sum)}"
    )
    low, high = window.min, window.max
    if low is not None and high is not None:
        fields = f"{fields},min={_fine(low)},max={_fine(high)}"
    p50, p95, p99 = rows.percentiles_of(window)
    if p50 is not None:
        fields = f"{fields},p50={_coarse(p50)},p95={_coarse(p95)},p99={_coarse(p99)}"
    if _NO_NUMBERS.search(fields):
        raise ValueError(f"InfluxDB has no form for a number in {fields}")
    return (
        f"{fields},hist={_histogram(window.hist)},fail_hist={_histogram(window.fail_hist)},{_exemplar(window, start)}"
    )


def _exemplar(window: Window, start: int) -> str:
    """When it was, in milliseconds since the window's start, its trace, and its time where that is not `max`."""
    slowest = window.exemplar
    if slowest is None:
        return f"exemplar_at=0i,exemplar_time={NO_EXEMPLAR},exemplar_trace={quoted('')}"
    time = TIME_IS_MAX if slowest.time == window.max else floating(slowest.time)
    # finer, it would take four times the room on the server's disk
    at = in_milliseconds(to_nanoseconds(slowest.at)) - in_milliseconds(start)
    return f"exemplar_at={at}i,exemplar_time={time},exemplar_trace={quoted(slowest.trace_id)}"


def _error(error: ErrorCount) -> str:
    tags = f"{_series(error.series)}{tag_text(kind=error.kind, run=error.run, source=error.source)}"
    return f"errors{tags} count={integer(error.count)},sample={quoted(error.sample)} {to_nanoseconds(error.start)}"


def _load(one: LoadSample) -> str:
    tags = tag_text(env=one.environment, run=one.run, source=one.source, test=one.test)
    return (
        f"load{tags} width={floating(one.width)},users={integer(one.users)},cpu={floating(one.cpu)},"
        f"saturated={boolean(one.saturated)},late={_histogram(one.late)} {to_nanoseconds(one.start)}"
    )


def _run(run: Run) -> str:
    *_, reconciled, continues = rows.of_run(run)
    texts = {
        "host": run.host,
        "version": run.version,
        "commit": run.commit,
        "locustfile": run.locustfile,
        "locustfile_hash": run.locustfile_hash,
        "locust_version": run.locust_version,
        "outcome": run.outcome.value,
        "reconciled": reconciled or "",
        "continues": continues,
        "label": " ".join(filter(None, (run.version, run.commit))) or run.id,
    }
    return (
        f"runs{tag_text(env=run.environment, run=run.id, test=run.test)} start={floating(run.start)},"
        f"end={floating(UNKNOWN_END if run.end is None else run.end)},users={integer(run.users)},"
        f"spawn_rate={floating(run.spawn_rate)},{text_fields(texts)} {to_nanoseconds(run.start)}"
    )


def _tally(tally: Tally) -> str:
    tags = tag_text(env=tally.environment, run=tally.run, source=tally.source, test=tally.test)
    counts = ("reached", "counted", "invalid", "reset", "reported", "dropped")
    numbers = ",".join(f"{name}={integer(getattr(tally, name))}" for name in counts)
    return f"tallies{tags} {numbers},final={boolean(tally.final)} {to_nanoseconds(tally.at)}"


def _run_series(one: RunSeries) -> str:
    run, blocks, errors = rows.of_run_series(one)
    starts = [*(block.start for block in one.blocks), *(error.start for error in one.errors)]
    start = to_nanoseconds(min(starts, default=0.0))
    # the numbers of the whole run are for dashboards
    whole = merge_windows(one.blocks) if one.blocks else Window(one.series, run, "", 0.0, 0.0, 0)
    spread = "".join(f",{name}={floating(value)}" for name, value in log_percentiles(one.blocks).items())
    texts = text_fields({"blocks": blocks, "errors": errors})
    fields = f"{_measured(whole, start)}{_ok_percentiles(whole)}{spread},{texts}"
    return f"run_series{_series(one.series)}{tag_text(run=run)} {fields} {start}"


def _run_load(load: RunLoad) -> str:
    *_, blocks = rows.of_run_load(load)
    start = min((block.start for block in load.blocks), default=0.0)
    tags = tag_text(env=load.environment, run=load.run, test=load.test)
    return f"run_load{tags} {text_fields({'blocks': blocks})} {to_nanoseconds(start)}"


def _deploy(deploy: Deploy) -> str:
    texts = {"version": deploy.version, "commit": deploy.commit, "title": deploy.title}
    fields = text_fields(texts | {"label": deploy.label})
    return f"deploys{tag_text(env=deploy.environment, service=deploy.service)} {fields} {to_nanoseconds(deploy.at)}"


def _health(health: Health) -> str:
    tags = tag_text(env=health.environment, source=health.source, test=health.test)
    counts = ",".join(
        f"{name}={integer(getattr(health, name))}" for name in ("written", "spooled", "dropped", "retried")
    )
    return f"collector{tags} {counts},lag={floating(health.lag)} {to_nanoseconds(health.at)}"


_FORMS: dict[type[Point], Callable[[Any], str]] = {
    Window: _window,
    ErrorCount: _error,
    LoadSample: _load,
    Run: _run,
    Tally: _tally,
    RollUp: _roll_up,
    RunSeries: _run_series,
    RunLoad: _run_load,
    Deploy: _deploy,
    Health: _health,
}


@lru_cache(maxsize=10_000)
def _series(series: Series) -> str:
    # the same series come every ten seconds
    return tag_text(
        endpoint=series.endpoint,
        env=series.environment,
        method=series.method,
        service=series.service,
        test=series.test,
    )


@lru_cache(maxsize=1_000)
def _process(run: str, source: str) -> str:
    return tag_text(run=run, source=source)


def _histogram(histogram: Histogram) -> str:
    return f'"{histogram.encode()}"'


def _fine(time: float) -> float:
    return round(time * _FINENESS) / _FINENESS if abs(time) < _COARSEST else time


def _coarse(time: float) -> float:
    mantissa, exponent = frexp(time)
    return ldexp(round(mantissa * _DIGITS) / _DIGITS, exponent)
