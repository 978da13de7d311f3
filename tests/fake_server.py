"""The server of a fake service: connections, and how an answer goes out or does not."""

import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from fake_faults import Answer, Ending

_LONGEST_SILENCE = 30.0
"""Seconds; no client of a test waits longer."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, and how much of it the client gets."""

    answer: Answer
    ending: Ending


Replying = Callable[[str, str, Mapping[str, str], bytes], Reply]
"""What gives the reply to a method, a target, the headers and a body."""


class Server:
    """Serves on a free port of this machine from `serve` on, until the block ends; then all connections are closed."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._server = _Listening()
        self._server.over = self._over
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def serve(self, replying: Replying) -> None:
        self._server.replying = replying
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.close_connections()
        self._server.server_close()


class _Listening(ThreadingHTTPServer):
    daemon_threads = False  # so that closing waits for them
    request_queue_size = 128
    replying: Replying
    over: threading.Event

    def __init__(self) -> None:
        self._connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def finish_request(self, request: Any, client_address: Any) -> None:
        with suppress(OSError):  # the client went away
            super().finish_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """Wake the threads that wait for another request, so that they end."""
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    """The requests of one connection. An answer is one write, without the delay that two would meet."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    headers: Message
    server: _Listening

    def do_GET(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        reply = self.server.replying(self.command, self.path, dict(self.headers.items()), content)
        if reply.ending is Ending.SILENT:
            self.server.over.wait(_LONGEST_SILENCE)
        if reply.ending in {Ending.SILENT, Ending.CLOSED}:
            self.close_connection = True
        else:
            self._send(reply.answer, reply.ending)

    do_POST = do_PATCH = do_PUT = do_DELETE = do_GET  # noqa: N815  (what http.server calls)

    def _send(self, answer: Answer, ending: Ending) -> None:
        is_half = ending in {Ending.BROKEN, Ending.CUT}
        content = answer.content[: len(answer.content) // 2] if is_half else answer.content
        promised = answer.content if ending is Ending.CUT else content
        self.send_response_only(answer.status)  # the date is that of the clock
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(promised)))
        self.end_headers()
        self.wfile.write(content)
        self.close_connection = ending is Ending.CUT

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the same)
        """Say nothing."""
