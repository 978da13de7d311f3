"""Detection: false incidents of quiet months, and how soon simulated regressions are found, through the real engine.

Run as `python benchmarks/detection.py --seeds 1 2 3 4 5`, three quarters of an hour on two cores; `--short` takes one
seed with less of everything. OMP_NUM_THREADS=1 keeps the processes out of each other's way. Thresholds are to be
settled on other seeds, from 101 on. Each part is told as soon as it is done; the exit code is 1
where a claim does not hold.
"""

import argparse
import json
import pickle
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import fixed_windows
import numpy as np
from claims import Claim, all_hold, at_least, at_most
from detection_studies import CREEPS, EVENTS, Study
from replayed_histories import Learnt, judged, learnt

from soakwatch.core.incident import Shape
from soakwatch.core.series import WHOLE_SERVICE
from soakwatch.demo.history_events import HOUR
from soakwatch.demo.history_plan import HistoryPlan
from soakwatch.detector.backtest_score import Group, Outcome, Score
from soakwatch.detector.story import Story

FALSE_IN_250 = 5
"""False incidents that 250 series-months may have."""

_MONTH = 28
_LEARNING = 7
_SOON = 5 * HOUR
_FEWEST_EVENTS = 1800


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything: `learnt` days before the events, `windows` days of fixed windows."""

    seeds: tuple[int, ...]
    series: int = 50
    days: int = _MONTH
    learnt: int = 10
    windows: int = 20


SHORT = Size((1,), series=10, days=10, learnt=8, windows=10)


def quiet_month(seed: int, size: Size) -> Score:
    """A history in which nothing happens, judged after the week of learning."""
    plan = HistoryPlan(seed, size.series, size.days)
    return judged(plan, learnt(plan, _LEARNING))


def studied(seed: int, study: Study, size: Size, kept: Path) -> Score:
    """One study with one seed; what has been learnt of the same history before is `kept`."""
    plan = study.quiet(seed, size.series, size.learnt)
    events = study.events(seed, size.series, size.learnt)
    return judged(replace(plan, events=events), _learnt_once(plan, size.learnt, kept))


def _learnt_once(plan: HistoryPlan, days: int, kept: Path) -> Learnt:
    path = kept / f"{plan.seed}-{plan.requests_per_minute:g}-{plan.wander:g}"
    if not path.exists():
        path.with_suffix(".new").write_bytes(pickle.dumps(learnt(plan, days)))
        path.with_suffix(".new").rename(path)
    known: Learnt = pickle.loads(path.read_bytes())  # noqa: S301  (written by this very run)
    return known


def chances(seed: int, size: Size, *, spikes: bool) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The p-values of a history in which nothing happens."""
    return fixed_windows.p_values(HistoryPlan(seed, size.series, size.windows, spikes=spikes))


def quiet_claims(scores: Sequence[Score]) -> Iterator[Claim]:
    false = [story for score in scores for story in score.false]
    months = sum(len(score.replay.series) * score.replay.weeks for score in scores) * 7 / _MONTH
    rate = 250 * len(false) / months
    measured = f"{rate:.1f} ({len(false)} in {months:.0f})"
    yield Claim("quiet", "false in 250 series-months", f"<= {FALSE_IN_250}", measured, rate <= FALSE_IN_250)
    suspected = sum(len(score.replay.stories) - len(score.replay.confirmed) for score in scores)
    yield Claim("quiet", "suspected only", "", str(suspected))
    yield from _kinds("quiet", false)


def _kinds(study: str, false: Sequence[Story]) -> Iterator[Claim]:
    """Each false incident: what it was about, and which method told of it first, when, and of what."""
    for story in false:
        first = story.last.findings[0]
        place = "service" if first.series.endpoint == WHOLE_SERVICE else "endpoint"
        told = first.evidence[0] if first.evidence else None
        at = datetime.fromtimestamp(story.last.suspected, UTC)
        what = f"{at:%d %b %H:%M} {first.series.service} {first.series.endpoint}: {told.says if told else ''}"
        method = told.method if told else ""
        yield Claim(study, f"false: {place}, {first.metric}, {method}", "", what)


def study_claims(study: Study, scores: Sequence[Score]) -> Iterator[Claim]:
    outcomes = tuple(outcome for score in scores for outcome in score.outcomes)
    group, limits, name = Group(study.kind, study.size, outcomes), study.limits, study.name
    yield Claim(name, "confirmed", "", f"{group.confirmed.happened} of {len(outcomes)}")
    yield at_most(name, "onset to confirmation, median", group.confirmed.quantile(0.5), limits.median)
    yield at_most(name, "onset to confirmation, p90", group.confirmed.quantile(0.9), limits.p90)
    yield at_least(name, "confirmed within 5 h", group.confirmed.within(_SOON), limits.soon)
    yield at_least(name, "confirmed within the median's limit", group.confirmed.within(limits.median), None)
    if limits.crept is not None:
        yield at_most(name, "onset to being called creep, median", group.crept.quantile(0.5), limits.crept)
        yield at_least(name, "called creep by then", group.crept.within(limits.crept), None)
        yield at_least(name, "called creep in the end", _creeping(outcomes), None)
    yield at_least(name, "onset's interval is right", group.onset_coverage, limits.onsets)
    yield at_most(name, "width of the onset's interval, median", group.onset_widths.quantile(0.5), limits.width)
    yield at_least(name, "effect's interval right, after alarm", group.effect_coverage, None)
    beside = f"{sum(len(score.false) for score in scores)}, {sum(len(score.repeated) for score in scores)}"
    yield Claim(name, "false incidents, and told again", "", beside)
    yield from _kinds(name, [story for score in scores for story in score.false])


