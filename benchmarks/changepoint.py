"""find_change_points: what it costs against Apache Otava, and how its score depends on each of its numbers.

Run as `python benchmarks/changepoint.py [--repetitions 15]`, a minute, for the first: a week of ten-minute points
(1,008) at most 1.5 times Otava's CPU time, which gets an environment of its own for that. For the second, with a tool
that scores change-point functions on labelled series, `--sensitivity PATH`, some minutes. OMP_NUM_THREADS=1 keeps both
honest.
"""

import argparse
import importlib.util
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import IO, Any

import numpy as np
from measuring import Ratio, cpu_of, verdict
from scipy.signal import lfilter

from soakwatch.detector import (
    change_location,
    change_scene,
    change_votes,
    changepoint,
    deseasoned,
    log_level,
    noise,
    segmentation,
)
from soakwatch.detector.changepoint import find_change_points
from soakwatch.detector.sample import FloatArray

OTAVA = "apache-otava==0.8.0"
CLAIM = 1.5
DAY = 144
WEEK = 7 * DAY

ASKED = """
import json, sys, time
from otava.analysis import compute_change_points
for line in sys.stdin:
    series = json.loads(line)
    begin = time.process_time()
    found, _ = compute_change_points(series)
    print(time.process_time() - begin, len(found), flush=True)
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds, and how many changes were found."""

    seconds: float
    found: int


class Otava:
    """Apache Otava with its defaults, in a process of its own."""

    def __init__(self, asking: IO[str], answering: IO[str]) -> None:
        self._asking = asking
        self._answering = answering

    def cost(self, series: FloatArray) -> Cost:
        """Of one run."""
        print(series.tolist(), file=self._asking, flush=True)
        seconds, found = self._answering.readline().split()
        return Cost(float(seconds), int(found))


