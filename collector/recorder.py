"""Recorder: the requests of one run in one process, as windows."""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import floor, isfinite
from typing import Any

from soakwatch.collector.accumulator import FOLD_AT, Accumulator
from soakwatch.collector.naming import Naming, clean_name, named_in, service_in
from soakwatch.core.series import OTHER, Series
from soakwatch.core.window import ErrorCount, Exemplar, Window

logger = logging.getLogger(__name__)

SERIES_PER_STEP = 20
"""So many series are closed before other greenlets get their turn."""


@dataclass(frozen=True, slots=True)
class RecorderSettings:
    """What a recorder needs to know; `width` in seconds."""

    run: str
    source: str
    width: float
    max_series: int
    max_error_kinds: int


class Recorder:
    """Takes requests into open windows and hands closed ones out.

    Requests of more than `max_series` series go into the endpoint `other` of their service. The start of a window only
    ever grows, whatever the clock does, so that no window can overwrite another one.
    """

    def __init__(self, settings: RecorderSettings, naming: Naming, now: float) -> None:
        """Open the first window at `now`, in seconds since the epoch."""
        self.settings = settings
        self.open: dict[tuple[object, ...], Accumulator] = {}
        self.invalid = 0
        self.over_guard = 0
        self._closed_count = 0
        self.naming = naming
        self._series: dict[tuple[object, ...], Series] = {}
        self._services: set[str] = set()
        self._number = floor(now / settings.width)

    def take(  # noqa: PLR0913, PLR0917  (the arguments of Locust's event)
        self,
        method: object,
        name: object,
        time: float | None,
        length: float,
        exception: object,
        context: Mapping[str, Any] | None,
        at: float,
        more: Mapping[str, Any],
    ) -> None:
        """Take one request that is out of the ordinary: the first or slowest of its window, failed, or with a context.

        `time` is in milliseconds, None where there was none; `at` is when it began. What Locust's own entries refuse
        (a time or length that is no finite number, a name that cannot be a key) is counted as `invalid`.
        """
        if not _reaches_locust(method, name, time, length):
            self.invalid += 1
            return
        exception = exception if _is_failure(exception) else None
        accumulator = self._accumulator(method, name, context, more.get("url"))
        accumulator.add(None if time is None else float(time), float(length), exception)
        if exception:
            accumulator.add_error(exception, more.get("response"), self.settings.max_error_kinds)
        if time is not None and time > accumulator.slowest:
            accumulator.slowest = time
            accumulator.exemplar = Exemplar(at, max(float(time), 0.0), _trace_id(context))

    def _accumulator(self, method: object, name: object, context: Mapping[str, Any] | None, url: object) -> Accumulator:
        service = service_in(context)
        key = (name, method, service) if service else (name, method)
        accumulator = self.open.get(key)
        if accumulator is None:
            series = self._admitted(key, method, name, context, url)
            # what is over the guard shares one accumulator and leaves no key of its own: memory stays bounded
            key = key if key in self._series else (OTHER, series)
            accumulator = self.open.get(key) or Accumulator(series)
            self.open[key] = accumulator
        return accumulator

    def _admitted(
        self, key: tuple[object, ...], method: object, name: object, context: Mapping[str, Any] | None, url: object
    ) -> Series:
        known = self._series.get(key)
        if known is not None:
            return known
        series = self.naming.series(method, name, context, url)
        if len(self._series) < self.settings.max_series:
            self._series[key] = series
            self._services.add(series.service)
            return series
        return self._over_guard(series)

    def _over_guard(self, series: Series) -> Series:
        if not self.over_guard:
            logger.warning(
                "more than %d series: further ones are counted together as the endpoint %r. Give the requests of one "
                "endpoint one name (name=...), or raise collector.max_series",
                self.settings.max_series,
                OTHER,
            )
        self.over_guard += 1
        service = series.service if series.service in self._services else OTHER
        return Series(series.environment, series.test, service, OTHER, OTHER)

    @property
    def counted(self) -> int:
        """Valid requests so far, closed windows and folded parts of open ones."""
        for accumulator in self.open.values():
            accumulator.fold()
        return self._closed_count + sum(accumulator.count for accumulator in self.open.values())

    def rotate(self, now: float) -> Iterator[list[Window | ErrorCount]]:
        """Close the open windows and open the next ones; give the closed ones in steps of 20 series.

        The exchange happens before the first step is asked for, so that no request falls between two windows; a
        caller may let others run between the steps.
        """
        closing, self.open = self.open, {}
        start = self.window_start
        self._number = max(floor(now / self.settings.width), self._number + 1)
        return self._closed(list(closing.values()), start)

    def _closed(self, accumulators: list[Accumulator], start: float) -> Iterator[list[Window | ErrorCount]]:
        run, source, width = self.settings.run, self.settings.source, self.settings.width
        for first in range(0, len(accumulators), SERIES_PER_STEP):
            points: list[Window | ErrorCount] = []
            for accumulator in accumulators[first : first + SERIES_PER_STEP]:
                accumulator.fold()
                self.invalid += accumulator.invalid
                self._closed_count += accumulator.count
                if accumulator.count:
                    points.append(accumulator.window(run, source, start, width))
                    points += accumulator.error_counts(run, source, start)
            yield points

    @property
    def window_end(self) -> float:
        """When the open window is over, in seconds since the epoch."""
        return (self._number + 1) * self.settings.width

    @property
    def window_start(self) -> float:
        """When the open window began, in seconds since the epoch; the same multiple of the width in all processes."""
        return self._number * self.settings.width

    def time_left(self, now: float) -> float:
        """Seconds until the open window is over; never more than its width, also when the clock was set back."""
        return min(max(0.0, self.window_end - now), self.settings.width)


