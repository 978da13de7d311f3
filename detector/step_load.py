"""Step load: what the load generator of each test did in each step of the detector's clock."""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from soakwatch.core.run import Run
from soakwatch.core.window import LoadSample
from soakwatch.detector.load import users_by_start
from soakwatch.detector.observation import Load, Test

LOOKED_BACK = 10
"""Steps before one that say whether a run still warms up in it."""

_ALL = 0.95
"""Users that stop and start again keep a run a little below its target."""


@dataclass(slots=True)
class StepLoads:
    """Folds samples of the load, step by step in order of time, into the load of each test.

    A run is settled in a step when in one of the last `LOOKED_BACK` it had all its users, or they did not grow any
    more: a shape of its own may never reach the target. Nothing older counts, so that it does not matter how far back
    reading began.
    """

    targets: Mapping[str, int]
    _users: dict[str, float] = field(default_factory=dict)
    _settled: deque[set[str]] = field(default_factory=lambda: deque(maxlen=LOOKED_BACK))

    @classmethod
    def of(cls, runs: Iterable[Run]) -> "StepLoads":
        """Begin, with what is known of `runs`."""
        return cls({run.id: run.users for run in runs})

    def take(self, samples: Sequence[LoadSample]) -> dict[Test, Load]:
        """The load of the tests that ran in the next step, of which these are all samples."""
        runs: defaultdict[Test, set[str]] = defaultdict(set)
        saturated = {(sample.environment, sample.test) for sample in samples if sample.saturated}
        for sample in samples:
            runs[sample.environment, sample.test].add(sample.run)
        settled = set().union(*self._settled)
        by_run = {run: [sample for sample in samples if sample.run == run] for run in {one.run for one in samples}}
        self._settled.append({run for run, own in by_run.items() if self._is_settled(run, own)})
        self._users = {run: _last_users(own) for run, own in by_run.items()}
        loads = {
            test: Load(_users_of(samples, test), test in saturated, settled=ids <= settled)
            for test, ids in runs.items()
        }
        return {test: load for test, load in loads.items() if load.users}

    def _is_settled(self, run: str, samples: Sequence[LoadSample]) -> bool:
        target, before = self.targets.get(run, 0), self._users.get(run)
        has_all = target > 0 and max(users_by_start(samples).values()) >= _ALL * target
        return has_all or bool(before and _last_users(samples) <= before)


def _last_users(samples: Sequence[LoadSample]) -> float:
    return list(users_by_start(samples).values())[-1]


def _users_of(samples: Sequence[LoadSample], test: Test) -> float:
    """Users of all processes; the median of the step, because one of them may be late with a sample.

    Of two runs that follow each other within the step, one has the users of each moment.
    """
    totals = users_by_start([sample for sample in samples if (sample.environment, sample.test) == test])
    return float(median(totals.values()))
