"""The long job: all of soakwatch against a target that gets slower, fails, is deployed and disappears, and the balance.

python tests/long_job.py [--report FILE]
"""

import argparse
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

import numpy as np
from beside import beside
from long_stage import Pace, Sample, Sampling, Stage
from scipy.stats import theilslopes

from soakwatch.core.deploy import changes
from soakwatch.core.run import Run
from soakwatch.core.span import Span
from soakwatch.store.opening import open_store

SLOW = {"endpoint": "POST /rag/query", "kind": "latency_factor", "value": 3.0}
FAILING = {"endpoint": "POST /mcp/tools", "kind": "error_rate", "value": 0.3}
OUT = {"endpoint": "POST /mcp/tools", "kind": "error_rate", "value": 0.9}
SLOW_AT_LAST = {"endpoint": "GET /api/users", "kind": "latency_factor", "value": 3.0}

FAILED = ("mcp_server", "errors", "open")
FAILED_ONCE = ("mcp_server", "errors", "closed")

Expected = tuple[str, str, str]
"""Service and kind of an incident, and the state of its issue."""

_PATIENCE = 150.0
"""Seconds that the story waits for what should come of a scene; then it goes on, and the balance tells what lacks."""


@dataclass(frozen=True)
class Scene:
    """What happens, not before `at` seconds from the beginning and not before the scene before it is over.

    It is over when GitHub has the issues that `until` names, each as often as it is named, whatever else there is.
    """

    at: float
    what: str
    act: Callable[[Stage], object]
    until: Sequence[Expected] = ()


@dataclass(frozen=True)
class Script:
    """What happens when, and which issues there should be in the end; the first of `expected` names `deployed`."""

    pace: Pace
    lasts: float
    scenes: Sequence[Scene]
    kills: Sequence[float]
    """Seconds from the beginning at which the daemon is killed, whatever else happens."""
    expected: Sequence[Expected]
    deployed: str = ""
    """Which version the issue of failing tools must name."""
    flat: float = inf
    """MiB an hour by which no process may certainly grow (the lower bound of its slope)."""


def whole(seed: int) -> Script:
    """Twenty minutes; the daemon is killed five times."""
    chance = random.Random(seed)
    slow, over = ("rag_service", "latency", "open"), ("rag_service", "latency", "closed")
    at_last = ("api_gateway", "latency", "open")
    services = ("api_gateway", "mcp_server", "rag_service")
    away, back = ([(one, "errors", state) for one in services] for state in ("open", "closed"))
    return Script(
        # days of three minutes: how much response times usually move is known after some eighty blocks of ten steps
        Pace(window=1.0, step=1.0, time_scale=1 / 480, learning=120.0, rotate=420.0),
        1200.0,
        [
            Scene(150.0, "version 2.0 is deployed", lambda stage: stage.deploy("2.0")),
            Scene(165.0, "30 % of POST /mcp/tools fail", lambda stage: stage.fault(FAILING), [FAILED]),
            Scene(215.0, "and do no more", lambda stage: stage.fault(), [FAILED_ONCE]),
            Scene(330.0, "InfluxDB is away for 20 s", lambda stage: stage.restart_influxd(20.0)),
            Scene(450.0, "the target disappears", lambda stage: stage.take_target_away(), away),
            Scene(510.0, "and is there again", lambda stage: stage.deploy("2.0"), [*back, FAILED_ONCE]),
            Scene(850.0, "POST /rag/query takes three times as long", lambda stage: stage.fault(SLOW), [slow]),
            Scene(910.0, "and is as it was", lambda stage: stage.fault(), [over]),
            Scene(
                1060.0, "GET /api/users takes three times as long", lambda stage: stage.fault(SLOW_AT_LAST), [at_last]
            ),
        ],
        sorted(chance.uniform(60.0, 600.0) for _ in range(5)),
        [FAILED_ONCE, over, *back, at_last],
        "2.0",
        flat=12.0,
    )


def short() -> Script:
    """Some two minutes, for each change of soakwatch."""
    return Script(
        Pace(window=1.0, step=2.0, time_scale=1 / 120, learning=40.0, rotate=600.0),
        120.0,
        [
            Scene(58.0, "version 2.0 is deployed", lambda stage: stage.deploy("2.0")),
            Scene(64.0, "90 % of POST /mcp/tools fail", lambda stage: stage.fault(OUT), [FAILED]),
            # not before: one that is killed while it opens an issue leaves two minutes in which nobody opens it again
            Scene(72.0, "the daemon is killed", lambda stage: stage.kill_daemon()),
            Scene(80.0, "POST /mcp/tools fails no more", lambda stage: stage.fault(), [FAILED_ONCE]),
        ],
        [],
        [FAILED_ONCE],
        "2.0",
    )


@dataclass(frozen=True)
class Slope:
    """MiB an hour, with its 95 % interval (Theil-Sen; Sen 1968), of how many samples over how many seconds."""

    value: float
    low: float
    high: float
    samples: int
    seconds: float

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> "Slope | None":
        """None where there are too few."""
        if len(samples) < 10:
            return None
        at = np.array([sample.at for sample in samples]) / 3600
        value, _, low, high = theilslopes([sample.memory for sample in samples], at)
        return cls(float(value), float(low), float(high), len(samples), samples[-1].at - samples[0].at)