Hook = Callable[..., None]


def make_hook(recorder: Recorder, clock: Callable[[], float]) -> tuple[Hook, Callable[[Recorder], None]]:
    """Make the listener of Locust's `request` event, and the function that gives it another recorder.

    This is the one place that runs for each request. The usual one (a success, no context, not the slowest so far)
    costs a dictionary look-up, a comparison and an append; see benchmarks/hook.py.
    """

    def use(other: Recorder) -> None:
        nonlocal recorder
        recorder = other

    def on_request(  # noqa: PLR0913, PLR0917  (the arguments of Locust's event)
        request_type: object,
        name: object,
        response_time: float,
        response_length: float,
        exception: object = None,
        context: Mapping[str, Any] | None = None,
        start_time: Any = None,
        **more: Any,
    ) -> None:
        try:
            accumulator = recorder.open[name, request_type]
            if not (exception or context or response_time > accumulator.slowest):
                accumulator.bytes += response_length
                times = accumulator.times
                times.append(response_time)
                if len(times) >= FOLD_AT:
                    accumulator.succeeded.fold()
                return
        except Exception:  # noqa: BLE001, S110  (its first request in this window, or one for take() to look at closely)
            pass
        try:
            at = float(start_time) if _is_moment(start_time) else clock()
            recorder.take(request_type, name, response_time, response_length, exception, context, at, more)
        except Exception:
            # an exception here would become Locust's exit code
            recorder.invalid += 1
            logger.exception("a request could not be recorded")

    return on_request, use


def _reaches_locust(method: object, name: object, time: object, length: object) -> bool:
    try:
        hash((name, method))
        return (time is None or isfinite(time)) and not isinstance(length + 0, str)  # type: ignore[arg-type,operator]  # tried
    except (TypeError, ValueError, OverflowError):
        return False


def _is_failure(exception: object) -> bool:
    try:
        return bool(exception)
    except Exception:  # noqa: BLE001  (Locust counts such a request, and then fails to count the failure)
        return False


def _trace_id(context: Mapping[str, Any] | None) -> str:
    return clean_name(named_in(context, "trace_id") or "")


def _is_moment(start_time: object) -> bool:
    return isinstance(start_time, int | float) and isfinite(start_time)
