"""How often the demo is right: many seeds, quiet and beside a busy process, and pairs of healthy runs.

    python benchmarks/demo_seeds.py --seeds 20 --pairs 30           # an hour
    python benchmarks/demo_seeds.py --seeds 20 --pairs 0 --busy     # the same beside a process that keeps a core busy

A demo is right when both faults are found to be critical and nothing else regressed; a pair of healthy runs when
nothing regressed.
"""

import argparse
import json
import multiprocessing
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from soakwatch.core.settings import ComparisonSection
from soakwatch.core.store_settings import StoreSection
from soakwatch.demo.rehearsal import Rehearsal, Step
from soakwatch.detector.compare import compare_runs
from soakwatch.detector.run_data import read_run
from soakwatch.store.sqlite import SqliteStore


def main() -> int:
    """Measure, print a table, and end with 1 when anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20, help="demos, with seeds from 1")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=30, help="pairs of healthy runs")
    parser.add_argument("--busy", action="store_true", help="keep a core busy meanwhile")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, _busy(options.busy):
        wrong = _demos(Path(folder), range(options.first_seed, options.first_seed + options.seeds))
        wrong += _healthy_pairs(Path(folder), options.pairs)
    return min(wrong, 1)


@contextmanager
def _busy(wanted: bool) -> Iterator[None]:  # noqa: FBT001  (the command line's switch)
    if not wanted:
        yield
        return
    process = multiprocessing.Process(target=_spin, daemon=True)
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join()


def _spin() -> None:
    while True:
        pass


def _demos(folder: Path, seeds: range) -> int:
    outcomes: Counter[int] = Counter()
    for seed in seeds:
        place = folder / f"seed-{seed}"
        done = subprocess.run(
            [sys.executable, "-m", "soakwatch.cli.main", "demo", "--seed", str(seed), "--dir", str(place)],
            capture_output=True,
            text=True,
            check=False,
        )
        outcomes[done.returncode] += 1
        found = _regressions(place / "verdicts.json")
        print(f"seed {seed:3}  exit code {done.returncode}  {found}", flush=True)
        if done.returncode:
            print(done.stdout, done.stderr, flush=True)
    if seeds:
        print(f"demos that found exactly the two faults: {outcomes[0]} of {len(seeds)}", flush=True)
    return len(seeds) - outcomes[0]


def _regressions(verdicts: Path) -> str:
    document = json.loads(verdicts.read_text(encoding="utf-8"))
    of_endpoint: dict[str, list[str]] = {}
    for verdict in document["verdicts"]:
        if verdict["verdict"] == "regressed":
            name = f"{verdict['method']} {verdict['endpoint']}"
            of_endpoint.setdefault(name, []).append(f"{verdict['metric']} {verdict['severity']}")
    return "; ".join(f"{name}: {', '.join(metrics)}" for name, metrics in of_endpoint.items())


def _healthy_pairs(folder: Path, pairs: int) -> int:
    if not pairs:
        return 0
    path = folder / "healthy" / "soakwatch.db"
    rehearsal = Rehearsal(path.parent, seed=1, store=StoreSection(path=path))
    rehearsal.folder.mkdir()
    with rehearsal.target() as address:
        for number in range(pairs + 1):
            for _ in rehearsal.run(Step("healthy", ()), address):
                pass
            print(f"healthy run {number + 1} of {pairs + 1}", flush=True)
    with SqliteStore.open(path) as store:
        runs = [read_run(store, run) for run in store.runs()]
    decisions: Counter[str] = Counter()
    wrong = 0
    for baseline, current in pairwise(runs):
        comparison = compare_runs([baseline], current, ComparisonSection())
        wrong += bool(comparison.regressions)
        decisions.update(f"{verdict.metric} {verdict.decision}" for verdict in comparison.verdicts)
        for verdict in comparison.regressions:
            print(f"false: {verdict.series} {verdict.metric}: {verdict.reason}", flush=True)
    print(f"pairs of healthy runs with a regression: {wrong} of {len(runs) - 1}", flush=True)
    for name, count in sorted(decisions.items()):
        print(f"  {name:28} {count}")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
