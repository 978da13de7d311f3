"""Power: whether faults of the size that `soakwatch power` names are found as often as it says.

Run as `python benchmarks/power.py`, ten minutes on two cores; `--short` takes two kinds. OMP_NUM_THREADS=1 keeps the
processes out of each other's way. Endpoints of each of twenty kinds are learnt for eight days. Then `power` tells for
each of them what would be found in an hour and in a day. Such faults begin at random minutes of the next day, each in
a future of its own, and go through the real engine and the incidents' machine. 80 % of them should be confirmed in
time. The exit code is 1 where a claim does not hold.
"""

import argparse
import pickle
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt
from claims import Claim, all_hold
from power_histories import MINUTE, Drift, Endpoints, Fault, FloatArray, Kind

from soakwatch.core.detector_settings import DetectorSection
from soakwatch.core.incident import Incident
from soakwatch.core.incident import Kind as IncidentKind
from soakwatch.demo.history_plan import A_MONDAY
from soakwatch.detector.bounded import bounded_mean
from soakwatch.detector.conditions import Reason
from soakwatch.detector.detection import Surroundings, learn, signals_of
from soakwatch.detector.engine import Engine
from soakwatch.detector.held_signals import GROUP, learn_usual
from soakwatch.detector.incidents import advance_incidents
from soakwatch.detector.maintenance import MaintenanceCalendar
from soakwatch.detector.memory import STEPS, Memory
from soakwatch.detector.metrics import METRICS, badness
from soakwatch.detector.minutes_of_a_day import MinutesOfADay
from soakwatch.detector.observation import Observation
from soakwatch.detector.power import EndpointPower
from soakwatch.detector.refitting import refit
from soakwatch.detector.timing import BLOCK, Timing

Found = npt.NDArray[np.bool_]

KINDS: Sequence[Kind] = (
    Kind("as usual"),
    Kind("1,500 a minute", requests=1500),
    Kind("100 a minute", requests=100),
    Kind("30 a minute", requests=30),
    Kind("10 a minute", requests=10),
    Kind("narrow times", sigma=0.2),
    Kind("wide times", sigma=0.9),
    Kind("wide times, 60 a minute", sigma=0.9, requests=60),
    Kind("no wander", wander=0.0),
    Kind("wander 1 %", wander=0.01),
    Kind("wander 6 %", wander=0.06),
    Kind("minutes alike", memory=0.95, noise=0.04),
    Kind("restless minutes", memory=0.0, noise=0.15),
    Kind("no daily curve", daily=0.0),
    Kind("steep daily curve", daily=0.4),
    Kind("many bumps", bumps=20),
    Kind("quick: 8 ms", ms=8.0, requests=600),
    Kind("fails 1 %", failing=0.01),
    Kind("fails 3 %, 60 a minute", failing=0.03, requests=60),
    Kind("fails never, 1,000 a minute, calm", failing=0.0, requests=1000, wander=0.015, noise=0.02, bumps=0),
)

PREDICTED = 0.8
IN_EACH, OVER_ALL = 0.09, 0.03
"""Points by which the share that is found may differ from the predicted one, of one kind, and over all."""

SHORT_OVER_ALL = 0.12
"""The same where there are few."""

SETTINGS = DetectorSection()
AROUND = Surroundings(Timing.of(SETTINGS), MaintenanceCalendar.of([], SETTINGS.time_zone))

_DAY = 1440
_PART, _APART = 720, 180
_ARRAYS = ("requests", "failures", "zeros", "success_sum", "counts")
_LATEST_PHASE = 10


@dataclass(frozen=True, slots=True)
class Size:
    """How many endpoints of each kind, `futures` of each from each of so many `moments`, days that are learnt from.

    Within a day is asked at the first moment only: that takes the longest.
    """

    endpoints: int = 6
    futures: int = 6
    moments: int = 3
    learnt: int = 8


