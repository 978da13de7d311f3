"""VersionWatch: a service's own word for its version, asked again and again."""

import base64
import json
import logging
import time
import urllib.request
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit, urlunsplit

from soakwatch.collector.naming import clean_name
from soakwatch.collector.trouble import Trouble
from soakwatch.core.deploy import Deploy
from soakwatch.core.errors import ServiceUnavailable
from soakwatch.core.settings import DeploySection

logger = logging.getLogger(__name__)

TIMEOUT = 5.0
"""Seconds that a service may take to answer."""

LONGEST_BODY = 65_536
"""Bytes of an answer that are read."""


class VersionWatch:
    """Asks the address of one [[deploy]] section for the version, and tells its changes.

    The address may hold credentials and secrets: of it, only host and path are ever shown or stored.
    """

    def __init__(self, section: DeploySection, environment: str) -> None:
        """Ask nothing yet."""
        self.interval = section.interval
        self._section = section
        self._environment = environment
        self._request, self._place = _request_for(section.version_url.get_secret_value())
        self._last: tuple[str, str] | None = None
        self._trouble = Trouble(logger, f"{self._place} says its version again")

    def look(self, clock: Callable[[], float]) -> Deploy | None:
        """Ask once, as `ask` does; what is wrong is logged, once."""
        try:
            deploy = self.ask(clock)
        except ServiceUnavailable as error:
            self._trouble.note(str(error))
            return None
        self._trouble.over()
        return deploy

    def ask(self, clock: Callable[[], float]) -> Deploy | None:
        """Ask once: the deploy, when this is the first answer or another one than before. Raises ServiceUnavailable."""
        try:
            found = self._found()
        except (OSError, ValueError, HTTPException) as error:
            reason = f"{self._place}: {_reason(error)}"
            raise ServiceUnavailable(f"the version of {self._section.service!r} is not known: {reason}") from error
        if found == self._last:
            return None
        self._last = found
        version, commit = found
        return Deploy(self._environment, self._section.service, clock(), version, commit, f"seen at {self._place}")

    def _found(self) -> tuple[str, str]:
        end = time.monotonic() + TIMEOUT
        with urllib.request.urlopen(self._request, timeout=TIMEOUT) as answer:  # noqa: S310  (http or https, held by the configuration; redirects lead to nothing else that can be read)
            body = _read_until(end, answer)
        return read_version(body, self._section.version_field, self._section.commit_field)


def _read_until(end: float, answer: HTTPResponse) -> bytes:
    """All of it. The timeout of a socket starts anew with each byte, so that another one is held here."""
    body = b""
    while part := answer.read1(LONGEST_BODY):
        body += part
        if len(body) > LONGEST_BODY:
            raise ValueError(f"the answer is longer than {LONGEST_BODY:,} bytes")
        if time.monotonic() > end:
            raise TimeoutError
    return body


def read_version(body: bytes, version_field: str = "", commit_field: str = "") -> tuple[str, str]:
    """Version and commit in an answer: JSON where a field is named, else a line of text.

    A field is a dotted path of keys and positions, `build.version` or `images.0.tag`. Raises ValueError that says what
    is missing.
    """
    text = body.decode("utf-8", errors="replace").strip()
    if not (version_field or commit_field):
        if not text or len(text.splitlines()) > 1:
            raise ValueError("the answer is not one line of text; set version_field if it is JSON")
        return clean_name(text), ""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("the answer is not JSON; leave version_field out if it is text") from None
    return _field(document, version_field), _field(document, commit_field)


def _field(document: Any, path: str) -> str:
    if not path:
        return ""
    for key in path.split("."):
        try:
            document = document[int(key) if isinstance(document, list) else key]
        except (LookupError, TypeError, ValueError):
            raise ValueError(f"the answer has no field {path!r}") from None
    if isinstance(document, dict | list) or document is None:
        raise ValueError(f"the field {path!r} of the answer is no text")
    return clean_name(str(document))


def _request_for(url: str) -> tuple[urllib.request.Request, str]:
    """The request, and host and path for people. Credentials go into a header, which no redirect carries on."""
    parts = urlsplit(url)
    credentials, _, host = parts.netloc.rpartition("@")
    request = urllib.request.Request(urlunsplit((parts.scheme, host, parts.path, parts.query, "")))  # noqa: S310  (http or https, held by the configuration)
    if credentials:
        encoded = base64.b64encode(unquote(credentials).encode()).decode("ascii")
        request.add_unredirected_header("Authorization", f"Basic {encoded}")
    return request, urlunsplit((parts.scheme, host, parts.path, "", ""))


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {TIMEOUT:g} s"
    if isinstance(error, HTTPError):
        return f"it answers {error.code}"
    return str(getattr(error, "reason", None) or error) or type(error).__name__
