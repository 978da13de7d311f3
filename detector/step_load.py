"""Step load: what the load generator of each test did in each step of the detector's clock."""

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
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
    reading began. A run that goes on from one that was settled is so from its beginning; in its first step it has the
    users that it is to have, unless that other one has told them for this step.
    """

    targets: Mapping[str, int]
    before: Mapping[str, str] = field(default_factory=dict)
    """The run that each one goes on from."""

    _users: dict[str, float] = field(default_factory=dict)
    _settled: deque[set[str]] = field(default_factory=lambda: deque(maxlen=LOOKED_BACK))

    @classmethod
    def of(cls, runs: Iterable[Run]) -> "StepLoads":
        """Begin, with what is known of `runs`."""
        known = list(runs)
        return cls({run.id: run.users for run in known}, {run.id: run.continues for run in known if run.continues})

    def take(self, samples: Sequence[LoadSample]) -> dict[Test, Load]:
        """The load of the tests that ran in the next step, of which these are all samples."""
        of_test: defaultdict[Test, list[LoadSample]] = defaultdict(list)
        by_run: defaultdict[str, list[LoadSample]] = defaultdict(list)
        for sample in samples:
            of_test[sample.environment, sample.test].append(sample)
            by_run[sample.run].append(sample)
        settled = set().union(*self._settled)
        fresh = {run for run in by_run.keys() - settled if self.before.get(run) in settled}
        self._settled.append({run for run, own in by_run.items() if run in fresh or self._is_settled(run, own)})
        self._users = {run: _last_users(own) for run, own in by_run.items()}
        loads = {test: self._load(own, settled, fresh) for test, own in of_test.items()}
        return {test: load for test, load in loads.items() if load.users}

    def _load(self, samples: Sequence[LoadSample], settled: AbstractSet[str], fresh: AbstractSet[str]) -> Load:
        """That of one test; of its runs, those `fresh` have just taken the place of others."""
        runs = {sample.run for sample in samples}
        return Load(
            self._users_of(samples, runs & fresh),
            any(sample.saturated for sample in samples),
            settled=runs <= settled | fresh,
            goes_on=bool(runs & fresh),
        )

    def _users_of(self, samples: Sequence[LoadSample], fresh: Collection[str]) -> float:
        """Users of all processes; the median of the step, because one of them may be late with a sample.

        Of two runs that follow each other within the step, one has the users of each moment.
        """
        known = [sample for sample in samples if sample.run not in fresh]
        if not known and (targets := [self.targets[run] for run in fresh if self.targets.get(run)]):
            return float(max(targets))
        return float(median(users_by_start(known or samples).values()))

    def _is_settled(self, run: str, samples: Sequence[LoadSample]) -> bool:
        target, before = self.targets.get(run, 0), self._users.get(run)
        has_all = target > 0 and max(users_by_start(samples).values()) >= _ALL * target
        return has_all or bool(before and _last_users(samples) <= before)


def _last_users(samples: Sequence[LoadSample]) -> float:
    return list(users_by_start(samples).values())[-1]
