"""Grafana's HTTP API, by the library grafana-api.

One method is one request, and nothing is ever asked twice: a second request to create would make a second annotation.
Of the library only the way of a request is used. It knows tokens and the statuses of errors, but neither annotations
that are regions nor versions of dashboards.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
from grafana_api.grafana_api import GrafanaException
from grafana_api.grafana_face import GrafanaFace
from pydantic import SecretStr

from soakwatch.grafana.api_errors import Asked, Said, translated


@dataclass(frozen=True, slots=True)
class Where:
    """Which Grafana, and by whose right: `token` is a service account's. A request may take `timeout` seconds."""

    url: str
    token: SecretStr
    timeout: int = 15


class GrafanaApi:
    """Requests to one Grafana. All methods raise SurfaceUnavailable and SurfaceRefused; `requests` counts them.

    `what` is what is asked for, for a sentence; `permission` is what a service account needs for it.
    """

    def __init__(self, where: Where) -> None:
        """Prepare; nothing is asked yet."""
        self.where = where
        self.requests = 0
        parts = urlsplit(where.url)
        prefix = parts.path.strip("/")
        self._api = GrafanaFace(
            where.token.get_secret_value(),
            host=parts.netloc,
            protocol=parts.scheme,
            url_path_prefix=f"{prefix}/" if prefix else "",
            timeout=where.timeout,
        ).api
        # where it went is for a person to decide about: requests would send a POST on as a GET
        self._api.s.max_redirects = 0
        self._api.s.headers["User-Agent"] = "soakwatch"
        self._api.s.hooks["response"] = [self._note]
        self._status = 0

    def get(self, path: str, what: str, permission: str, query: Iterable[tuple[str, str | int]] = ()) -> Any:  # noqa: ANN401  (any JSON)
        """Read what is at `path`. Raises NotThere."""
        asked = f"?{urlencode(list(query))}" if query else ""
        return self._ask(lambda: self._api.GET(path + asked), what, permission)

    def post(self, path: str, what: str, permission: str, body: object) -> Any:  # noqa: ANN401  (any JSON)
        """Make something. Raises Conflict where it, or another of its name or version, is there already."""
        return self._ask(lambda: self._api.POST(path, json=body), what, permission)

    def patch(self, path: str, what: str, permission: str, body: object) -> None:
        """Change a part of what is there. Raises NotThere."""
        self._ask(lambda: self._api.PATCH(path, json=body), what, permission)

    def delete(self, path: str, what: str, permission: str) -> None:
        """Take something away. Raises NotThere."""
        self._ask(lambda: self._api.DELETE(path), what, permission)

    def close(self) -> None:
        """Let go of connections."""
        self._api.s.close()

    def _ask(self, request: Callable[[], Any], what: str, permission: str) -> Any:  # noqa: ANN401  (any JSON)
        self.requests += 1
        asked = Asked(what, self.where.url, permission)
        try:
            return request()
        except GrafanaException as error:
            raise translated(Said(error.status_code, error.response), asked) from None
        except TypeError:
            # the library looks for a message in an error's page as in JSON, and fails where the word stands in it
            raise translated(Said(self._status, None), asked) from None
        except (requests.RequestException, ValueError) as error:
            raise translated(error, asked) from None

    def _note(self, answer: requests.Response, **_: object) -> None:
        self._status = answer.status_code