SHORT = Size(moments=2)
_SHORT_KINDS = [0, 2]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: a slowdown or failures, and within how many minutes they are to be found."""

    name: str
    kind: IncidentKind
    within: int

    def size(self, power: EndpointPower) -> float:
        """The fault that `power` says is found in most cases; infinite where none is, NaN where it does not know."""
        sight = power.slowdown if self.kind is IncidentKind.LATENCY else power.errors
        if sight is None:
            return float("nan")
        return sight.hour if self.within < _DAY else sight.day


QUESTIONS = (
    Question("slower, 1 h", IncidentKind.LATENCY, 60),
    Question("slower, 24 h", IncidentKind.LATENCY, _DAY),
    Question("failing, 1 h", IncidentKind.ERRORS, 60),
    Question("failing, 24 h", IncidentKind.ERRORS, _DAY),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """Of one question and one kind: the faults' sizes by endpoint (e,), and which were found, of all again and again.

    Where nothing was predicted nothing was tried.
    """

    question: Question
    sizes: FloatArray
    found: Found

    @property
    def tried(self) -> Found:
        """Those found among the faults that were tried."""
        tried: Found = np.tile(np.isfinite(self.sizes), self.found.size // self.sizes.size)
        return np.asarray(self.found[tried])


def studied(number: int, size: Size, seed: int) -> list[Answer]:
    """All questions about the kind of this number."""
    endpoints = Endpoints.drawn(KINDS[number], size.endpoints, seed * 1000 + number)
    memory, day, drift = _learnt(endpoints, size.learnt, (seed, number))
    many = endpoints.many(size.futures)
    # thresholds depend on how many series there are: predicted is with as many as are tried
    engine = Engine(_many_of(memory, many, size.futures))
    study = engine.power(day, seed)
    powers = [study.of(series) for series in endpoints.series]
    sizes = [np.array([question.size(power) for power in powers]) for question in QUESTIONS]
    found: list[list[Found]] = [[] for _ in QUESTIONS]
    # copies of an endpoint were the same until now: first their levels have to part
    begin, drift = _gone_on(
        engine, Future(many, size.learnt * _DAY, drift.many(size.futures), (seed, number, 0)), _PART
    )
    for moment in range(size.moments):
        known = pickle.dumps(engine)
        for place, (question, effect) in enumerate(zip(QUESTIONS, sizes, strict=True)):
            if moment == 0 or question.within < _DAY:
                future = Future(many, begin, drift, (seed, number, 1 + moment, place))
                told = _found(pickle.loads(known), future, question, np.tile(effect, size.futures))  # noqa: S301  (ours)
                found[place].append(told)
        if moment + 1 < size.moments:
            begin, drift = _gone_on(engine, Future(many, begin, drift, (seed, number, 1 + moment)), _APART)
    return [Answer(one, of, np.concatenate(told)) for one, of, told in zip(QUESTIONS, sizes, found, strict=True)]


def _gone_on(engine: Engine, future: "Future", minutes: int) -> tuple[int, Drift]:
    """Go through so many minutes in which nothing happens; when that is, and where the drift is then."""
    between, drifts = future.endpoints.minutes(future.begin, future.drift, minutes, future.seed)
    incidents: Sequence[Incident] = ()
    for observation in between:
        incidents = _advanced(engine, observation, incidents)
    return future.begin + minutes, drifts[-1]


def _many_of(memory: Memory, endpoints: Endpoints, times: int) -> Memory:
    """A memory in which each series is there so many times."""
    rows = np.tile(np.arange(memory.rows), times)
    memory.followed.replace(endpoints.series, memory.followed.first_step[rows])
    for part in (memory.recent, memory.blocks, memory.baselines):
        part.keep_only(rows)
    memory.since = memory.since[rows]
    memory.usual.clear()
    for group in range(-(-memory.rows // GROUP)):
        usual = learn_usual(memory, group)
        if usual is not None:
            memory.usual[group] = usual
    return memory


@dataclass(frozen=True, slots=True)
class Future:
    """What becomes of `endpoints` from minute `begin` on, where the drift was `drift` before; drawn from `seed`."""

    endpoints: Endpoints
    begin: int
    drift: Drift
    seed: tuple[int, ...]


def _learnt(endpoints: Endpoints, days: int, seed: tuple[int, ...]) -> tuple[Memory, MinutesOfADay, Drift]:
    """The memory of an engine that has seen so many days, and the last day.

    What it remembers for weeks is written into it at once, which takes a tenth of the time: it differs only in when in
    the last day each baseline was fitted.
    """
    memory, drift, past = Memory(SETTINGS), endpoints.start(seed[0] * 1000 + seed[1]), list[Observation]()
    day = MinutesOfADay(endpoints.series, A_MONDAY + MINUTE * _DAY * days, AROUND.timing)
    for number in range(days):
        minutes, drifts = endpoints.minutes(number * _DAY, drift, _DAY, (*seed, 1000 + number))
        drift = drifts[-1]
        past.extend(minutes)
    engine = Engine(memory)
    learn(engine, past[0], AROUND)
    _remember(memory, past[:-STEPS])
    refit(memory, np.arange(memory.rows))
    for observation in past[-STEPS:]:
        learn(engine, observation, AROUND)
    refit(memory, np.arange(memory.rows))
    for observation in past[-_DAY:]:
        day.take(observation)
    return memory, day, drift


def _remember(memory: Memory, past: Sequence[Observation]) -> None:
    """Write the blocks of the `past`, which is whole blocks, into the `memory`, which knows all series by now."""
    n, rows, blocks = len(past) // BLOCK, memory.rows, memory.blocks
    values = np.full((rows, len(METRICS), len(past)), np.nan)
    requests, failures = np.zeros((2, rows, len(past)))
    for column, observation in enumerate(past):
        known, places = memory.followed.find(observation.series)
        values[known, :, column] = badness(observation)[places]
        requests[known, column] = observation.requests[places]
        failures[known, column] = observation.failures[places]
    newest = memory.step_of(past[-1]) // BLOCK
    blocks.move_to(newest)
    blocks.levels[:rows, :, -n:] = bounded_mean(np.sort(values.reshape(rows, len(METRICS), n, BLOCK), axis=-1))
    blocks.requests[:rows, -n:] = requests.reshape(rows, n, BLOCK).sum(axis=-1)
    blocks.failures[:rows, -n:] = failures.reshape(rows, n, BLOCK).sum(axis=-1)
    blocks.reasons[:rows, -n:] = int(Reason.NONE)
    blocks.classes[:rows, -n:] = memory.recent.classes[:rows, -1:]


def _found(engine: Engine, future: Future, question: Question, sizes: FloatArray) -> Found:
    """Which endpoints' faults of `sizes` (e,) are confirmed in time, in one future."""
    onset = np.random.default_rng((*future.seed, 1)).integers(0, _LATEST_PHASE, sizes.size)
    known, nothing = np.nan_to_num(sizes, posinf=0.0), np.zeros(sizes.size)
    is_slow = question.kind is IncidentKind.LATENCY
    fault = Fault(onset, known if is_slow else nothing, nothing if is_slow else known)
    length = question.within + _LATEST_PHASE
    minutes, _ = future.endpoints.minutes(future.begin, future.drift, length, future.seed, fault)
    latest = A_MONDAY + MINUTE * (future.begin + onset + question.within)
    services = {series.service: row for row, series in enumerate(future.endpoints.series)}
    found, incidents = np.zeros(sizes.size, dtype=bool), list[Incident]()
    for observation in minutes:
        if found.all():
            break
        incidents = _advanced(engine, _without(observation, found), incidents)
        incidents = [one for one in incidents if one.kind is question.kind]
        for one in incidents:
            if one.confirmed is not None:
                found[services[one.service]] |= one.confirmed <= latest[services[one.service]]
        # to go on with what is known takes the longest
        incidents = [one for one in incidents if not found[services[one.service]]]
    return found


