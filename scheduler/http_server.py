"""The HTTP server: serves an application in threads of its own, and lets no client keep it busy.

What is read of a request has to arrive within seconds, all of it, and there are only so many requests at once; who
comes when there are more is hung up on.
"""

import io
import logging
import socket
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from flask import Flask
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from soakwatch.core.errors import UsageError

PATIENCE = 5.0
"""Seconds in which a request has to arrive, and in which its answer has to be taken."""

MOST_AT_ONCE = 64
"""Requests that are answered at the same time."""

_LAST_ANSWERS = 2.0
"""Seconds that requests which are under way have to be answered in the end."""


class DaemonServer:
    """Serves `app` on `host` and `port` for as long as the block lasts."""

    def __init__(self, host: str, port: int, app: Flask) -> None:
        """Listen already; answer from `__enter__` on. Raises UsageError where that cannot be listened on."""
        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it would write a line for each request
        with _listening(host, port) as listener:
            self._server = _Server(host, port, app, _Impatient, fd=listener.fileno())
        # how long the end of the block waits at most
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True, name="http")
        self.address = f"http://{f'[{host}]' if ':' in host else host}:{self._server.port}"
        """Where it answers; paths follow."""

    def __enter__(self) -> Self:
        """Answer."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End, when what was asked before has been answered, but soon."""
        self._server.shutdown()
        self._server.wait_for_answers(_LAST_ANSWERS)


class _Server(ThreadedWSGIServer):
    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401  (werkzeug's)
        super().__init__(*args, **options)
        self._slots = threading.BoundedSemaphore(MOST_AT_ONCE)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401  (socketserver's)
        """Answer in a thread, unless too many are being answered."""
        if not self._slots.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:  # no thread could be started
            self._slots.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401  (socketserver's)
        """Answer, in the thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401  (socketserver's)
        """Say nothing of clients that hang up; the application says what goes wrong with itself."""

    def wait_for_answers(self, seconds: float) -> None:
        """Until nothing is being answered; not longer than `seconds`."""
        end = time.monotonic() + seconds
        for _ in range(MOST_AT_ONCE):
            if not self._slots.acquire(timeout=max(0.0, end - time.monotonic())):
                return


class _Impatient(WSGIRequestHandler):
    """Does not wait for what a client has promised, nor for one that does not take its answer."""

    timeout = PATIENCE

    def setup(self) -> None:
        """Read from what gives up in time."""
        super().setup()
        self.rfile.close()
        self.rfile = io.BufferedReader(_UntilDeadline(self.connection, PATIENCE))

    def log_error(self, *_: object) -> None:
        """Say nothing of what is no request, or does not arrive: whoever can connect could fill the log with it."""

    def version_string(self) -> str:
        """What is answering; of which version is nobody's business."""
        return "soakwatch"


class _UntilDeadline(io.RawIOBase):
    """What arrives at a connection within so many seconds from now; a slow trickle does not prolong them."""

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self._connection = connection
        self._deadline = time.monotonic() + seconds

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401  (any buffer)
        """Read what is there, or wait for it until the deadline. Raises TimeoutError then."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request did not arrive in time")
        self._connection.settimeout(left)
        try:
            return self._connection.recv_into(buffer)
        finally:
            with suppress(OSError):
                self._connection.settimeout(PATIENCE)


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise UsageError(f"[http]: cannot listen on {host}, port {port}: {error}") from None
