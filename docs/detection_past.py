"""The past of one endpoint: a simulated history, and what the detector said of it minute by minute."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp

import numpy as np

from soakwatch.core.detector_settings import DetectorSection
from soakwatch.core.incident import Finding, Incident
from soakwatch.core.series import Series
from soakwatch.core.verdict import Metric
from soakwatch.demo.history_events import DAY, HOUR, Event
from soakwatch.demo.history_plan import HistoryPlan
from soakwatch.demo.simulated_day import SimulatedDay
from soakwatch.demo.simulated_history import SimulatedHistory
from soakwatch.detector.detection import Surroundings, learn, signals_of
from soakwatch.detector.engine import Engine
from soakwatch.detector.incidents import advance_incidents
from soakwatch.detector.maintenance import MaintenanceCalendar
from soakwatch.detector.metrics import METRICS, badness
from soakwatch.detector.observation import Load, Observation
from soakwatch.detector.sample import FloatArray
from soakwatch.detector.signal import Signal, Standing
from soakwatch.detector.story import Story, retell
from soakwatch.detector.timing import Timing

SETTINGS = DetectorSection()
"""What nobody has set: all is shown with the defaults."""

LEARNT = SETTINGS.learning
"""Days with which every history begins, and that only teach."""


@dataclass(frozen=True, slots=True)
class Past:
    """What was measured and said of the one endpoint of `plan`, over n minutes from `starts[0]` on.

    `starts` (n,) are in seconds since the epoch. `values` (n,) are in the unit of `metric`; `normal` (n,) is what the
    baseline said of that time of the day at the usual load, NaN where it has no such curve. `users` (n,) are those of
    the load, `unknown` (n,) is 1 in minutes of which something could not be told. `stories` are all incidents, those
    among them that were only suspected.
    """

    plan: HistoryPlan
    metric: Metric
    starts: FloatArray
    values: FloatArray
    normal: FloatArray
    users: FloatArray
    unknown: FloatArray
    stories: tuple[Story, ...]

    @property
    def confirmed(self) -> tuple[Story, ...]:
        """The incidents that people would have been told of."""
        return tuple(story for story in self.stories if story.confirmed is not None)

    def days(self, moments: FloatArray) -> FloatArray:
        """Moments (n,), seconds since the epoch, in days of the history."""
        return (moments - self.plan.start) / DAY

    def day(self, moment: float) -> float:
        """The same of one moment."""
        return (moment - self.plan.start) / DAY

    def began(self, event: Event) -> float:
        """When `event` really began, in seconds since the epoch."""
        return self.plan.start + event.onset

    def finding(self, incident: Incident) -> Finding:
        """What was found of the endpoint and the metric, or else what was found first."""
        ours = (self.plan.endpoints[0], self.metric)
        return next((one for one in incident.findings if (one.series, one.metric) == ours), incident.findings[0])


def watched(plan: HistoryPlan, metric: Metric, until: float) -> Past:
    """Let a detector learn and then judge, minute by minute up to the day `until`, as `watch` does."""
    history = SimulatedHistory(plan)
    record = _Watcher(history, metric)
    for observation in _observations(history):
        if observation.start >= plan.start + until * DAY:
            break
        record.take(observation)
    return record.past()


class _Watcher:
    """Folds observations into a past."""

    def __init__(self, history: SimulatedHistory, metric: Metric) -> None:
        self._plan = history.plan
        self._metric = metric
        self._engine = Engine.begin(SETTINGS)
        calendar = MaintenanceCalendar.of((), SETTINGS.time_zone)
        self._around = Surroundings(Timing.of(SETTINGS), calendar, history.deploys())
        self._incidents: Sequence[Incident] = ()
        self._stories: dict[str, Story] = {}
        self._minutes: list[tuple[float, float, float, float]] = []
        self._normal: list[tuple[float, float]] = []

    def take(self, observation: Observation) -> None:
        """Learn from a minute of the first days, or judge one."""
        if observation.start < self._plan.start + LEARNT * DAY:
            learn(self._engine, observation, self._around)
            return
        around = self._around
        signals = signals_of(self._engine, observation, self._incidents, around)
        after = advance_incidents(self._incidents, signals, observation.end, around.timing, around.deploys)
        self._stories = retell(self._stories, after, observation.end)
        self._incidents = [one for one in after if one.is_open]
        self._note(observation, signals)

    def _note(self, observation: Observation, signals: Sequence[Signal]) -> None:
        value = _value(observation, self._plan.endpoints[0], self._metric)
        users = sum(load.users for load in observation.load.values())
        unknown = any(one.standing is Standing.UNKNOWN for one in signals)
        self._minutes.append((observation.start, value, users, unknown))
        if observation.end % HOUR == 0:
            self._note_normal(observation.start // HOUR * HOUR + HOUR / 2)

    def _note_normal(self, middle: float) -> None:
        """What the baseline says of the hour around `middle`."""
        account = self._engine.explain(self._plan.endpoints[0])
        if account is None:
            return
        here = (self._metric, middle % DAY / HOUR)
        self._normal += [(middle, one.value) for one in account.levels if (one.metric, one.hour) == here]

    def past(self) -> Past:
        """All of it."""
        starts, values, users, unknown = np.array(self._minutes).T
        curve = np.interp(starts, *np.array(self._normal).T) if self._normal else np.full(starts.size, np.nan)
        stories = tuple(self._stories.values())
        return Past(self._plan, self._metric, starts, values, curve, users, unknown, stories)


def _value(observation: Observation, series: Series, metric: Metric) -> float:
    """What was measured, as the detector takes it."""
    row = observation.series.index(series)
    if metric is Metric.ERROR_RATE:
        return float(observation.failures[row] / observation.requests[row])
    return exp(badness(observation)[row, METRICS.index(metric)])


def _observations(history: SimulatedHistory) -> Iterator[Observation]:
    for day in history.days():
        whole = day.with_whole_services()
        total = whole.success_sum
        for minute in range(whole.requests.shape[1]):
            yield _observation(history.plan, whole, total[:, minute], minute)


def _observation(plan: HistoryPlan, day: SimulatedDay, success_sum: FloatArray, minute: int) -> Observation:
    load = Load(float(day.users[minute]), bool(day.saturated[minute]))
    return Observation(
        start=day.start + day.width * minute,
        width=day.width,
        series=day.series,
        requests=day.requests[:, minute].astype(np.float64),
        failures=day.failures[:, minute].astype(np.float64),
        zeros=np.zeros(len(day.series)),
        success_sum=success_sum,
        counts=day.counts[:, minute].astype(np.float64),
        first_bucket=day.first_bucket,
        load={(plan.environment, plan.test): load},
    )
