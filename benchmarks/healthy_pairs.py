"""How often real runs are judged rightly: pairs of healthy ones, and as many with one critical fault.

    python benchmarks/healthy_pairs.py --pairs 100 --into pairs.jsonl     # an hour and a quarter
    python benchmarks/healthy_pairs.py --into pairs.jsonl --again         # compares them again, a minute

Each trial has a target of its own, and three Locust runs against it: two healthy ones, which are a pair, and one with a
fault, which is compared with the first. In half of the trials a process burns a core meanwhile: from the first run on,
or, which is harder, from the second one on. They are compared as `soakwatch demo` compares, with default settings.

Each trial is a line of the file; those that are in it are not done again. Beside it are their stores.
"""

import argparse
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from math import inf
from pathlib import Path
from statistics import median

from measuring import verdict
from pydantic import TypeAdapter
from scipy.stats import binomtest

from soakwatch.cli.comparing import compare_named
from soakwatch.core.configuration import Configuration
from soakwatch.core.errors import ServiceUnavailable
from soakwatch.core.store_settings import StoreSection
from soakwatch.core.verdict import Comparison, Decision, Metric, Severity
from soakwatch.demo.faults import Fault, FaultKind
from soakwatch.demo.rehearsal import Rehearsal, Step
from soakwatch.demo.target import ENDPOINTS
from soakwatch.store.sqlite import SqliteStore

USERS = 96
"""Twice as many as the demo has: p99 needs a thousand requests to each endpoint, and 25 seconds make 1,250 then."""

AT_ONCE = 2
LEAST_FOUND, MOST_UNKNOWN = 0.98, 0.05

_LOOKED_EVERY = 5.0

LONGEST_TRIAL = 600
"""Seconds after which a neighbour ends by itself, should nobody end it."""

KINDS = (
    (FaultKind.LATENCY_FACTOR, 2.0),
    (FaultKind.LATENCY_FACTOR, 3.0),
    (FaultKind.LATENCY_ADDED, 60.0),
    (FaultKind.ERROR_RATE, 0.10),
    (FaultKind.ERROR_RATE, 0.20),
)
"""All beyond what [comparison] calls critical by default: half as slow again, five more failures in a hundred."""


class Neighbour(StrEnum):
    """Which runs of a trial have a process beside them that burns a core."""

    NONE = "none"
    ALWAYS = "always"
    LATER = "from the second run on"


NEIGHBOURS = (Neighbour.NONE, Neighbour.ALWAYS, Neighbour.NONE, Neighbour.LATER)


@dataclass(frozen=True, slots=True)
class Said:
    """One verdict; `effect` as in `core.verdict`, `endpoint` as in faults, of a whole service only its name."""

    endpoint: str
    metric: Metric
    decision: Decision
    severity: Severity
    effect: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Trial:
    """What was said of a pair of healthy runs, and of one with a fault.

    `crowd` is how many processes wanted a core at its end, as a mean over a minute: whatever else the machine did.
    """

    number: int
    neighbour: Neighbour
    fault: Fault
    crowd: float
    healthy: tuple[Said, ...]
    faulty: tuple[Said, ...]

    @property
    def is_found(self) -> bool:
        """Whether the fault was said to be critical, in a metric that it changes."""
        slow = self.fault.kind is not FaultKind.ERROR_RATE
        return any(
            one.endpoint == self.fault.endpoint
            and one.severity is Severity.CRITICAL
            and slow == (one.metric is not Metric.ERROR_RATE)
            for one in self.faulty
        )

    @property
    def false_alarms(self) -> list[Said]:
        """Regressions of the healthy pair."""
        return _regressed(self.healthy)

    @property
    def beside_the_fault(self) -> list[Said]:
        """Regressions of the faulty run where nothing was injected."""
        return [one for one in _regressed(self.faulty) if one.endpoint != self.fault.endpoint]


_RECORD = TypeAdapter(Trial)


def fault_of(number: int) -> Fault:
    """The fault of a trial: each kind meets each endpoint once in 40 trials."""
    kind, value = KINDS[number % len(KINDS)]
    return Fault(str(ENDPOINTS[number % len(ENDPOINTS)]), kind, value)


def neighbour_of(number: int) -> Neighbour:
    """The neighbour of a trial."""
    return NEIGHBOURS[number % len(NEIGHBOURS)]


