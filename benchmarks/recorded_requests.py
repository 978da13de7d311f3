"""Recorded requests: what a client sends to InfluxDB, as it really sends it."""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_BLOCK = 1 << 16
_OF_THE_CONNECTION = {"connection", "transfer-encoding", "content-length", "date", "server", "host", "accept-encoding"}
"""Headers that a proxy does not pass on; answers stay uncompressed, so that they can be drained in the same way."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `size` is its bytes on the wire, with its headers."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    size: int


@dataclass
class Recording:
    """All requests so far, oldest first, and the address to which they are sent."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)

    def take(self) -> list[Request]:
        """Give all requests, and forget them."""
        taken, self.requests = self.requests, []
        return taken


@contextmanager
def accepting() -> Iterator[Recording]:
    """Record writes that go nowhere: each is answered as InfluxDB answers one that it took."""
    with _listening(lambda handler, _: handler.answer_nothing()) as recording:
        yield recording


@contextmanager
def forwarding(upstream: str) -> Iterator[Recording]:
    """Record requests, and pass them on to the server at `upstream`."""
    with _listening(lambda handler, request: handler.answer_as(upstream, request)) as recording:
        yield recording


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    recording: Recording
    answer: "Answer"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = dict(self.headers.items())
        # each line ends with two characters, and an empty one ends the head
        lines = [self.requestline, *(f"{name}: {text}" for name, text in headers.items()), ""]
        head = sum(len(line) + 2 for line in lines)
        request = Request(self.command, self.path, headers, body, head + len(body))
        self.recording.requests.append(request)
        type(self).answer(self, request)

    do_GET = do_POST  # noqa: N815  (the standard library's name)

    def answer_nothing(self) -> None:
        self.send_response(http.client.NO_CONTENT)
        self.end_headers()

    def answer_as(self, upstream: str, request: Request) -> None:
        connection = http.client.HTTPConnection(upstream.removeprefix("http://"), timeout=600)
        headers = {name: text for name, text in request.headers.items() if name.lower() not in _OF_THE_CONNECTION}
        connection.request(request.method, request.path, request.body, headers)
        answer = connection.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        for name, text in answer.getheaders():
            if name.lower() not in _OF_THE_CONNECTION:
                self.send_header(name, text)
        if answer.status != http.client.NO_CONTENT:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        connection.close()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


Answer = Callable[[_Handler, Request], None]


@contextmanager
def _listening(answer: Answer) -> Iterator[Recording]:
    recording = Recording()
    handler = type("Handler", (_Handler,), {"recording": recording, "answer": staticmethod(answer)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    recording.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield recording
    finally:
        server.shutdown()
        server.server_close()