def _creeping(outcomes: Sequence[Outcome]) -> float | None:
    told = [one.story.last for one in outcomes if one.story is not None and one.confirmed is not None]
    shapes = [any(finding.shape is Shape.CREEP for finding in incident.findings) for incident in told]
    return sum(shapes) / len(shapes) if shapes else None


def coverage_claims(parts: Sequence[fixed_windows.Coverage]) -> Iterator[Claim]:
    inside = np.concatenate([part.inside for part in parts])
    widths = np.concatenate([part.widths for part in parts])
    yield Claim("fixed windows", "events", f">= {_FEWEST_EVENTS}", f"{len(inside):,}")
    for place, name in enumerate(fixed_windows.NAMES):
        share, width = float(inside[:, place].mean()), float(np.median(widths[:, place]))
        measured = f"{share:.1%} (+-{width / 2:.1%})"
        # with fewer events chance alone decides whether it is
        holds = 0.93 <= share <= 0.97 if len(inside) >= _FEWEST_EVENTS else None
        yield Claim("fixed windows", f"{name}: 95 % interval is right", "93 - 97 %", measured, holds)


def chance_claims(study: str, parts: Sequence[np.ndarray[Any, np.dtype[np.float64]]]) -> Iterator[Claim]:
    """Shares of the p-values up to a, with the standard error that the series' shares among each other show."""
    by_series = np.concatenate([part.transpose(1, 0, 2) for part in parts])
    for place, name in enumerate(fixed_windows.NAMES):
        for a in (0.05, 0.01, 0.001):
            shares = (by_series[..., place] <= a).mean(axis=1)
            error = float(shares.std(ddof=1)) / len(shares) ** 0.5
            share = float(shares.mean())
            claim = Claim(study, f"{name}: P(p <= {a})", f"<= {a}", f"{share:.4f} +- {1.96 * error:.4f}")
            yield replace(claim, holds=share - 1.96 * error <= a) if study == _STILL else claim


_STILL, _SPIKES = "p, no spikes", "p, with spikes"


@dataclass(frozen=True, slots=True)
class Part:
    """Work that is done for each seed, and the claims that its results are held against."""

    name: str
    work: Callable[[int], Any]
    claims: Callable[[list[Any]], Iterator[Claim]]


def quiet(size: Size, _kept: Path) -> Iterator[Part]:
    yield Part("quiet", partial(quiet_month, size=size), quiet_claims)


def events(studies: Sequence[Study], size: Size, kept: Path) -> Iterator[Part]:
    for study in studies:
        work = partial(studied, study=study, size=size, kept=kept)
        yield Part(study.name, work, partial(study_claims, study))


def intervals(size: Size, _kept: Path) -> Iterator[Part]:
    work = partial(fixed_windows.coverage, series=size.series, days=size.windows)
    yield Part("fixed windows", work, coverage_claims)
    yield Part(_STILL, partial(chances, size=size, spikes=False), partial(chance_claims, _STILL))
    yield Part(_SPIKES, partial(chances, size=size, spikes=True), partial(chance_claims, _SPIKES))


PARTS: Sequence[Callable[[Size, Path], Iterator[Part]]] = (
    quiet,
    partial(events, EVENTS),
    intervals,
    partial(events, CREEPS),
)


def measured(size: Size, chosen: Sequence[str], processes: int) -> Iterator[Claim]:
    """All claims, each as soon as what it needs is there."""
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(processes) as pool:
        parts = _chosen([part for some in PARTS for part in some(size, Path(folder))], chosen)
        # all work is handed out before the first result is waited for
        results = [[pool.submit(part.work, seed) for seed in size.seeds] for part in parts]
        for part, futures in zip(parts, results, strict=True):
            yield from part.claims([future.result() for future in futures])


def _chosen(parts: Sequence[Part], names: Sequence[str]) -> Sequence[Part]:
    unknown = set(names) - {part.name for part in parts}
    if unknown:
        raise SystemExit(f"there is no {unknown.pop()!r}; there are {', '.join(repr(part.name) for part in parts)}")
    return [part for part in parts if not names or part.name in names]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--only", nargs="+", default=[], metavar="PART", help="such as quiet, or '+20 %%'")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--short", action="store_true", help="one seed, ten series, fewer days")
    parser.add_argument("--json", action="store_true", help="print the claims as JSON, in the end")
    arguments = parser.parse_args()
    begin = time.perf_counter()
    size = SHORT if arguments.short else Size(tuple(arguments.seeds))
    claims = []
    for claim in measured(size, arguments.only, arguments.processes):
        claims.append(claim)
        if not arguments.json:
            print(claim, flush=True)
    if arguments.json:
        print(json.dumps([asdict(claim) for claim in claims], indent=2))
    else:
        print(f"took {time.perf_counter() - begin:.0f} s")
    return 0 if all_hold(claims) else 1


if __name__ == "__main__":
    sys.exit(main())