def try_once(number: int, path: Path, calm: float) -> Trial:
    """Run into a new store at `path`, once the machine is `calm`, and compare. Raises ServiceUnavailable."""
    while os.getloadavg()[0] > calm:
        time.sleep(_LOOKED_EVERY)
    path.unlink(missing_ok=True)  # of one that failed
    with tempfile.TemporaryDirectory() as folder:
        rehearsal = Rehearsal(Path(folder), number, StoreSection(path=path), mark=secrets.token_hex(4), users=USERS)
        _run_all(rehearsal)
    return judge(number, path, os.getloadavg()[0])


def _run_all(rehearsal: Rehearsal) -> None:
    neighbour = neighbour_of(rehearsal.seed)
    with rehearsal.target() as address:
        with _busy(wanted=neighbour is Neighbour.ALWAYS):
            _run(rehearsal, Step("first", ()), address)
        with _busy(wanted=neighbour is not Neighbour.NONE):
            _run(rehearsal, Step("second", ()), address)
            _run(rehearsal, Step("faulty", (fault_of(rehearsal.seed),)), address)


def _run(rehearsal: Rehearsal, step: Step, address: str) -> None:
    for _ in rehearsal.run(step, address):
        pass


def judge(number: int, path: Path, crowd: float) -> Trial:
    """Compare the runs that are stored. Raises ServiceUnavailable where one is not stored to the request."""
    with SqliteStore.open(path) as store:
        first, second, faulty = sorted(store.runs(), key=lambda run: run.start)
    for run in (first, second, faulty):
        if run.reconciled is None or not run.reconciled.exact:
            raise ServiceUnavailable(f"the {run.version} run is not whole: {run.reconciled or 'no end'}")
    configuration = Configuration(store=StoreSection(path=path))
    pair, found = (compare_named(first.id, other.id, configuration) for other in (second, faulty))
    return Trial(number, neighbour_of(number), fault_of(number), crowd, _said(pair), _said(found))


@contextmanager
def _busy(*, wanted: bool) -> Iterator[None]:
    if not wanted:
        yield
        return
    burn = f"from time import monotonic\nend = monotonic() + {LONGEST_TRIAL}\nwhile monotonic() < end: pass"
    process = subprocess.Popen([sys.executable, "-c", burn])
    os.setpriority(os.PRIO_PROCESS, process.pid, 0)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _said(comparison: Comparison) -> tuple[Said, ...]:
    return tuple(
        Said(
            f"{one.series.method} {one.series.endpoint}".strip() or one.series.service,
            one.metric,
            one.decision,
            one.severity,
            one.effect.value if one.effect else None,
            "" if one.decision is Decision.SAME else one.reason,
        )
        for one in comparison.verdicts
    )


def _regressed(verdicts: Sequence[Said]) -> list[Said]:
    return [one for one in verdicts if one.decision is Decision.REGRESSED]


def read(path: Path) -> list[Trial]:
    """The trials that were done."""
    if not path.exists():
        return []
    return [_RECORD.validate_json(line) for line in path.read_bytes().splitlines()]


def store_of(path: Path, number: int) -> Path:
    """The store of a trial, beside the file of all of them."""
    folder = path.with_suffix(".stores")
    folder.mkdir(exist_ok=True)
    return folder / f"{number}.db"


def judge_again(path: Path) -> None:
    """Write the file anew, from the stores."""
    trials = [judge(trial.number, store_of(path, trial.number), trial.crowd) for trial in read(path)]
    path.write_bytes(b"".join(_RECORD.dump_json(trial) + b"\n" for trial in trials))
    for trial in trials:
        _tell(trial)


def carry_on(path: Path, pairs: int, priority: int, calm: float) -> None:
    """Do the trials that are not in `path` yet, and add each to it as soon as it is done."""
    # of the thread, on Linux, and so of the processes that it starts
    prepare = partial(os.setpriority, os.PRIO_PROCESS, 0, priority)
    missing = sorted(set(range(pairs)) - {trial.number for trial in read(path)})
    with ThreadPoolExecutor(AT_ONCE, initializer=prepare) as threads, path.open("ab") as file:
        for done in as_completed(
            [threads.submit(try_once, number, store_of(path, number), calm) for number in missing]
        ):
            if (error := done.exception()) is not None:
                print(f"a trial failed, and will be done the next time: {error}", flush=True)
                continue
            file.write(_RECORD.dump_json(done.result()) + b"\n")
            file.flush()
            _tell(done.result())


