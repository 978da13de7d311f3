"""Failures: what kind of error a failed request was, with a sample message that is fit to be kept."""

import re

from soakwatch.collector.naming import clean_name

MAX_SAMPLE = 200
_FIRST_ERROR_STATUS = 400

_SECRETS = (
    (re.compile(r"(?<=://)[^/\s]+@"), "***@"),
    (re.compile(r"\?[^\s'\")]*"), "?..."),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+"), r"\1 ***"),
    (
        # bounded, and without what stands before the word: this must stay linear, it runs inside the event loop
        re.compile(
            r"(?i)((?:token|password|secret|api[_-]?key|authorization)[\w-]{0,40}[\"']?\s*[=:]\s*)"
            r"(?:\"[^\"]*\"|'[^']*'|[^\s,;&]+)"
        ),
        r"\1***",
    ),
    (re.compile(r"\b0x[0-9a-fA-F]+\b"), "0x..."),
)


_UNANSWERED = ("ConnectionRefusedError", "ConnectionError", "ConnectTimeout", "ConnectionTimeout", "gaierror",
               "NewConnectionError", "NoRouteToHost", "No route to host", "Network is unreachable", "timed out",
               "TimeoutError", "Connection refused", "Name or service not known")  # fmt: skip
"""Parts of what the clients' errors say where nobody answered."""


def kind_of(exception: object, response: object) -> str:
    """`HTTP 503` where the response's status says it, else the class of the exception."""
    for carrier in (response, _attribute(exception, "response")):
        status = _attribute(carrier, "status_code")
        if isinstance(status, int) and status >= _FIRST_ERROR_STATUS:
            return f"HTTP {status}"
    return clean_name(type(exception).__name__)


def _attribute(carrier: object, name: str) -> object:
    try:
        return getattr(carrier, name, None)
    except Exception:  # noqa: BLE001  (a property of somebody's own class must not hurt the test)
        return None


def sample_of(exception: object) -> str:
    """The message on one line, without credentials, query strings and addresses, at most 200 characters."""
    try:
        text = " ".join(str(exception)[: 20 * MAX_SAMPLE].split())
    except Exception as error:  # noqa: BLE001  (a message that cannot be printed must not hurt the test)
        text = f"(no message: {type(error).__name__})"
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    text = text.encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= MAX_SAMPLE else text[: MAX_SAMPLE - 1] + "…"


def is_unanswered(error: str) -> bool:
    """Whether what Locust keeps of an error says that nobody answered."""
    return any(part in error for part in _UNANSWERED)
