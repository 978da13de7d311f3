"""A service that says its version, as `[[deploy]]` asks for it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from soakwatch.collector.version_watch import VersionWatch
from soakwatch.core.settings import DeploySection


@dataclass
class Service:
    """A service that says its version; `asked` are the Authorization headers it was sent."""

    port: int = 0
    body: bytes = b"1.0"
    code: int = 200
    location: str = ""
    asked: list[str | None] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/version"

    def watch(self, url: str = "", **more: str) -> VersionWatch:
        return VersionWatch(DeploySection.model_validate({"version_url": url or self.url, **more}), "staging")


@contextmanager
def serving(service: Service) -> Iterator[Service]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            service.asked.append(self.headers["Authorization"])
            self.send_response(service.code)
            if service.location:
                self.send_header("Location", service.location)
            self.send_header("Content-Length", str(len(service.body)))
            self.end_headers()
            self.wfile.write(service.body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    service.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