def _tell(trial: Trial) -> None:
    found = "found" if trial.is_found else "NOT FOUND"
    fault = f"{trial.fault.endpoint} {trial.fault.kind} {trial.fault.value:g}"
    print(
        f"trial {trial.number:3}  crowd {trial.crowd:4.1f}, neighbour {trial.neighbour}: {fault}: {found}", flush=True
    )
    for what, alarms in (("FALSE", trial.false_alarms), ("beside the fault", trial.beside_the_fault)):
        for one in alarms:
            print(f"  {what}: {one.endpoint} {one.metric}: {one.reason}", flush=True)


def show(trials: Sequence[Trial]) -> bool:
    """Print the tables; whether all claims hold."""
    print(f"\n{'neighbour':24} {'pairs':>5} {'crowd':>5}  {'with a regression':24} {'faults found':24} unknown")
    for neighbour in Neighbour:
        _show_row(str(neighbour), [trial for trial in trials if trial.neighbour is neighbour])
    _show_row("all", trials)
    _show_metrics(trials)
    quiet = not any(trial.false_alarms for trial in trials)
    found = sum(trial.is_found for trial in trials) >= LEAST_FOUND * len(trials)
    told = _share_unknown(trials) <= MOST_UNKNOWN
    print(f"\nno healthy pair with a regression: {verdict(holds=quiet)}")
    print(f"at least {LEAST_FOUND:.0%} of the critical faults found: {verdict(holds=found)}")
    print(f"at most {MOST_UNKNOWN:.0%} unknown: {verdict(holds=told)}")
    return quiet and found and told


def _show_row(name: str, trials: Sequence[Trial]) -> None:
    if trials:
        wrong = _share(sum(bool(trial.false_alarms) for trial in trials), len(trials))
        found = _share(sum(trial.is_found for trial in trials), len(trials))
        crowd = median(trial.crowd for trial in trials)
        print(f"{name:24} {len(trials):5} {crowd:5.1f}  {wrong:24} {found:24} {_share_unknown(trials):.2%}")


def _share(successes: int, tried: int) -> str:
    """A count, and the interval that holds the true share with 95 % confidence (Clopper and Pearson 1934)."""
    interval = binomtest(successes, tried).proportion_ci(method="exact")
    return f"{successes} [{interval.low:.1%}, {interval.high:.1%}]"


def _share_unknown(trials: Sequence[Trial]) -> float:
    """Of the verdicts on endpoints of healthy pairs, and of the faulty runs where nothing was injected."""
    verdicts = [one for trial in trials for one in _without_fault(trial)]
    return sum(one.decision is Decision.UNKNOWN for one in verdicts) / len(verdicts)


def _without_fault(trial: Trial) -> Iterator[Said]:
    yield from trial.healthy
    yield from (one for one in trial.faulty if one.endpoint != trial.fault.endpoint)


def _show_metrics(trials: Sequence[Trial]) -> None:
    counts = Counter((one.metric, one.decision) for trial in trials for one in _without_fault(trial))
    print(f"\n{'where nothing was injected':28}" + "".join(f"{decision:>12}" for decision in Decision))
    for metric in Metric:
        print(f"{metric:28}" + "".join(f"{counts[metric, decision]:12}" for decision in Decision))


def main() -> int:
    """Measure what is missing, print the tables, and end with 1 when a claim does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--into", type=Path, default=Path("healthy-pairs.jsonl"), help="file that the trials go to")
    parser.add_argument("--again", action="store_true", help="run nothing, and compare again what was run")
    parser.add_argument(
        "--calm", type=float, default=inf, help="begin a trial only while fewer processes than that want a core"
    )
    parser.add_argument(
        "--nice", type=int, default=0, help="of Locust and the target; below 0 (as root) where others use the machine"
    )
    options = parser.parse_args()
    if options.again:
        judge_again(options.into)
    else:
        carry_on(options.into, options.pairs, options.nice, options.calm)
    trials = [trial for trial in read(options.into) if trial.number < options.pairs]
    return 0 if trials and show(trials) and len(trials) == options.pairs else 1


if __name__ == "__main__":
    sys.exit(main())
