"""Many tests: one simulated history, seen by many load generators at once, as the engine and as a store see it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from math import ceil, floor

import numpy as np

from soakwatch.core.roll_up import RollUp
from soakwatch.core.run import Outcome, Run
from soakwatch.core.series import Series
from soakwatch.core.span import Span
from soakwatch.core.window import LoadSample, Window
from soakwatch.demo.history_events import DAY
from soakwatch.demo.history_plan import MINUTES_OF_DAY, HistoryPlan
from soakwatch.demo.history_points import load_samples, roll_ups, run_of
from soakwatch.demo.simulated_day import SimulatedDay
from soakwatch.demo.simulated_history import SimulatedHistory
from soakwatch.detector.observation import Observation

_WINDOWS = 6
"""Of ten seconds, as collectors close them, in a minute."""


@dataclass(frozen=True)
class ManyTests:
    """`tests` that all do what `plan` says: a day of a thousand different series would take half an hour to draw."""

    plan: HistoryPlan
    tests: int

    @cached_property
    def names(self) -> tuple[str, ...]:
        """How they are called."""
        return tuple(f"{self.plan.test}-{number}" for number in range(self.tests))

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """The run of each, which goes on."""
        run = replace(run_of(self.plan), end=None, outcome=Outcome.RUNNING)
        return tuple(replace(run, id=f"{run.id}-{name}", test=name) for name in self.names)

    def observation(self, of_one: Observation) -> Observation:
        """What all of them did in a step, where one of them did this."""
        ((environment, _), load), *_ = of_one.load.items()
        return replace(
            of_one,
            series=_in_tests(of_one.series, self.names),
            requests=np.tile(of_one.requests, self.tests),
            failures=np.tile(of_one.failures, self.tests),
            zeros=np.tile(of_one.zeros, self.tests),
            success_sum=np.tile(of_one.success_sum, self.tests),
            counts=np.tile(of_one.counts, (self.tests, 1)),
            load={(environment, name): load for name in self.names},
        )

    def minutes(self, span: Span) -> Iterator["Minute"]:
        """The minutes that begin in `span`."""
        history = SimulatedHistory(self.plan)
        for number in range(floor((span.start - self.plan.start) / DAY), ceil((span.end - self.plan.start) / DAY)):
            day = history.day(number)
            for minute in range(MINUTES_OF_DAY):
                if span.start <= day.start + minute * day.width < span.end:
                    yield Minute(self, day.part(minute, minute + 1))

    def copies(self, one: RollUp) -> Iterator[RollUp]:
        """The same of each test."""
        for name in self.names:
            yield RollUp(replace(one.window, series=replace(one.window.series, test=name)))


@cache
def _in_tests(series: tuple[Series, ...], names: Sequence[str]) -> tuple[Series, ...]:
    return tuple(replace(one, test=name) for name in names for one in series)


@dataclass(frozen=True, slots=True)
class Minute:
    """One minute of many tests."""

    tests: ManyTests
    day: SimulatedDay

    def roll_ups(self) -> list[RollUp]:
        """As they are rolled up."""
        return [copy for one in roll_ups(self.day.with_whole_services()) for copy in self.tests.copies(one)]

    def windows(self, chance: np.random.Generator) -> list[Window]:
        """As they were recorded."""
        parts = [one.window for one in roll_ups(_apart(self.day, chance))]
        return [
            replace(part, series=replace(part.series, test=run.test), run=run.id, source="one")
            for run in self.tests.runs
            for part in parts
        ]

    def load(self) -> list[LoadSample]:
        """What the load generators did."""
        return [sample for run in self.tests.runs for sample in load_samples(_apart(self.day), run)]


def _apart(minute: SimulatedDay, chance: np.random.Generator | None = None) -> SimulatedDay:
    """The windows of a minute: each request is in one of them by chance."""
    generator = chance or np.random.default_rng(1)
    shares = [1 / _WINDOWS] * _WINDOWS
    counts = np.moveaxis(generator.multinomial(minute.counts[:, 0], shares), -1, 1)
    failures = generator.multinomial(minute.failures[:, 0], shares)
    return replace(
        minute,
        width=minute.width / _WINDOWS,
        requests=counts.sum(axis=-1) + failures,
        failures=failures,
        counts=counts.astype(minute.counts.dtype),
        users=np.repeat(minute.users, _WINDOWS),
        saturated=np.repeat(minute.saturated, _WINDOWS),
        recorded=np.repeat(minute.recorded, _WINDOWS),
    )
