"""A proxy in front of an HTTP server that does to its clients what networks and servers do on bad days."""

import gzip
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

Fault = Callable[["Exchange"], None]
"""What is done with one request."""

_NOT_PASSED_ON = {"connection", "content-length", "transfer-encoding", "host"}
_PATIENCE = 2.0
"""Seconds to wait for threads to end."""


@dataclass(frozen=True)
class Asked:
    """A request that came in, when (on the monotonic clock), and the fault that it met."""

    at: float
    method: str
    path: str
    fault: str

    @property
    def is_write(self) -> bool:
        return self.method == "POST" and self.path.startswith("/api/v2/write")


def healthy(exchange: "Exchange") -> None:
    """Pass it on, and the answer back."""
    exchange.answer_as(exchange.passed_on())


def answers(status: int, **headers: str) -> Fault:
    """Answer with `status` as InfluxDB words it, without asking the server; `Retry_After="2"` is such a header."""

    def answering(exchange: "Exchange") -> None:
        exchange.body()
        message = HTTPStatus(status).phrase.lower()
        content = json.dumps({"code": message, "message": message}).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        exchange.answer(status, content, {"Content-Type": "application/json", **named})

    return _called(f"answers {status}", answering)


def late(seconds: float) -> Fault:
    """Pass it on at once, but the answer back only after so many seconds, or when the fault is over."""

    def being_late(exchange: "Exchange") -> None:
        answer = exchange.passed_on()
        exchange.wait(seconds)
        exchange.answer_as(answer)

    return _called(f"late by {seconds:g} s", being_late)


def black_hole(exchange: "Exchange") -> None:
    """Take everything, and never say anything."""
    exchange.body()
    exchange.wait(None)
    exchange.reset()


def cut_in_the_middle(exchange: "Exchange") -> None:
    """Reset the connection when half of a request's body is there."""
    exchange.half_of_the_body()
    exchange.reset()


def answer_lost(exchange: "Exchange") -> None:
    """Let the server do its work, and reset the connection instead of passing on its answer."""
    exchange.passed_on()
    exchange.reset()


def refuses(text: str) -> Fault:
    """Answer 400 to what has `text` in its body, packed or not, as a server does that cannot read one of the lines."""

    def refusing(exchange: "Exchange") -> None:
        body = exchange.body()
        unpacked = gzip.decompress(body) if exchange.is_packed else body
        (answers(400) if text.encode() in unpacked else healthy)(exchange)

    return _called(f"refuses {text}", refusing)


def _called(name: str, fault: Fault) -> Fault:
    fault.__name__ = name
    return fault


class Exchange:
    """One request, and what can be done with it."""

    def __init__(self, handler: "_Handler") -> None:
        self._handler = handler
        self._over = handler.proxy.over
        self._body: bytes | None = None

    @property
    def is_packed(self) -> bool:
        return self._handler.headers.get("Content-Encoding") == "gzip"

    @property
    def _length(self) -> int:
        return int(self._handler.headers.get("Content-Length", 0))

    def body(self) -> bytes:
        """The request's body, all of it."""
        if self._body is None:
            self._body = self._handler.rfile.read(self._length)
        return self._body

    def half_of_the_body(self) -> None:
        """Read half of what was announced."""
        self._handler.rfile.read(self._length // 2)

    def passed_on(self) -> "Answer":
        """The server's answer; 502 when it does not answer."""
        body, handler = self.body(), self._handler
        headers = {name: value for name, value in handler.headers.items() if name.lower() not in _NOT_PASSED_ON}
        connection = HTTPConnection(handler.proxy.upstream, timeout=60)
        try:
            connection.request(handler.command, handler.path, body or None, headers)
            return Answer.of(connection.getresponse())
        except (OSError, HTTPException):
            return Answer(HTTPStatus.BAD_GATEWAY, b"", {})
        finally:
            connection.close()

    def answer_as(self, answer: "Answer") -> None:
        self.answer(answer.status, answer.content, answer.headers)

    def answer(self, status: int, content: bytes, headers: Mapping[str, str]) -> None:
        """Answer the client."""
        handler = self._handler
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        if status != HTTPStatus.NO_CONTENT:
            handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    def wait(self, seconds: float | None) -> None:
        """Wait so long, for ever with None; at most until the fault is over."""
        self._over.wait(seconds)

    def reset(self) -> None:
        """Send a reset instead of whatever would come."""
        self._handler.close_connection = True
        _reset(self._handler.connection)


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    content: bytes
    headers: Mapping[str, str]

    @classmethod
    def of(cls, response: HTTPResponse) -> "Answer":
        headers = {name: value for name, value in response.getheaders() if name.lower() not in _NOT_PASSED_ON}
        return cls(response.status, response.read(), headers)


class _Handler(BaseHTTPRequestHandler):
    """Reads the requests of one connection, and lets each meet the proxy's fault of that moment."""

    protocol_version = "HTTP/1.1"
    proxy: "FaultyProxy"

    def do_GET(self) -> None:
        fault = self.proxy.fault
        self.proxy.asked.append(Asked(time.monotonic(), self.command, self.path, fault.__name__))
        fault(Exchange(self))

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815  (the same)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the same)
        """Say nothing."""


