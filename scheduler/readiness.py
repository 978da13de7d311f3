"""Readiness: whether the target answers before load is put on it."""

import http.client
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from soakwatch.core.errors import UsageError

FALLBACK_PATH = "/"

_SERVER_ERRORS = 500
_LONGEST_ANSWER = 5.0
_RETRY_INTERVAL = 0.25


@dataclass(frozen=True, slots=True)
class Target:
    """The host under test, and the path that says whether it is ready."""

    scheme: str
    name: str
    port: int | None
    base: str
    ready_path: str

    @classmethod
    def parse(cls, host: str, ready_path: str) -> "Target":
        """Read the address as Locust's --host has it. Raises UsageError when it is none."""
        try:
            parts, port = urlsplit(host), urlsplit(host).port
        except ValueError:
            parts, port = SplitResult("", "", "", "", ""), None
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise UsageError(f"--host {without_credentials(host)!r} is no address such as http://localhost:8000")
        if not ready_path.startswith("/") or not ready_path.isascii() or not ready_path.isprintable():
            raise UsageError(f"--ready-path {ready_path!r} is no path such as /healthz")
        return cls(parts.scheme, parts.hostname, port, parts.path.rstrip("/"), ready_path)

    @property
    def urls(self) -> Sequence[str]:
        """What is tried, without credentials."""
        return [f"{self.scheme}://{self._place}{path}" for path in self.paths]

    @property
    def paths(self) -> Sequence[str]:
        """What is asked for, in order."""
        return list(dict.fromkeys(self.base + path for path in (self.ready_path, FALLBACK_PATH)))

    @property
    def _place(self) -> str:
        name = f"[{self.name}]" if ":" in self.name else self.name
        return name if self.port is None else f"{name}:{self.port}"

    def ask(self, path: str, timeout: float) -> str:
        """What is wrong with the answer to a GET of `path`; nothing when there is one below 500."""
        # no proxy and no redirect is followed: the question is whether this host answers
        connection = self._connection(timeout)
        try:
            connection.request("GET", path.replace(" ", "%20"), headers={"User-Agent": "soakwatch"})
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            return str(error) or type(error).__name__
        finally:
            connection.close()
        return f"HTTP {status}" if status >= _SERVER_ERRORS else ""

    def _connection(self, timeout: float) -> http.client.HTTPConnection:
        if self.scheme == "http":
            return http.client.HTTPConnection(self.name, self.port, timeout=timeout)
        # staging has certificates of its own making; nothing is sent that they would have to protect
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return http.client.HTTPSConnection(self.name, self.port, timeout=timeout, context=context)


def without_credentials(host: str) -> str:
    """The address without the user and password in it."""
    scheme, separator, rest = host.partition("://")
    place, slash, path = rest.partition("/")
    return f"{scheme}{separator}{place.rpartition('@')[2]}{slash}{path}"


def problem_with(target: Target, patience: float, pause: Callable[[float], None], stopped: Callable[[], object]) -> str:
    """What keeps `target` from being ready after `patience` seconds, with what was tried; nothing when it is ready.

    Nothing is asked where `patience` is 0. Between two tries `pause` is called; `stopped` ends the waiting.
    """
    if not patience:
        return ""
    until = time.monotonic() + patience
    while problems := _problems(target, until):
        if stopped() or time.monotonic() >= until:
            tried = ", ".join(f"{url}: {problem}" for url, problem in zip(target.urls, problems, strict=True))
            return f"the target was not ready within {patience:g} s (GET {tried})"
        pause(min(_RETRY_INTERVAL, max(0.0, until - time.monotonic())))
    return ""


def _problems(target: Target, until: float) -> list[str]:
    """What is wrong with each of the target's paths; nothing when one of them answers."""
    problems = []
    for path in target.paths:
        timeout = min(_LONGEST_ANSWER, max(_RETRY_INTERVAL, until - time.monotonic()))
        problem = target.ask(path, timeout)
        if not problem:
            return []
        problems.append(problem)
    return problems
