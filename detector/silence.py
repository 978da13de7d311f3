"""Silence: services that no longer get a request while their test goes on."""

from collections.abc import Collection, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import TypeVar

from soakwatch.core.incident import Finding, Kind, Shape, Testimony
from soakwatch.core.numbers import format_duration, format_value
from soakwatch.core.roll_up import is_whole_service
from soakwatch.core.series import WHOLE_SERVICE, Series
from soakwatch.core.span import Span
from soakwatch.core.verdict import Effect, Metric, Severity
from soakwatch.detector.observation import Load, Observation, Place, Test, place_of
from soakwatch.detector.signal import Key, Signal, Standing
from soakwatch.detector.timing import Timing

_Known = TypeVar("_Known")

_REMEMBERED = 60
"""Steps that are remembered: less than what a restart reads again, so that it knows the same."""

_GRACE = 2
"""Steps more than asked for, as windows of one process may come later than the load of another."""

_EXPECTED = 20.0
"""Requests that are missing, so that rare ones may stay away by chance."""

_BRIDGED = 3
"""Steps that may lie between a run and the one that goes on from it: 20 s, where a step is 10 s."""

_LONGER = 2
"""Times the longest pause of the last hour, up to which silence is a pause."""

_RULE_OF_THREE = 3.0
"""None was seen: with 95 % confidence fewer than three were to be expected (Hanley, Lippman-Hand, JAMA 249, 1983)."""


@dataclass(frozen=True, slots=True)
class _Quiet:
    """A service without a request for the last `steps` of its test; `usual` are its requests in a step before."""

    steps: int
    usual: float
    last: float
    """When the last step with requests began."""

    @property
    def missing(self) -> float:
        return self.steps * self.usual


@dataclass(slots=True)
class SilenceWatch:
    """Folds observations, in order of time, into what is silent. It knows the last hour (in steps) and no more."""

    timing: Timing
    _loads: dict[Test, dict[float, Load]] = field(default_factory=dict)
    _requests: dict[Series, dict[float, float]] = field(default_factory=dict)
    _maintained: dict[float, frozenset[Place]] = field(default_factory=dict)

    def take(self, observation: Observation, maintenance: Collection[Place] = ()) -> None:
        """Take in a step, or once more one that was taken in before."""
        start = observation.start
        for test, load in observation.load.items():
            self._loads.setdefault(test, {})[start] = load
        for series, requests in zip(observation.series, observation.requests.tolist(), strict=True):
            if requests > 0 and is_whole_service(series):
                self._requests.setdefault(series, {})[start] = requests
        self._maintained[start] = frozenset(maintenance)
        self._forget(max(self._maintained) - _REMEMBERED * self.timing.step)

    def signals(self, at: float, watched: Collection[Key] = ()) -> Iterator[Signal]:
        """What is silent in the step that ended at `at`, and how those of `watched` are that were silent before."""
        asked = {key[0] for key in watched if key[2] is Kind.NO_DATA and _is_service(key[0])}
        for series in sorted(self._requests.keys() | asked):
            quiet = self._quiet(series, at)
            if quiet and quiet.missing >= _EXPECTED and quiet.steps >= self.timing.silence + _GRACE:
                yield self._alarm(series, quiet, at)
            elif series in asked:
                yield self._standing(series, at)

    def _standing(self, series: Series, at: float) -> Signal:
        newest = at - self.timing.step
        heard = newest in self._requests.get(series, {})
        reason = "" if heard else "its test is not under way, or nobody knows how many requests to expect"
        standing = Standing.NORMAL if heard else Standing.UNKNOWN
        return Signal(at, series, Metric.THROUGHPUT, Kind.NO_DATA, standing, reason=reason)

    def _quiet(self, series: Series, at: float) -> _Quiet | None:
        """How long `series` has been silent at the end of its run; None while it is not, or was never heard."""
        loads, heard = self._loads.get((series.environment, series.test), {}), self._requests.get(series, {})
        moment, steps = at - self.timing.step, 0
        while moment not in heard and self._is_busy(loads.get(moment), place_of(series), moment):
            steps += 1
            moment = self._step_before(loads, moment)
        before = [heard.get(start, 0.0) for start in self._under_way(loads, moment)]
        # who asks now and then is silent between, and another run may not ask at all
        often = sum(requests > 0 for requests in before) >= self.timing.silence
        if not steps or not often or steps <= _LONGER * _longest_pause(before):
            return None
        return _Quiet(steps, sum(before) / len(before), max(heard))

    def _under_way(self, loads: Mapping[float, Load], moment: float) -> Iterator[float]:
        """Starts of the steps back from `moment` in which the test was under way without a break."""
        while moment in loads:
            yield moment
            moment = self._step_before(loads, moment)

    def _step_before(self, loads: Mapping[float, Load], moment: float) -> float:
        """The step before one; where a run took the place of another, the last one of that."""
        before = moment - self.timing.step
        if (load := loads.get(moment)) is None or not load.goes_on:
            return before
        bridged = (moment - steps * self.timing.step for steps in range(1, _BRIDGED + 1))
        return next((start for start in bridged if start in loads), before)

    def _is_busy(self, load: Load | None, place: Place, moment: float) -> bool:
        maintained = place in self._maintained.get(moment, frozenset())
        return load is not None and load.users > 0 and load.settled and not maintained

    def _alarm(self, series: Series, quiet: _Quiet, at: float) -> Signal:
        step = self.timing.step
        rate = format_value(Metric.THROUGHPUT, quiet.usual / step)
        says = f"no request for {format_duration(quiet.steps * step)} while the test goes on; usually {rate}"
        finding = Finding(
            series,
            Metric.THROUGHPUT,
            Severity.CRITICAL,
            Shape.STEP,
            Span(quiet.last, at - quiet.steps * step),
            baseline=quiet.usual / step,
            current=0.0,
            effect=Effect(-1.0, -1.0, min(_RULE_OF_THREE / quiet.missing, 1.0) - 1.0),
            evidence=(Testimony(at, "silence", says),),
        )
        return Signal(at, series, Metric.THROUGHPUT, Kind.NO_DATA, Standing.ALARM, finding, immediate=True)

    def _forget(self, before: float) -> None:
        for loads in self._loads.values():
            _drop_older(loads, before)
        for requests in self._requests.values():
            _drop_older(requests, before)
        _drop_older(self._maintained, before)
        self._loads = {test: known for test, known in self._loads.items() if known}
        self._requests = {series: known for series, known in self._requests.items() if known}


def _longest_pause(requests: Iterable[float]) -> int:
    """The most steps in a row without a request."""
    return max((sum(1 for _ in group) for some, group in groupby(requests, key=bool) if not some), default=0)


def _drop_older(known: MutableMapping[float, _Known], before: float) -> None:
    for start in [start for start in known if start < before]:
        del known[start]


def _is_service(series: Series) -> bool:
    # a test that did not begin is told of for all services together
    return is_whole_service(series) and series.service != WHOLE_SERVICE