class FaultyProxy:
    """A port in front of `upstream` (an http address) whose fault can be switched while it is used.

    `asked` are all requests so far. Used from a test's thread; each connection has one of its own.
    """

    def __init__(self, upstream: str) -> None:
        self.upstream = urlsplit(upstream).netloc
        self.fault: Fault = healthy
        self.over = threading.Event()
        self.asked: list[Asked] = []
        self._connections: set[socket.socket] = set()
        self._listens = threading.Event()
        self._closed = False
        self._socket = _bound(0)
        self._port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._listen()
        self._thread = threading.Thread(target=self._accept_for_ever, daemon=True)
        self._thread.start()

    @property
    def writes(self) -> list[Asked]:
        """Requests that wanted to write points."""
        return [asked for asked in self.asked if asked.is_write]

    @contextmanager
    def doing(self, fault: Fault) -> Iterator[None]:
        """Let every request meet `fault` until the block ends; those still held then go on at once."""
        self.fault, self.over = fault, threading.Event()
        try:
            yield
        finally:
            self.fault = healthy
            self.over.set()

    @contextmanager
    def down(self) -> Iterator[None]:
        """Refuse connections and reset those that are there, until the block ends."""
        self._listens.clear()
        # a socket that is bound and does not listen refuses, and nobody else gets the port meanwhile
        before, self._socket = self._socket, _bound(self._port)
        _stop(before)
        self._reset_all()
        try:
            yield
        finally:
            self._listen()

    def close(self) -> None:
        """Stop for good."""
        self._closed = True
        self.over.set()
        self._listens.set()
        _stop(self._socket)
        self._reset_all()
        self._thread.join(_PATIENCE)

    def _reset_all(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        while self._connections and time.monotonic() < deadline:
            for connection in list(self._connections):
                _reset(connection)
            time.sleep(0.005)

    def _listen(self) -> None:
        self._socket.listen(128)
        self._listens.set()

    def _accept_for_ever(self) -> None:
        while not self._closed:
            self._listens.wait()
            try:
                connection, _ = self._socket.accept()
            except OSError:  # it does not listen any more
                time.sleep(0.01)
                continue
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        self._connections.add(connection)
        handler = type("Handler", (_Handler,), {"proxy": self})
        with connection, suppress(OSError, ValueError):  # the client went away, or we reset it
            handler(connection, connection.getpeername(), None)
        self._connections.discard(connection)


def _bound(port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind(("127.0.0.1", port))
    return made


def _stop(listening: socket.socket) -> None:
    with suppress(OSError):
        listening.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
    listening.close()


def _reset(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # wakes the thread that reads from it, which then closes it; that sends the reset
        connection.shutdown(socket.SHUT_RD)
