"""CPU of a saturated Locust per request, with soakwatch against without: at most 1.03.

Run as `python benchmarks/cpu_per_request.py [--blocks 40] [--seconds 1]`: two minutes; the long form is `--blocks 300`.

One real Locust process (FastHttpUser, 10 users without waits, headless) asks a server in a process of its own. Two
processes of the same program differ by some percent of CPU per request for their whole life (hash seeds, memory layout,
what else the machine does in that minute), which buries an effect of 2 %. So the listener is switched in and out within
one process: each block has three segments, in random order, one with soakwatch and two without, and the ratio is taken
within the block. The two segments without it, one against the other, say how well this can be measured (A/A).

A segment with soakwatch pays for its own window: before its clock stops, the window is closed and delivered to SQLite.
As a segment takes one second and a real window ten, this is ten times as often as in a test. Not in it: what idles in
both kinds of segment (a sleeping greenlet, two wrapped methods of Locust's statistics).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from measuring import Ratio, verdict

LIMIT = 1.03
AA_LIMIT = 0.01

SERVER = """
import asyncio

class Answer(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok" * data.count(b"\\r\\n\\r\\n"))

async def main():
    server = await asyncio.get_running_loop().create_server(Answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""

LOCUSTFILE = """
import gc, json, os, random, time
import gevent
from locust import FastHttpUser, constant, events, task
from soakwatch.collector.session import Session

BLOCKS, SECONDS = int(os.environ["BENCHMARK_BLOCKS"]), float(os.environ["BENCHMARK_SECONDS"])

class Visitor(FastHttpUser):
    wait_time = constant(0)

    @task
    def page(self):
        self.client.get(random.choice(PAGES))

PAGES = [f"/page/{number}" for number in range(20)]

class Switch:
    def __init__(self, environment):
        self.environment = environment
        (self.session,) = [thing for thing in gc.get_objects() if isinstance(thing, Session)]
        self.handlers = environment.events.request._handlers
        self.at = self.handlers.index(self.session._hook)
        self.handlers.remove(self.session._hook)

    def segment(self, on):
        if on:
            self.handlers.insert(self.at, self.session._hook)
        cpu, requests = time.process_time(), self.environment.stats.total.num_requests
        gevent.sleep(SECONDS)
        if on:
            self.session._flush(self.session.recording)
            while self.session.delivery.waiting:
                gevent.sleep(0.001)
        cost = (time.process_time() - cpu) / (self.environment.stats.total.num_requests - requests)
        if on:
            self.handlers.remove(self.session._hook)
        return cost

    def run(self):
        gevent.sleep(3)
        rounds = []
        for _ in range(BLOCKS):
            kinds = random.sample(["without", "without again", "with"], 3)
            rounds.append({kind: self.segment(kind == "with") for kind in kinds})
        with open("costs.json", "w") as file:
            json.dump(rounds, file)
        self.environment.runner.quit()

@events.test_start.add_listener
def begin(environment, **_):
    gevent.spawn(Switch(environment).run)
"""


@contextmanager
def server() -> Iterator[str]:
    process = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def measure(blocks: int, seconds: float, folder: Path) -> list[dict[str, float]]:
    """CPU seconds per request of each segment, by block."""
    (folder / "locustfile.py").write_text(LOCUSTFILE, encoding="utf-8")
    limit = str(int(30 + 6 * blocks * seconds))
    settings = {"BENCHMARK_BLOCKS": str(blocks), "BENCHMARK_SECONDS": str(seconds)}
    with server() as host:
        subprocess.run(
            [
                *(sys.executable, "-m", "soakwatch.collector.launcher", "--headless", "--host", host),
                *("-u", "10", "-r", "100", "-t", limit, "--only-summary", "--loglevel", "ERROR"),
                *("--soakwatch-window", "300"),
            ],
            cwd=folder,
            env={**os.environ, **settings},
            stdout=subprocess.DEVNULL,
            check=False,
            timeout=int(limit) + 60,
        )
    rounds: list[dict[str, float]] = json.loads((folder / "costs.json").read_text(encoding="utf-8"))
    return rounds


def report(rounds: Sequence[dict[str, float]]) -> int:
    ratio = Ratio.of([2 * one["with"] / (one["without"] + one["without again"]) for one in rounds])
    itself = Ratio.of([one["without again"] / one["without"] for one in rounds])
    without = sorted(one["without"] for one in rounds)[len(rounds) // 2] * 1e6
    holds, tight = ratio.median <= LIMIT, itself.half_width <= AA_LIMIT
    print(f"CPU per request, {len(rounds)} blocks; median and its 95 % interval\n")
    print(f"{'without soakwatch':24}{'1':26}{without:7.1f} us")
    print(f"{'the same again (A/A)':24}{itself!s:26}{'':10}  +- {itself.half_width:.2%}", end="  ")
    print("tight enough" if tight else f"NOT within {AA_LIMIT:.0%}: take more blocks, or a quieter machine")
    print(f"{'with soakwatch':24}{ratio!s:26}{ratio.median * without:7.1f} us  at most {LIMIT}: {verdict(holds=holds)}")
    return int(not (holds and tight))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", "--pairs", type=int, default=40, help="blocks of three segments (40)")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a segment (1)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return report(measure(arguments.blocks, arguments.seconds, Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
