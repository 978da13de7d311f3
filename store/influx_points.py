"""Points of InfluxDB: from what was read of each measurement to values."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from soakwatch.core.deploy import Deploy
from soakwatch.core.health import Health
from soakwatch.core.histogram import Histogram
from soakwatch.core.roll_up import RollUp
from soakwatch.core.run import Run, Tally
from soakwatch.core.run_series import RunLoad, RunSeries
from soakwatch.core.series import Series
from soakwatch.core.window import ErrorCount, Exemplar, LoadSample, Window
from soakwatch.store import rows
from soakwatch.store.flux_answers import Record
from soakwatch.store.line_protocol import NO_EXEMPLAR, ROLL_UPS, TIME_IS_MAX, UNKNOWN_END
from soakwatch.store.nanoseconds import MILLISECOND, from_nanoseconds, in_milliseconds, parse_moment, to_nanoseconds
from soakwatch.store.text_codec import decode_text

P = TypeVar("P")

SERIES_TAGS = ("env", "test", "service", "method", "endpoint")
_MEASURED = (
    *("count", "failures", "sum", "fail_sum", "min", "max", "hist", "fail_hist", "bytes"),
    *("exemplar_at", "exemplar_trace", "exemplar_time"),
)
_WITHOUT_TIMES = frozenset({"min", "max"})
"""What a window lacks in which no request had a time."""


@dataclass(frozen=True, slots=True)
class Form(Generic[P]):
    """What is read of a measurement, and how a point is made of it.

    `make` is given the values of `tags`, the time in seconds, and the texts of `fields`; every point has all of them
    but those that `may_lack`.
    """

    measurement: str
    tags: Sequence[str]
    fields: Sequence[str]
    make: Callable[[tuple[str, ...], float, tuple[Any, ...]], P]
    may_lack: frozenset[str] = frozenset()

    def is_whole(self, record: Record) -> bool:
        """Whether all of the point is there.

        The server shows the fields of a point that is just being written one after the other. What is half there is
        read when it has arrived: its arrival is noted after it.
        """
        *_, values = record
        return None not in values or self.may_lack.issuperset(
            field for field, value in zip(self.fields, values, strict=True) if value is None
        )

    def point_of(self, record: Record) -> P:
        """Make the point."""
        tags, time, values = record
        return self.make(tags, from_nanoseconds(parse_moment(time)), values)


def _window(tags: tuple[str, ...], start: float, values: tuple[Any, ...]) -> Window:
    *series, run, source = tags
    *measured, width = values
    return _measured(Series(*series), (run, source, start, float(width)), measured)


def _measured(series: Series, key: tuple[str, str, float, float], values: Sequence[Any]) -> Window:
    count, failures, total, fail_total, low, high, hist, fail_hist, length, *exemplar = values
    successes, failed = Histogram.decode(hist), Histogram.decode(fail_hist)
    # a field that is left out keeps the value that it had: without a time there is no smallest
    timed = successes.count + failed.count > 0
    slowest = float(high) if timed and high is not None else None
    return Window(
        *(series, *key, int(count), int(failures), float(total), float(fail_total)),
        min=float(low) if timed and low is not None else None,
        max=slowest,
        hist=successes,
        fail_hist=failed,
        bytes=int(length),
        exemplar=_exemplar(key[2], slowest, exemplar),
    )


def _exemplar(start: float, slowest: float | None, values: Sequence[Any]) -> Exemplar | None:
    at, trace_id, told = values
    time = float(told)
    if time == NO_EXEMPLAR:
        return None
    moment = (in_milliseconds(to_nanoseconds(start)) + int(at)) * MILLISECOND
    return Exemplar(
        from_nanoseconds(moment), float(slowest or 0.0) if time == TIME_IS_MAX else time, decode_text(trace_id)
    )


def _error(tags: tuple[str, ...], start: float, values: tuple[Any, ...]) -> ErrorCount:
    *series, run, source, kind = tags
    count, sample = values
    return ErrorCount(Series(*series), run, source, start, kind, int(count), decode_text(sample))


def _load(tags: tuple[str, ...], start: float, values: tuple[Any, ...]) -> LoadSample:
    width, users, cpu, saturated, late = values
    environment, test, run, source = tags
    key = (environment, test, run, source, start, float(width))
    return LoadSample(*key, int(users), float(cpu), saturated == "true", Histogram.decode(late))


def _run(tags: tuple[str, ...], start: float, values: tuple[Any, ...]) -> Run:
    environment, test, run = tags
    end, users, spawn_rate, *texts = values
    # of an earlier version's run nobody has noted which one it goes on from
    *known, reconciled, continues = (decode_text(text or "") for text in texts)
    ended = None if float(end) == UNKNOWN_END else float(end)
    return rows.to_run([
        *(run, environment, test, start, ended, int(users), float(spawn_rate)),
        *(*known, reconciled or None, continues),
    ])  # fmt: skip


def _tally(tags: tuple[str, ...], at: float, values: tuple[Any, ...]) -> Tally:
    *texts, final = values
    reached, counted, invalid, reset, reported, dropped = map(int, texts)
    environment, test, run, source = tags
    key = (environment, test, run, source, at)
    return Tally(*key, reached, counted, invalid, reset, reported, dropped, final == "true")


def _run_series(tags: tuple[str, ...], _start: float, values: tuple[Any, ...]) -> RunSeries:
    return rows.to_run_series([*tags, *map(decode_text, values)])


def _run_load(tags: tuple[str, ...], _start: float, values: tuple[Any, ...]) -> RunLoad:
    return rows.to_run_load([*tags, *map(decode_text, values)])


def _deploy(tags: tuple[str, ...], at: float, values: tuple[Any, ...]) -> Deploy:
    environment, service = tags
    version, commit, title = map(decode_text, values)
    return Deploy(environment, service, at, version, commit, title)


def _health(tags: tuple[str, ...], at: float, values: tuple[Any, ...]) -> Health:
    *counts, lag = values
    written, spooled, dropped, retried = map(int, counts)
    environment, test, source = tags
    return Health(environment, test, source, at, written, spooled, dropped, retried, float(lag))


def roll_up_form(width: float) -> Form[RollUp]:
    """Roll-ups of `width` seconds."""

    def make(tags: tuple[str, ...], start: float, values: tuple[Any, ...]) -> RollUp:
        return RollUp(_measured(Series(*tags), ("", "", start, width), values))

    return Form(ROLL_UPS[width], SERIES_TAGS, _MEASURED, make, _WITHOUT_TIMES)


WINDOWS = Form("requests", (*SERIES_TAGS, "run", "source"), (*_MEASURED, "width"), _window, _WITHOUT_TIMES)
ERRORS = Form("errors", (*SERIES_TAGS, "run", "source", "kind"), ("count", "sample"), _error)
LOAD = Form("load", ("env", "test", "run", "source"), ("width", "users", "cpu", "saturated", "late"), _load)
RUNS = Form(
    "runs",
    ("env", "test", "run"),
    (
        *("end", "users", "spawn_rate", "host", "version", "commit", "locustfile", "locustfile_hash"),
        *("locust_version", "outcome", "reconciled", "continues"),
    ),
    _run,
    frozenset({"continues"}),
)
TALLIES = Form(
    "tallies",
    ("env", "test", "run", "source"),
    ("reached", "counted", "invalid", "reset", "reported", "dropped", "final"),
    _tally,
)
RUN_SERIES = Form("run_series", (*SERIES_TAGS, "run"), ("blocks", "errors"), _run_series)
RUN_LOAD = Form("run_load", ("env", "test", "run"), ("blocks",), _run_load)
DEPLOYS = Form("deploys", ("env", "service"), ("version", "commit", "title"), _deploy)
HEALTH = Form("collector", ("env", "test", "source"), ("written", "spooled", "dropped", "retried", "lag"), _health)
