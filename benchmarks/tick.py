"""Tick: what a daemon costs minute by minute over an SQLite store, with roll-ups, detection, ledger and all.

Run as `python benchmarks/tick.py`, half an hour; `--short` takes two minutes. OMP_NUM_THREADS=1 keeps it honest. A
daemon that has learnt for eight days, and one that has for 28, which is as far as it looks back, tick for an hour each,
in which windows of ten seconds come from 20 load generators and one endpoint of each gets slower.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import mean, median

from daemon_ticks import Costs, Daemon, learnt, tick_through
from many_tests import ManyTests
from measuring import verdict

from soakwatch.core.span import Span
from soakwatch.core.truth import EventKind
from soakwatch.demo.history_events import DAY, HOUR, MINUTE, Event
from soakwatch.demo.history_plan import HistoryPlan

MOST = 5.0
"""Seconds of CPU of a tick over a thousand series."""

FLAT = 1.25
"""Times the ticks after a few days that those after weeks may cost."""

_OF_A_TEST = 50


@dataclass(frozen=True, slots=True)
class Size:
    """Of how many series how many ticks are measured after how many days."""

    series: int
    days: tuple[int, ...]
    ticks: int


WHOLE = Size(1000, (8, 28), 60)
SHORT = Size(100, (8, 10), 40)


def measured(size: Size) -> Iterator[tuple[Daemon, Costs]]:
    """Each daemon, and what its ticks cost."""
    events = tuple(
        Event(EventKind.STEP, onset=day * DAY + 10 * MINUTE, series=(3,), size=0.5, length=2 * HOUR)
        for day in size.days
    )
    plan = HistoryPlan(series=_OF_A_TEST, days=max(size.days) + 1, events=events)
    with tempfile.TemporaryDirectory() as folder:
        for daemon in learnt(ManyTests(plan, size.series // _OF_A_TEST), Path(folder), size.days):
            minutes = list(daemon.tests.minutes(Span(daemon.until, daemon.until + size.ticks * MINUTE)))
            # whose memory is that of a daemon, and hardly anything else's
            with ProcessPoolExecutor(1, get_context("spawn")) as alone:
                yield daemon, alone.submit(tick_through, daemon, minutes).result()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="a tenth of the series, fewer days")
    parser.add_argument("--series", type=int, help="another number of series, in fifties")
    arguments = parser.parse_args()
    size = SHORT if arguments.short else WHOLE
    if arguments.series:
        size = Size(arguments.series, size.days, size.ticks)
    print(f"{size.series} series, seconds of CPU")
    print(f"{'days':>5} {'start':>7} {'median':>7} {'mean':>7} {'dearest':>8} {'MiB':>5} {'incidents':>10}", flush=True)
    costs = {}
    for daemon, cost in measured(size):
        costs[daemon.days] = cost
        usual, dearest = (median(cost.ticks), mean(cost.ticks)), max(cost.ticks)
        print(
            f"{daemon.days:5} {cost.again:7.1f} {usual[0]:7.2f} {usual[1]:7.2f} {dearest:8.2f} {cost.memory:5.0f} "
            f"{cost.incidents:10}",
            flush=True,
        )
    first, last = (costs[day] for day in (min(costs), max(costs)))
    is_cheap = max(max(cost.ticks) for cost in costs.values()) <= MOST
    is_flat = mean(last.ticks) <= FLAT * mean(first.ticks)
    print(f"at most {MOST:.0f} s: {verdict(holds=is_cheap)}")
    print(f"after {max(costs)} days at most {FLAT} times as after {min(costs)}: {verdict(holds=is_flat)}")
    return 0 if is_cheap and is_flat else 1


if __name__ == "__main__":
    sys.exit(main())