@dataclass
class Balance:
    """What there was in the end."""

    runs: list[Run] = field(default_factory=list)
    stored: int = 0
    issues: list[tuple[str, str, str]] = field(default_factory=list)
    named: list[str] = field(default_factory=list)
    annotations: Counter[str] = field(default_factory=Counter)
    twice: list[str] = field(default_factory=list)
    deploys: list[str] = field(default_factory=list)
    exit_code: int | None = None
    daemon: Slope | None = None
    workers: list[Slope] = field(default_factory=list)
    most: dict[str, tuple[float, int, int]] = field(default_factory=dict)
    grown: dict[str, tuple[int, int]] = field(default_factory=dict)
    left: list[int] = field(default_factory=list)

    @property
    def counted(self) -> int:
        """Requests that reached Locust's entries, in all of its processes."""
        return sum(run.reconciled.reached for run in self.runs if run.reconciled)


def play(script: Script, folder: Path, say: Callable[[str], object]) -> Balance:
    """Let all of it happen, and look at what there is in the end."""
    with Stage.set_up(folder, script.pace) as stage:
        stage.start_daemon()
        clock = Clock(say)
        with (
            Sampling(stage, max(1.0, script.lasts / 400)).going_on() as sampling,
            _killing(stage, script.kills, clock),
        ):
            for scene in script.scenes:
                clock.wait_until(scene.at)
                clock.tell(scene.what)
                scene.act(stage)
                if scene.until:
                    clock.tell(f"  {_told_after(stage, scene.until)}")
            clock.wait_until(script.lasts)
        clock.tell("the soak is stopped")
        stage.says("soak", "stop", "staging")
        time.sleep(2.5 * script.pace.step + 5)  # what was written last is rolled up, judged and shown
        return _balance(stage, sampling)


@dataclass(frozen=True)
class Clock:
    """Seconds since the beginning, and somebody to tell what happens."""

    say: Callable[[str], object]
    begin: float = field(default_factory=time.monotonic)

    @property
    def now(self) -> float:
        return time.monotonic() - self.begin

    def wait_until(self, at: float) -> None:
        time.sleep(max(0.0, at - self.now))

    def tell(self, what: str) -> None:
        self.say(f"{self.now:7.1f} s  {what}")


def _killing(stage: Stage, moments: Sequence[float], clock: Clock) -> AbstractContextManager[None]:
    """Kill the daemon at each of the moments, while the block runs."""

    def kill(ended: threading.Event) -> None:
        for moment in moments:
            if ended.wait(max(0.0, moment - clock.now)):
                return
            clock.tell("the daemon is killed")
            stage.kill_daemon()

    return beside(kill)


def _told_after(stage: Stage, wanted: Sequence[Expected]) -> str:
    """Wait until GitHub has these issues; how long that took."""
    clock = Clock(str)
    while missing := Counter(wanted) - Counter(_issues(stage)):
        if clock.now > _PATIENCE:
            return f"after {_PATIENCE:.0f} s there is no issue of {', '.join(' '.join(one) for one in missing)}"
        time.sleep(0.5)
    return f"{', '.join(' '.join(one) for one in wanted)} after {clock.now:.0f} s"


def _issues(stage: Stage) -> list[Expected]:
    return [(*_about(issue.title), str(issue.state)) for issue in stage.github.issues]


def _balance(stage: Stage, sampling: Sampling) -> Balance:
    balance = Balance(left=stage.locust())
    with open_store(stage.configuration) as store:
        balance.runs = store.runs()
        balance.stored = sum(window.count for run in balance.runs for window in store.windows(run.id))
        balance.deploys = [one.version for one in changes(store.deploys(Span(0.0, time.time() + 60)))]
    balance.issues = _issues(stage)
    balance.named = [" ".join(_about(one.title)) for one in stage.github.issues if "2.0" in (one.body or "")]
    identities = [tag for one in stage.grafana.annotations for tag in one.tags if tag.startswith("soakwatch-id:")]
    balance.twice = [tag for tag, times in Counter(identities).items() if times > 1]
    balance.annotations = Counter(kind for one in stage.grafana.annotations for kind in one.tags if kind in _ABOUT)
    longest, _ = Counter(one.process for one in sampling.daemon).most_common(1)[0]
    daemon = [one for one in sampling.daemon if one.process == longest]
    balance.daemon = Slope.of(_settled(daemon))
    newest = {one.process for one in sampling.locust if one.at > sampling.locust[-1].at - 5}
    series = {process: [one for one in sampling.locust if one.process == process] for process in newest}
    balance.workers = [slope for one in series.values() if (slope := Slope.of(_settled(one)))]
    for name, samples in (("daemon", daemon), *(("locust", one) for one in series.values())):
        settled = _settled(samples) or samples
        balance.most[name] = max(
            balance.most.get(name, (0.0, 0, 0)),
            (
                max(one.memory for one in samples),
                max(one.threads for one in samples),
                max(one.files for one in samples),
            ),
        )
        grown = (settled[-1].threads - settled[0].threads, settled[-1].files - settled[0].files)
        balance.grown[name] = max(balance.grown.get(name, (-99, -99)), grown)
    balance.exit_code = stage.stop_daemon()
    assert stage.github.violations == []
    assert stage.grafana.violations == []
    return balance


