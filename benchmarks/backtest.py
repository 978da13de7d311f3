"""Backtest: what a month of 50 series costs, from an SQLite store through the engine to incidents.

Run as `python benchmarks/backtest.py`, six minutes; `--short` takes one. OMP_NUM_THREADS=1 keeps it honest. Every day
should cost the same: what is known of the past must not make the present dearer.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean

from measuring import verdict

from soakwatch.core.configuration import Configuration
from soakwatch.core.store_settings import StoreSection
from soakwatch.demo.history_events import DAY, MINUTE
from soakwatch.demo.history_plan import HistoryPlan
from soakwatch.demo.history_writing import Horizon, write_history
from soakwatch.demo.simulated_history import SimulatedHistory
from soakwatch.detector.backtest import replay
from soakwatch.detector.detection import Surroundings
from soakwatch.detector.engine import Engine
from soakwatch.detector.observation import Observation
from soakwatch.detector.reading import observations
from soakwatch.detector.timing import Timing
from soakwatch.store.opening import create_store, open_store

MOST = 600.0
"""Seconds that a month of 50 series may take."""

FLAT = 1.25
"""Times the first judged days that the last ones may cost: chance decides how much there is to say on a day."""

JUDGED = 8
"""The first day that is judged as a whole, after a week of learning."""

WHOLE, SHORT = HistoryPlan(series=50, days=28), HistoryPlan(series=10, days=12)


@dataclass(slots=True)
class Meter:
    """CPU seconds of each day of what is read through it, reading included."""

    seconds: list[float] = field(default_factory=list)

    def read(self, found: Iterable[Observation]) -> Iterator[Observation]:
        """Pass on what is found."""
        begin = time.process_time()
        for number, observation in enumerate(found, 1):
            yield observation
            if number % round(DAY / MINUTE) == 0:
                self.seconds.append(time.process_time() - begin)
                begin = time.process_time()


def replayed(plan: HistoryPlan, configuration: Configuration) -> tuple[float, list[float]]:
    """Write `plan` into a store and replay it: seconds that this took, and CPU seconds of each day."""
    with create_store(configuration) as store:
        write_history(SimulatedHistory(plan), store, Horizon())
    meter = Meter()
    with open_store(configuration) as store:
        around = Surroundings.of(configuration, store.deploys(plan.span))
        begin = time.perf_counter()
        found = observations(store, Timing.of(configuration.detector), plan.span)
        replay(meter.read(found), Engine.begin(configuration.detector), around)
        return time.perf_counter() - begin, meter.seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="a fifth of the series, twelve days")
    plan = SHORT if parser.parse_args().short else WHOLE
    with tempfile.TemporaryDirectory() as folder:
        took, days = replayed(plan, Configuration(store=StoreSection(path=Path(folder, "soakwatch.db"))))
    print(f"{plan.series} series x {plan.days} days: {took:.0f} s, {sum(days):.0f} s of CPU")
    print("CPU of each day: " + " ".join(f"{one:.1f}" for one in days))
    growth = mean(days[-2:]) / mean(days[JUDGED : JUDGED + 2])
    print(f"at most {MOST:.0f} s: {verdict(holds=took <= MOST)}")
    print(f"the last two days cost {growth:.2f} times days 9 and 10, at most {FLAT}: {verdict(holds=growth <= FLAT)}")
    return 0 if took <= MOST and growth <= FLAT else 1


if __name__ == "__main__":
    sys.exit(main())