def _without(observation: Observation, found: Found) -> Observation:
    """Without the series that were found: they are not tested any more."""
    kept = [place for place, one in enumerate(observation.series) if not found[int(one.endpoint.removeprefix("/"))]]
    if len(kept) == len(observation.series):
        return observation
    return replace(
        observation,
        series=tuple(observation.series[place] for place in kept),
        **{name: getattr(observation, name)[kept] for name in _ARRAYS},
    )


def _advanced(engine: Engine, observation: Observation, incidents: Sequence[Incident]) -> list[Incident]:
    signals = signals_of(engine, observation, incidents, AROUND)
    after = advance_incidents(incidents, signals, observation.end, AROUND.timing, ())
    return [one for one in after if one.resolved in {None, observation.end}]


def kind_claims(kind: Kind, answers: Sequence[Answer]) -> Iterator[Claim]:
    for answer in answers:
        if answer.tried.size:
            sizes = answer.sizes[np.isfinite(answer.sizes)]
            what = f"{answer.question.name}: {np.median(sizes):.2%}"
            yield Claim(kind.name, what, "", f"{answer.tried.mean():.0%} of {answer.tried.size}")
    yield found_claim(kind.name, answers, IN_EACH)


def all_claims(answers: Sequence[Answer], points: float) -> Iterator[Claim]:
    for question in QUESTIONS:
        yield found_claim(question.name, [answer for answer in answers if answer.question == question], None)
    yield found_claim("all", answers, points)


def found_claim(study: str, answers: Sequence[Answer], points: float | None) -> Claim:
    """The share that was found; it may differ by so many `points` from the predicted one."""
    tried = np.concatenate([answer.tried for answer in answers])
    share = float(tried.mean())
    measured = f"{share:.1%} of {tried.size:,}"
    if points is None:
        return Claim(study, "found", "", measured)
    holds = abs(share - PREDICTED) <= points
    return Claim(study, "found", f"{PREDICTED:.0%} +- {100 * points:.0f}", measured, holds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", type=int, nargs="+", default=list(range(len(KINDS))), metavar="NUMBER")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--short", action="store_true", help="two kinds, fewer endpoints and futures")
    arguments = parser.parse_args()
    kinds, size = (_SHORT_KINDS, SHORT) if arguments.short else (arguments.kinds, Size())
    begin, claims, everything = time.perf_counter(), list[Claim](), list[Answer]()

    def tell(claim: Claim) -> None:
        claims.append(claim)
        print(claim, flush=True)

    work = partial(studied, size=size, seed=arguments.seed)
    with ProcessPoolExecutor(arguments.processes) as pool:
        for number, answers in zip(kinds, pool.map(work, kinds), strict=True):
            everything.extend(answers)
            for claim in kind_claims(KINDS[number], answers):
                # of a few endpoints it is not promised
                tell(replace(claim, holds=None) if arguments.short else claim)
    for claim in all_claims(everything, SHORT_OVER_ALL if arguments.short else OVER_ALL):
        tell(claim)
    print(f"took {time.perf_counter() - begin:.0f} s")
    return 0 if all_hold(claims) else 1


if __name__ == "__main__":
    sys.exit(main())
