"""Simulated history: weeks of a load test that nobody has to run, day by day."""

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from soakwatch.core.deploy import Deploy
from soakwatch.core.truth import Truth
from soakwatch.demo.drawn_requests import DrawnRequests, Levels, draw_requests
from soakwatch.demo.event_effects import effects_of, is_recorded, is_saturated, users_factor
from soakwatch.demo.history_deploys import deploys_of
from soakwatch.demo.history_events import DAY, MINUTE, Event
from soakwatch.demo.history_plan import MINUTES_OF_DAY, HistoryPlan
from soakwatch.demo.history_truth import truth_of
from soakwatch.demo.random_streams import Purpose, stream
from soakwatch.demo.simulated_day import CountArray, SimulatedDay, smallest_kind
from soakwatch.demo.usual_levels import UsualLevel, usual_level

FloatArray = npt.NDArray[np.float64]


class SimulatedHistory:
    """The history that a plan makes. Days may be asked for in any order, and are drawn when they are asked for."""

    def __init__(self, plan: HistoryPlan) -> None:
        self.plan = plan

    def days(self, first: int = 0, last: int | None = None) -> Iterator[SimulatedDay]:
        """Days from number `first` up to and without `last`, which is the end unless it is given."""
        for number in range(first, self.plan.days if last is None else last):
            yield self.day(number)

    def day(self, number: int) -> SimulatedDay:
        """All series in the day of this number."""
        minutes = DAY * number + MINUTE * np.arange(MINUTES_OF_DAY, dtype=np.float64)
        drawn = [self._drawn(series, number, minutes) for series in range(self.plan.series)]
        counts, first_bucket = _together(drawn)
        return SimulatedDay(
            start=self.plan.start + DAY * number,
            series=self.plan.endpoints,
            requests=np.array([one.requests for one in drawn]),
            failures=np.array([one.failures for one in drawn]),
            counts=counts,
            first_bucket=first_bucket,
            users=np.rint(self.plan.users * users_factor(self._everywhere, minutes)).astype(np.int64),
            saturated=is_saturated(self._everywhere, minutes),
            recorded=is_recorded(self._everywhere, minutes),
        )

    def truth(self) -> Truth:
        """What was done to it."""
        return truth_of(self.plan)

    def deploys(self) -> list[Deploy]:
        """What was deployed meanwhile, oldest first."""
        return deploys_of(self.plan)

    @cached_property
    def _everywhere(self) -> list[Event]:
        return [event for event in self.plan.events if len(event.series) == self.plan.series]

    @cached_property
    def _usual(self) -> list[UsualLevel]:
        return [usual_level(self.plan, number) for number in range(self.plan.series)]

    def _drawn(self, series: int, day: int, minutes: FloatArray) -> DrawnRequests:
        usual = self._usual[series]
        of_day = slice(day * MINUTES_OF_DAY, (day + 1) * MINUTES_OF_DAY)
        effects = effects_of(self.plan.events_of(series), minutes)
        levels = Levels(
            time=usual.level[of_day] + effects.level,
            sigma=usual.character.sigma,
            requests=self.plan.requests_per_minute * effects.rate * effects.recorded,
            failing=np.maximum(usual.failing[of_day], effects.failing),
            tails=effects.tails,
        )
        return draw_requests(levels, stream(self.plan.seed, Purpose.REQUESTS, series, day))


def _together(drawn: Sequence[DrawnRequests]) -> tuple[CountArray, int]:
    """Counts of all series over the buckets that any of them has, and the index of the first."""
    some = [one for one in drawn if one.counts.size]
    first = min((one.first_bucket for one in some), default=0)
    last = max((one.first_bucket + one.counts.shape[1] for one in some), default=0)
    kind = smallest_kind(max(int(one.requests.max(initial=0)) for one in drawn))
    counts = np.zeros((len(drawn), len(drawn[0].requests), last - first), dtype=kind)
    for place, one in enumerate(drawn):
        begin = one.first_bucket - first
        if one.counts.size:
            counts[place, :, begin : begin + one.counts.shape[1]] = one.counts
    return counts, first