_MORE_THREADS, _MORE_FILES = 2, 6
"""What a process may have more in the end: connections of a pool."""

_ABOUT = ("run", "deploy", "incident")


def _settled(samples: Sequence[Sample]) -> Sequence[Sample]:
    """The latter half: caches fill, and the first pass over history is the largest."""
    return samples[len(samples) // 2 :]


def _about(title: str) -> tuple[str, str]:
    service = next((one for one in ("api_gateway", "mcp_server", "rag_service") if one in title), "?")
    words = {
        "latency": ("p50 of", "p95 of", "p99 of", "mean of"),
        "errors": ("error rate",),
        "no data": ("no requests",),
    }
    return service, next((kind for kind, signs in words.items() if any(sign in title for sign in signs)), title)


def what_is_wrong(balance: Balance, script: Script) -> list[str]:
    """Sentences on everything that is not as promised."""
    wanted = {"run": len(balance.runs), "deploy": len(balance.deploys), "incident": len(script.expected)}
    issues = f"there are the issues {sorted(balance.issues)}, and should be {sorted(script.expected)}"
    named = not script.deployed or "mcp_server errors" in balance.named
    promises = {
        f"{balance.counted:,} requests were counted, and {balance.stored:,} are stored": balance.counted
        == balance.stored,
        issues: Counter(balance.issues) == Counter(script.expected),
        f"the issue of failing tools does not name version {script.deployed}": named,
        f"these annotations are there twice: {balance.twice}": not balance.twice,
        f"there are the annotations {dict(balance.annotations)}, not {wanted}": dict(balance.annotations) == wanted,
        f"the daemon ended with {balance.exit_code}": balance.exit_code == 0,
        f"these processes of Locust are left: {balance.left}": not balance.left,
    }
    for run in balance.runs:
        promises[f"run {run.id} is not reconciled: {run.reconciled}"] = _is_reconciled(run)
    for slope in filter(None, (balance.daemon, *balance.workers)):
        promises[f"a process grows: {_slope(slope)}"] = slope.low <= script.flat
    for name, (threads, files) in balance.grown.items():
        leaked = f"{name}: {threads} threads and {files} open files more than at first"
        promises[leaked] = threads <= _MORE_THREADS and files <= _MORE_FILES
    return [sentence for sentence, is_kept in promises.items() if not is_kept]


def _is_reconciled(run: Run) -> bool:
    """Every request that any process counted is stored, and what Locust's own total lacks is explained."""
    result = run.reconciled
    return result is not None and not (result.unexplained or result.lost or result.waiting)


def told(balance: Balance) -> list[str]:
    """The figures, line by line."""
    lines = [
        f"runs            {len(balance.runs)}, reconciled: {sum(map(_is_reconciled, balance.runs))}",
        f"requests        {balance.counted:,} counted, {balance.stored:,} stored",
        f"issues          {', '.join(' '.join(one) for one in sorted(balance.issues))}",
        f"name version 2  {', '.join(balance.named)}",
        f"annotations     {dict(balance.annotations)}",
        f"daemon          {_slope(balance.daemon)}",
        *(f"locust          {_slope(one)}" for one in balance.workers),
    ]
    for name, (memory, threads, files) in balance.most.items():
        more = balance.grown[name]
        most = f"at most {memory:.0f} MiB, {threads} threads ({more[0]:+}), {files} files ({more[1]:+})"
        lines.append(f"{name:<15} {most}")
    return lines


def _slope(slope: Slope | None) -> str:
    if slope is None:
        return "too short to tell a slope"
    return (
        f"{slope.value:+.1f} MiB an hour [{slope.low:+.1f}, {slope.high:+.1f}], "
        f"{slope.samples} samples over {slope.seconds:.0f} s"
    )


def main() -> None:
    """Play all of it, print what came of it, and end with 1 where something is not as promised."""
    parser = argparse.ArgumentParser(description="Twenty minutes of soak, with all that can go wrong.")
    parser.add_argument("--seed", type=int, default=1, help="when the daemon is killed")
    parser.add_argument("--short", action="store_true", help="the two minutes of the tests")
    parser.add_argument("--keep", type=Path, help="a folder that is kept, with the daemon's and Locust's logs")
    options = parser.parse_args()
    script = short() if options.short else whole(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        where = options.keep or Path(folder)
        where.mkdir(parents=True, exist_ok=True)
        balance = play(script, where, _print)
    for line in told(balance):
        _print(line)
    wrong = what_is_wrong(balance, script)
    for line in wrong or ["all is as promised"]:
        _print(line)
    sys.exit(bool(wrong))


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
