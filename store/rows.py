"""Points as rows of plain values and back, for the stores and for the spool."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, astuple
from typing import Any

from soakwatch.core.deploy import Deploy
from soakwatch.core.health import Health
from soakwatch.core.histogram import Histogram
from soakwatch.core.roll_up import RollUp
from soakwatch.core.run import Outcome, Reconciliation, Run, Tally
from soakwatch.core.run_series import RunLoad, RunSeries
from soakwatch.core.series import Series
from soakwatch.core.window import ErrorCount, Exemplar, LoadSample, Window
from soakwatch.store.contract import Point

_BEFORE_OUTCOME = Run.__slots__.index("outcome")

Row = tuple[Any, ...]

SERIES_WIDTH = 5


def of_series(series: Series) -> Row:
    """Environment, test, service, method, endpoint."""
    return (series.environment, series.test, series.service, series.method, series.endpoint)


def of_window(window: Window) -> Row:
    """All but the series."""
    exemplar = window.exemplar
    return (
        *(window.run, window.source, window.start, window.width, window.count, window.failures),
        *(window.sum, window.fail_sum, window.min, window.max),
        *(window.hist.encode(), window.fail_hist.encode(), window.bytes),
        *((exemplar.at, exemplar.time, exemplar.trace_id) if exemplar else (None, None, None)),
    )


def percentiles_of(window: Window) -> Row:
    """What people and dashboards ask for: p50, p95 and p99 of all responses."""
    return tuple(window.quantiles((0.5, 0.95, 0.99)))


def to_window(row: Sequence[Any]) -> Window:
    """From series, then `of_window`."""
    *head, hist, fail_hist, length, at, time, trace_id = row
    values = [
        Series(*head[:SERIES_WIDTH]),
        *head[SERIES_WIDTH:],
        *(Histogram.decode(hist), Histogram.decode(fail_hist), length),
        None if at is None else Exemplar(at, time, trace_id),
    ]
    return Window(*values)


def of_error(error: ErrorCount) -> Row:
    """All but the series."""
    return (error.run, error.source, error.start, error.kind, error.count, error.sample)


def to_error(row: Sequence[Any]) -> ErrorCount:
    """From series, then `of_error`."""
    return ErrorCount(Series(*row[:SERIES_WIDTH]), *row[SERIES_WIDTH:])


def of_load(sample: LoadSample) -> Row:
    """All fields in order."""
    *head, late = (getattr(sample, name) for name in sample.__slots__)
    return (*head, late.encode())


def to_load(row: Sequence[Any]) -> LoadSample:
    """From `of_load`."""
    *head, saturated, late = row
    return LoadSample(*[*head, bool(saturated), Histogram.decode(late)])


def of_tally(tally: Tally) -> Row:
    """All fields in order."""
    return astuple(tally)


def to_tally(row: Sequence[Any]) -> Tally:
    """From `of_tally`."""
    *head, final = row
    return Tally(*[*head, bool(final)])


def of_run(run: Run) -> Row:
    """All fields in order; what was reconciled as JSON."""
    *head, outcome, reconciled, continues = (getattr(run, name) for name in run.__slots__)
    return (*head, str(outcome), None if reconciled is None else json.dumps(asdict(reconciled)), continues)


def to_run(row: Sequence[Any]) -> Run:
    """From `of_run`, also that of an earlier version, which knew nothing of runs that go on from others."""
    head, (outcome, reconciled, *continues) = row[:_BEFORE_OUTCOME], row[_BEFORE_OUTCOME:]
    known = None if reconciled is None else _reconciliation(json.loads(reconciled))
    return Run(*[*head, Outcome(outcome), known, *continues])


def _reconciliation(fields: dict[str, Any]) -> Reconciliation:
    return Reconciliation(**{**fields, "silent_sources": tuple(fields["silent_sources"])})


def of_run_series(series: RunSeries) -> Row:
    """All but the series; blocks and errors as JSON."""
    blocks = [of_window(block)[2:] for block in series.blocks]
    errors = [(error.start, error.kind, error.count, error.sample) for error in series.errors]
    return (series.run, _json(blocks), _json(errors))


def to_run_series(row: Sequence[Any]) -> RunSeries:
    """From series, then `of_run_series`."""
    *head, run, blocks, errors = row
    key = (*head, run, "")
    return RunSeries(
        Series(*head),
        run,
        tuple(to_window([*key, *block]) for block in json.loads(blocks)),
        tuple(to_error([*key, *error]) for error in json.loads(errors)),
    )


def of_run_load(load: RunLoad) -> Row:
    """All fields in order; blocks as JSON."""
    return (load.environment, load.test, load.run, _json([of_load(block)[4:] for block in load.blocks]))


def to_run_load(row: Sequence[Any]) -> RunLoad:
    """From `of_run_load`."""
    *key, blocks = row
    environment, test, run = key
    return RunLoad(environment, test, run, tuple(to_load([*key, "", *block]) for block in json.loads(blocks)))


def of_deploy(deploy: Deploy) -> Row:
    """All fields in order."""
    return astuple(deploy)


def of_health(health: Health) -> Row:
    """All fields in order."""
    return astuple(health)


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


_FORMS: dict[str, tuple[type[Point], Callable[[Any], Row], Callable[[Sequence[Any]], Point]]] = {
    "window": (Window, lambda window: (*of_series(window.series), *of_window(window)), to_window),
    "error": (ErrorCount, lambda error: (*of_series(error.series), *of_error(error)), to_error),
    "load": (LoadSample, of_load, to_load),
    "run": (Run, of_run, to_run),
    "tally": (Tally, of_tally, to_tally),
    "run_series": (RunSeries, lambda series: (*of_series(series.series), *of_run_series(series)), to_run_series),
    "run_load": (RunLoad, of_run_load, to_run_load),
    "roll_up": (
        RollUp,
        lambda one: (*of_series(one.window.series), *of_window(one.window)),
        lambda row: RollUp(to_window(row)),
    ),
    "deploy": (Deploy, of_deploy, lambda row: Deploy(*row)),
    "health": (Health, of_health, lambda row: Health(*row)),
}
_NAMES = {kind: name for name, (kind, _, _) in _FORMS.items()}


def encode(points: Sequence[Point]) -> bytes:
    """Write points as JSON, one row each, led by the name of its kind."""
    rows = [(_NAMES[type(point)], *_FORMS[_NAMES[type(point)]][1](point)) for point in points]
    return json.dumps(rows, separators=(",", ":")).encode("ascii")


def decode(data: bytes) -> list[Point]:
    """Read what `encode` wrote. Raises ValueError when `data` is something else."""
    try:
        return [_FORMS[name][2](row) for name, *row in json.loads(data)]
    except (KeyError, TypeError) as error:
        raise ValueError(f"not an encoded list of points: {error!r}") from error