@contextmanager
def otava() -> Iterator[Otava]:
    """Install it into a temporary environment, and start it."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = str(Path(folder, "bin", "python"))
        subprocess.run([python, "-m", "pip", "install", "--quiet", OTAVA], check=True)
        asked = [python, "-c", ASKED]
        with subprocess.Popen(asked, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin
            assert process.stdout
            yield Otava(process.stdin, process.stdout)
            process.stdin.close()


def weeks() -> dict[str, FloatArray]:
    """Weeks as they come: medians of ten minutes with a season, some autocorrelation and spikes."""
    generator = np.random.default_rng(1)
    moment = np.arange(WEEK)
    season = 0.15 * np.sin(2 * np.pi * moment / DAY) + 0.05 * np.cos(4 * np.pi * moment / DAY)
    steady = season + lfilter([1.0], [1.0, -0.3], generator.standard_normal(WEEK) * 0.05)
    steady += np.where(generator.random(WEEK) < 0.01, 1.0, 0.0)
    logs = {
        "quiet": steady,
        "+20 % on the fifth day": steady + np.where(moment >= 600, np.log(1.2), 0.0),
        "ten changes": steady + 0.2 * (moment // 100 % 2),
        "creep": steady + 0.2 * np.clip((moment - 400) / 400, 0, 1),
    }
    return {name: 100 * np.exp(levels) for name, levels in logs.items()}


def against_otava(repetitions: int) -> bool:
    """Ratios within each repetition, in random order; prints a table."""
    print(f"{'a week that is':24} {'Otava ms':>9} {'found':>6} {'ours ms':>8} {'found':>6}  ratio [95 %]")
    holds = True
    with otava() as peer:
        for name, series in weeks().items():
            ratio, ours, theirs = _paired(peer, series, repetitions)
            holds = holds and ratio.high <= CLAIM
            print(
                f"{name:24} {1000 * theirs.seconds:9.1f} {theirs.found:6} {1000 * ours.seconds:8.1f} {ours.found:6}  "
                f"{ratio}"
            )
    print(f"at most {CLAIM} times Otava's: {verdict(holds=holds)}")
    return holds


def _paired(peer: Otava, series: FloatArray, repetitions: int) -> tuple[Ratio, Cost, Cost]:
    def own() -> Cost:
        return Cost(cpu_of(lambda: find_change_points(series, DAY)), len(find_change_points(series, DAY)))

    subjects: dict[str, Callable[[], Cost]] = {"own": own, "peer": lambda: peer.cost(series)}
    rounds: list[dict[str, Cost]] = []
    for _ in range(repetitions + 1):
        order = random.sample(sorted(subjects), len(subjects))
        rounds.append({name: subjects[name]() for name in order})
    del rounds[0]  # imports, and Otava's first call
    middle = sorted(rounds, key=lambda one: one["own"].seconds)[repetitions // 2]
    return Ratio.of([one["own"].seconds / one["peer"].seconds for one in rounds]), middle["own"], middle["peer"]


@dataclass(frozen=True, slots=True)
class Number:
    """One of the numbers that the detector was given; `whole` ones are rounded."""

    module: ModuleType
    name: str
    whole: bool = False

    @contextmanager
    def times(self, factor: float) -> Iterator[None]:
        """Another value for a while."""
        before = getattr(self.module, self.name)
        changed = before * factor
        setattr(self.module, self.name, max(1, round(changed)) if self.whole else changed)
        try:
            yield
        finally:
            setattr(self.module, self.name, before)

    @property
    def value(self) -> float:
        """As it is now."""
        return float(getattr(self.module, self.name))


NUMBERS = [
    Number(changepoint, "_CANDIDATE"),
    Number(segmentation, "_SHORTEST", whole=True),
    Number(change_votes, "_COST"),
    Number(change_votes, "_ENERGY"),
    Number(change_votes, "_ENERGY_WINDOW", whole=True),
    Number(change_votes, "_T"),
    Number(change_votes, "_T_WINDOW", whole=True),
    Number(change_votes, "_L1"),
    Number(change_scene, "_HARD"),
    Number(change_scene, "_SOFT"),
    Number(change_scene, "_STEPS_BESIDE_SEASON"),
    Number(log_level, "_SMOOTHING", whole=True),
    Number(deseasoned, "_HARMONICS", whole=True),
    Number(deseasoned, "_HUBER"),
    Number(deseasoned, "_PEAK"),
    Number(noise, "_WANDER"),
    Number(noise, "_BEYOND_CHANCE"),
    Number(change_location, "_TOLERANCE", whole=True),
    Number(change_location, "_REACH", whole=True),
]


class Scores:
    """What the scoring tool's parts say, without printing."""

    def __init__(self, path: Path, seeds: range) -> None:
        specification = importlib.util.spec_from_file_location("scoring", path)
        assert specification
        assert specification.loader
        self._tool: Any = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(self._tool)
        self._real = list(self._tool.load("sap_tune", self._tool.DATA).values())
        self._weeks = [one for seed in seeds for one in self._tool.synthetic(seed)]

    def line(self) -> str:
        """Print-ready, under the headings of `sensitivity`."""
        f1, cover, majority = self._labelled()
        synthetic, false_alarms, creep = self._simulated()
        return f"{f1:7.3f} {cover:7.3f} {majority:9.3f} {synthetic:10.3f} {false_alarms:8.2f} {creep:6.2f}"

    def _labelled(self) -> tuple[float, float, float]:
        tool, f1s, covers, hits, missed, false = self._tool, [], [], 0, 0, 0
        for one in self._real:
            found, _ = tool.call(find_change_points, one["y"])
            f1s.append(tool.tcpd_f1(one["ann"], found))
            covers.append(tool.cover(one["ann"], found, len(one["y"])))
            if len(one["ann"]) >= 3:
                truth = tool.majority_points(one["ann"])
                hit = tool.matched(truth, found, tool.MARGIN)
                hits, missed = hits + hit, missed + len(truth) - hit
                false += sum(all(abs(x - t) > tool.MARGIN for t in truth) for x in found)
        return float(np.mean(f1s)), float(np.mean(covers)), _f1(hits, false, missed)

    def _simulated(self) -> tuple[float, float, float]:
        hits = missed = false = 0
        alarms, creep = [], []
        for one in self._weeks:
            found, _ = self._tool.call(find_change_points, one["y"], DAY)
            ups = self._tool.rises(one["y"], found)
            if one["effect"] == "creep":
                creep.append(any(up >= one["at"] for up in ups))
                continue
            hit = bool(one["effect"]) and any(abs(up - one["at"]) <= 6 for up in ups)
            hits, missed = hits + hit, missed + (bool(one["effect"]) and not hit)
            false += len(ups) - hit
            if not one["effect"]:
                alarms.append(len(ups))
        return _f1(hits, false, missed), float(np.mean(alarms)), float(np.mean(creep))


def _f1(hits: int, false: int, missed: int) -> float:
    return 2 * hits / max(2 * hits + false + missed, 1)


def sensitivity(tool: Path, seeds: range) -> None:
    """Print the scores with each number halved and doubled."""
    scores = Scores(tool, seeds)
    print(f"{'number':38} {'F1':>7} {'cover':>7} {'majority':>9} {'synthetic':>10} {'a week':>8} {'creep':>6}")
    print(f"{'as they are':38} {scores.line()}", flush=True)
    for number in NUMBERS:
        for factor in (0.5, 2.0):
            with number.times(factor):
                name = f"{number.module.__name__.rsplit('.', 1)[-1]}.{number.name.strip('_')} = {number.value:g}"
                print(f"{name:38} {scores.line()}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=15)
    parser.add_argument("--sensitivity", type=Path, metavar="TOOL", help="the tool that scores change-point functions")
    parser.add_argument("--seeds", type=int, default=3, help="how many seeds of simulated weeks, from 101 on")
    arguments = parser.parse_args()
    if arguments.sensitivity:
        sensitivity(arguments.sensitivity, range(101, 101 + arguments.seeds))
        return 0
    begin = time.perf_counter()
    holds = against_otava(arguments.repetitions)
    print(f"took {time.perf_counter() - begin:.0f} s")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
