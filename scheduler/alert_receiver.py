"""The alert receiver: an HTTP server that takes Grafana's notices, and answers before anything else is done.

It only writes what it was told into the ledger; issues are made of it by the next pass. Whoever may not tell us
anything learns no more than that.
"""

import hmac
import logging
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from flask import Flask, Request, Response, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.serving import WSGIRequestHandler, make_server

from soakwatch.core.alert import Alert
from soakwatch.core.errors import StoreError, UsageError
from soakwatch.scheduler.alert_notice import alerts_of

PATH = "/alerts"
LARGEST = 1_048_576
"""Bytes of one notice."""

logger = logging.getLogger(__name__)


class _Impatient(WSGIRequestHandler):
    """Does not wait for ever for what a client has promised."""

    timeout = 30.0


class AlertReceiver:
    """Serves `PATH` on `host` and `port` in threads of its own, for as long as the block lasts."""

    def __init__(self, host: str, port: int, app: Flask) -> None:
        """Listen already; answer from `__enter__` on. Raises UsageError where that cannot be listened on."""
        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it would write a line for each request
        try:
            self._server = make_server(host, port, app, threaded=True, request_handler=_Impatient)
        except (OSError, SystemExit) as error:
            raise UsageError(f"[webhook]: cannot listen on {host}, port {port}: {error}") from None
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.address = f"http://{host}:{self._server.server_port}{PATH}"
        """Where notices are to be sent."""

    def __enter__(self) -> Self:
        """Answer."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()


def receiving(token: str, take: Callable[[Sequence[Alert]], None], clock: Callable[[], float]) -> Flask:
    """The application: it gives to `take` what those who know `token` tell."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST

    @app.post(PATH)
    def alerts() -> Response:
        if not _may(request, token):
            return _says(401, "the header Authorization must be `Bearer` and the token of [webhook]")
        if request.content_length is None:
            return _says(411, "a notice must say how long it is")
        try:
            told = alerts_of(request.get_data(cache=False), clock())
            take(told)
        except RequestEntityTooLarge:
            return _says(413, f"a notice may have {LARGEST:,} bytes")
        except UsageError as error:
            return _says(400, str(error))
        except StoreError as error:
            logger.warning("alerts were not taken: %s", error)
            return _says(503, "the ledger does not take it now; Grafana sends it again")
        return _says(200, f"{len(told)} alerts were taken")

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Response:
        return _says(error.code or 500, f"notices are to be sent by POST to {PATH}")

    return app


def _may(asked: Request, token: str) -> bool:
    given = asked.headers.get("Authorization", "").encode("utf-8", errors="replace")
    return hmac.compare_digest(given, f"Bearer {token}".encode())


def _says(status: int, sentence: str) -> Response:
    return Response(f"{sentence}\n", status, content_type="text/plain; charset=utf-8")
