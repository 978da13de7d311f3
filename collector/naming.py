"""Naming: which series a request belongs to."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

from soakwatch.core.series import UNKNOWN_SERVICE, Series
from soakwatch.core.settings import ServiceRule

MAX_LENGTH = 200
"""Longer names are shortened: they are an index key, and every window repeats them."""

_NAME_WITH_SERVICE = re.compile(r"(?P<service>[A-Za-z][\w.-]*):\s+(?P<endpoint>\S.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Naming:
    """How the requests of one test become series.

    The service is the request's `context["service"]`, else that of the first rule that matches method, name and host,
    else what stands before the colon of a name like `rag_service: /query`, else the host.
    """

    environment: str
    test: str
    host: str
    rules: Sequence[ServiceRule]

    def series(self, method: object, name: object, context: Mapping[str, Any] | None, url: object) -> Series:
        """Name the series of one request."""
        endpoint, verb = clean_name(name), clean_name(method)
        host = _host_of(url) or _host_of(self.host) or UNKNOWN_SERVICE
        split = _NAME_WITH_SERVICE.fullmatch(endpoint)
        service = service_in(context) or self._by_rule(verb, endpoint, host)
        if split and service in {None, split["service"]}:
            service, endpoint = split["service"], split["endpoint"]
        return Series(self.environment, self.test, service or host, verb, endpoint)

    def _by_rule(self, method: str, endpoint: str, host: str) -> str | None:
        for rule in self.rules:
            patterns = ((method, rule.method), (endpoint, rule.endpoint), (host, rule.host))
            if all(fnmatchcase(value, pattern) for value, pattern in patterns):
                return rule.name
        return None


def service_in(context: Mapping[str, Any] | None) -> str | None:
    """The service that a request's context names, if it does."""
    named = named_in(context, "service")
    return clean_name(named) if named else None


def named_in(context: object, key: str) -> object:
    """What a request's context has at `key`; None when there is nothing, or the context is of another kind."""
    try:
        return context.get(key) or None if isinstance(context, Mapping) else None
    except Exception:  # noqa: BLE001  (people's own mappings may raise anything)
        return None


def clean_name(name: object) -> str:
    """Text of `name` as a store can keep it: valid Unicode, at most 200 characters, long ones kept apart by a hash."""
    try:
        text = str(name).encode("utf-8", "replace").decode("utf-8")
    except Exception:  # noqa: BLE001  (people's own objects may raise anything)
        text = type(name).__name__
    if len(text) <= MAX_LENGTH:
        return text
    digest = hashlib.sha256(text.encode("utf-8")).hexdigest()[:8]
    return f"{text[: MAX_LENGTH - 10]}… {digest}"


def _host_of(url: object) -> str:
    try:
        parts = urlsplit(str(url or ""))
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    return clean_name(f"{host}:{port}" if port else host)
