"""The demo target: three services in one process, with faults to be switched over HTTP; on loopback unless told so.

python -m soakwatch.demo.target --port 0 --seed 1
"""

import argparse
import json
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from math import log
from random import Random
from typing import Any, TypeAlias

import gevent
from gevent.pywsgi import WSGIServer

from soakwatch.demo.faults import BadFault, Fault, fails, parse_faults, render_faults, service_time, switch

SIGMA = 0.25
"""Standard deviation of the logarithm of service times: p95 is 1.5 times, p99 1.8 times the median."""

LOOPBACK = "127.0.0.1"
FIRST_VERSION = "1.0"
LARGEST_BODY = 65_536
HIGHEST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint of one service; `median` is its service time without faults, in milliseconds."""

    service: str
    method: str
    path: str
    median: float

    def __str__(self) -> str:
        """Its name in faults: `POST /rag/query`."""
        return f"{self.method} {self.path}"


ENDPOINTS = (
    Endpoint("api_gateway", "GET", "/api/users", 20),
    Endpoint("api_gateway", "POST", "/api/orders", 35),
    Endpoint("api_gateway", "GET", "/api/search", 45),
    Endpoint("rag_service", "POST", "/rag/query", 60),
    Endpoint("rag_service", "POST", "/rag/embed", 40),
    Endpoint("rag_service", "GET", "/rag/documents", 25),
    Endpoint("mcp_server", "POST", "/mcp/tools", 30),
    Endpoint("mcp_server", "GET", "/mcp/resources", 15),
)

Environ: TypeAlias = Mapping[str, Any]
StartResponse: TypeAlias = Callable[[str, list[tuple[str, str]]], object]


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: its status line and its JSON body."""

    status: str
    body: bytes

    @classmethod
    def of(cls, status: str, content: object) -> "Answer":
        """Answer with `content` as JSON."""
        return cls(status, json.dumps(content).encode())


NOT_FOUND = Answer.of("404 Not Found", {"error": "no such endpoint"})
TIMED_OUT = Answer.of("503 Service Unavailable", {"error": "upstream timed out"})
HEALTHY = Answer.of("200 OK", {"status": "ok"})


class Station:
    """One endpoint at work: draws service times and failures from its own stream of random numbers.

    Every request takes two draws, with or without faults, and endpoints do not share a stream: what one endpoint does
    under a given seed depends neither on faults nor on the traffic of the others.
    """

    def __init__(self, endpoint: Endpoint, seed: int) -> None:
        self.faults: dict[Fault, float] = {}
        self._random = Random(f"{seed} {endpoint}")
        self._mu = log(endpoint.median)
        self._success = Answer.of("200 OK", {"service": endpoint.service, "path": endpoint.path, "ok": True})

    def serve(self, now: float, sleep: Callable[[float], object]) -> Answer:
        """Take as long as a request takes, then answer it; `now` in seconds on the clock of the faults."""
        base, draw = self._random.lognormvariate(self._mu, SIGMA), self._random.random()
        sleep(service_time(base, self.faults, now) / 1000)
        return TIMED_OUT if fails(self.faults, draw) else self._success


class Target:
    """The WSGI application; plain WSGI, because the target shares its cores with the load generator."""

    def __init__(
        self,
        seed: int,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = gevent.sleep,
        version: str = FIRST_VERSION,
    ) -> None:
        self._fixed = {"GET /healthz": HEALTHY, "GET /version": Answer.of("200 OK", {"version": version})}
        self._stations = {str(endpoint): Station(endpoint, seed) for endpoint in ENDPOINTS}
        self._clock = clock
        self._sleep = sleep

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        answer = self._answer(environ)
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(answer.body)))]
        start_response(answer.status, headers)
        return [answer.body]

    def _answer(self, environ: Environ) -> Answer:
        route = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
        station = self._stations.get(route)
        if station is not None:
            return station.serve(self._clock(), self._sleep)
        if route in self._fixed:
            return self._fixed[route]
        match route:
            case "GET /faults":
                return self._faults()
            case "PUT /faults":
                return self._put_faults(environ["wsgi.input"].read(LARGEST_BODY + 1))
            case "DELETE /faults":
                return self._switch([])
        return NOT_FOUND

    def _put_faults(self, body: bytes) -> Answer:
        if len(body) > LARGEST_BODY:
            return Answer.of("413 Content Too Large", {"error": f"at most {LARGEST_BODY} bytes of faults"})
        try:
            return self._switch(parse_faults(body, self._stations))
        except BadFault as error:
            return Answer.of("400 Bad Request", {"error": str(error)})

    def _switch(self, wanted: Sequence[Fault]) -> Answer:
        now = self._clock()
        for endpoint, station in self._stations.items():
            station.faults = switch(station.faults, (fault for fault in wanted if fault.endpoint == endpoint), now)
        return self._faults()

    def _faults(self) -> Answer:
        on = [fault for station in self._stations.values() for fault in station.faults]
        return Answer("200 OK", render_faults(on).encode())


def serve(port: int, seed: int, host: str = LOOPBACK, version: str = FIRST_VERSION) -> None:
    """Serve until SIGTERM or SIGINT; says on stdout where, once it listens. Raises OSError."""
    server: Any = WSGIServer((host, port), Target(seed, version=version), log=None)
    server.start()
    # accepted connections inherit it: head and body leave in two segments, and Nagle's algorithm with delayed
    # acknowledgements would add 40 ms to whatever follows a slow answer on a connection
    server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, server.stop)
    sys.stdout.write(f"listening on http://{host}:{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, and serve."""
    parser = argparse.ArgumentParser(prog="python -m soakwatch.demo.target", description="Serve the demo target.")
    parser.add_argument("--port", type=_port, default=0, help="port to listen on; 0 takes a free one")
    parser.add_argument(
        "--host",
        type=_address,
        default=LOOPBACK,
        help="IPv4 address to listen on; 0.0.0.0, for a container's network, lets anybody there switch faults",
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of service times and failures")
    parser.add_argument("--version", default=FIRST_VERSION, help="what GET /version answers")
    options = parser.parse_args(arguments)
    try:
        serve(options.port, options.seed, options.host, options.version)
    except OSError as error:
        parser.error(f"cannot listen on {options.host}:{options.port}: {error.strerror}")


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"a port is from 0 to {HIGHEST_PORT}, not {port}")
    return port


def _address(text: str) -> str:
    try:
        return str(IPv4Address(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"it must be an IPv4 address such as {LOOPBACK}, not {text!r}") from None


if __name__ == "__main__":
    main()
