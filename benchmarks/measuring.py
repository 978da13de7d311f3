"""Measuring: ratios of paired repetitions with the spread of the same thing against itself beside them, and memory."""

import gc
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from pathlib import Path
from statistics import median

Work = Callable[[], float]
"""Does something once; gives what it cost."""


def cpu_of(work: Callable[[], object]) -> float:
    """CPU seconds of this process, all its threads, that `work` takes."""
    gc.collect()
    begin = time.process_time()
    work()
    return time.process_time() - begin


def resident() -> float:
    """Resident memory of this process in MiB."""
    gc.collect()
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (line,) = [line for line in lines if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024


@dataclass(frozen=True, slots=True)
class Ratio:
    """Median of ratios, and the interval that holds the true median with 95 % confidence."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        """Such as `0.371 [0.365, 0.380]`."""
        return f"{self.median:.3f} [{self.low:.3f}, {self.high:.3f}]"

    @property
    def half_width(self) -> float:
        """Half of the interval."""
        return (self.high - self.low) / 2

    @classmethod
    def of(cls, values: Sequence[float]) -> "Ratio":
        """From one ratio per repetition; distribution-free (order statistics, normal approximation of the binomial)."""
        ordered, n = sorted(values), len(values)
        rank = max(0, n - ceil(n / 2 + 0.98 * sqrt(n)))
        return cls(median(ordered), ordered[rank], ordered[n - 1 - rank])


@dataclass(frozen=True, slots=True)
class Compared:
    """Subjects against one base; `itself` is the base against itself, measured in between."""

    base: float
    itself: Ratio
    subjects: dict[str, Ratio]


def compare(base: Work, subjects: dict[str, Work], repetitions: int) -> Compared:
    """Measure all in each repetition, in random order, and give the ratios within the repetitions."""
    everything: dict[str, Work] = {"base": base, "base again": base, **subjects}
    rounds: list[dict[str, float]] = []
    for work in everything.values():
        work()
    for _ in range(repetitions):
        order = random.sample(list(everything), len(everything))
        rounds.append({name: everything[name]() for name in order})
    return Compared(
        median(one["base"] for one in rounds),
        Ratio.of([one["base again"] / one["base"] for one in rounds]),
        {name: Ratio.of([_against_base(one, name) for one in rounds]) for name in subjects},
    )


def _against_base(one: dict[str, float], name: str) -> float:
    return 2 * one[name] / (one["base"] + one["base again"])


def verdict(*, holds: bool) -> str:
    return "holds" if holds else "DOES NOT HOLD"
