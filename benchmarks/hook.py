"""The request hook against Locust's own statistics: at most 0.40 of `log_request`, 0.50 with the closing of windows.

Run as `python benchmarks/hook.py [--repetitions 31]`. CPU time, 200 series, 50,000 requests a repetition: 10 seconds at
5,000 requests a second. Every repetition begins with new windows, so first and slowest requests are in it.
"""

import locust.main  # noqa: I001  (first: it patches the standard library for gevent)

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from enum import IntEnum
from functools import partial
from pathlib import Path

from locust.stats import RequestStats
from measuring import Compared, cpu_of, compare, verdict
from requests_of_a_test import Event, Traffic, new_recorder

from soakwatch.collector.delivery import Delivery
from soakwatch.collector.recorder import Recorder, make_hook
from soakwatch.store.sqlite import SqliteStore

assert locust.main

REQUESTS = 50_000
HOOK_ALONE, WITH_CLOSING = 0.40, 0.50
WIDTH = 10.0


def log_request(statistics: RequestStats, events: list[Event]) -> float:
    """Locust's own statistics, called as Locust's listener calls them; its entries exist already."""
    calls = [
        (event["request_type"], event["name"], event["response_time"], event["response_length"]) for event in events
    ]
    log = statistics.log_request

    def work() -> None:
        for method, name, response_time, length in calls:
            log(method, name, response_time, length)

    return cpu_of(work)


def fire(listener: Callable[..., None], events: list[Event]) -> None:
    """Call a listener as EventHook.fire does."""
    for event in events:
        listener(**event)


def hook_alone(events: list[Event]) -> float:
    hook, _ = make_hook(new_recorder(0.0), time.time)
    return cpu_of(partial(fire, hook, events))


def first_requests(events: list[Event]) -> float:
    """Each request is the first one of its window."""
    recorder = new_recorder(0.0)
    hook, _ = make_hook(recorder, time.time)

    def work() -> None:
        for event in events:
            recorder.open.clear()
            hook(**event)

    fire(hook, events)
    return cpu_of(work)


def empty(**_: object) -> None:
    """Do nothing with the event's arguments: the floor under any listener."""


class Stage(IntEnum):
    """How far a closed window is followed."""

    CLOSED = 1
    SPOOLED = 2
    STORED = 3


class Closing:
    """The hook, and at the end of each window what follows: closing it, the spool, SQLite."""

    def __init__(self, folder: Path, stage: Stage) -> None:
        self._stage = stage
        self._delivery = Delivery(partial(SqliteStore.create, folder / "store.db"), folder / "spool", "source", 1 << 30)
        self._recorder: Recorder = new_recorder(0.0)
        self._now = 0.0

    def measure(self, events: list[Event]) -> float:
        """CPU of one window, from its first request on, in all threads."""
        hook, _ = make_hook(self._recorder, time.time)
        self._now += WIDTH

        def work() -> None:
            fire(hook, events)
            steps = self._recorder.rotate(self._now)
            if self._stage is Stage.CLOSED:
                assert all(steps)
                return
            self._delivery.submit(steps)
            assert self._stage is Stage.SPOOLED or self._delivery.drain(60)

        return cpu_of(work)


def measure(repetitions: int, folder: Path) -> Compared:
    statistics = RequestStats()
    usual = Traffic().events(REQUESTS)
    few = usual[: REQUESTS // 10]
    failing, named = Traffic(failing=1.0).events(len(few)), Traffic(context={"service": "shop"}).events(len(few))
    scale = REQUESTS / len(few)
    return compare(
        partial(log_request, statistics, usual),
        {
            "hook": partial(hook_alone, usual),
            "hook and closing": partial(Closing(folder / "closed", Stage.CLOSED).measure, usual),
            "and on disk in the spool": partial(Closing(folder / "spooled", Stage.SPOOLED).measure, usual),
            "and in SQLite": partial(Closing(folder / "stored", Stage.STORED).measure, usual),
            "empty listener": lambda: cpu_of(partial(fire, empty, usual)),
            "first of its window": lambda: scale * first_requests(few),
            "failing": lambda: scale * hook_alone(failing),
            "with a context": lambda: scale * hook_alone(named),
        },
        repetitions,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=31)
    repetitions = parser.parse_args().repetitions
    with tempfile.TemporaryDirectory() as folder:
        result = measure(repetitions, Path(folder))
    claims = {"hook": HOOK_ALONE, "hook and closing": WITH_CLOSING}
    base = result.base / REQUESTS * 1e9
    print(f"{repetitions} paired repetitions of {REQUESTS:,} requests; median and its 95 % interval\n")
    print(f"{'':28}{'of log_request':28}{'ns':>7}  claim")
    print(f"{'Locust log_request':28}{'1':28}{base:7.0f}")
    print(f"{'the same again (A/A)':28}{result.itself!s:28}{result.itself.median * base:7.0f}")
    for name, ratio in result.subjects.items():
        claim = claims.get(name)
        said = "" if claim is None else f"at most {claim:.2f}: {verdict(holds=ratio.median <= claim)}"
        print(f"{name:28}{ratio!s:28}{ratio.median * base:7.0f}  {said}")
    return int(any(result.subjects[name].median > claim for name, claim in claims.items()))


if __name__ == "__main__":
    sys.exit(main())
