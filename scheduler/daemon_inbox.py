"""The daemon's inbox: what Grafana and pipelines may tell the daemon over HTTP, and what they are answered.

Whoever may not tell it anything learns no more than that.
"""

import hmac
import logging
from collections.abc import Callable

from flask import Request, Response
from werkzeug.exceptions import RequestEntityTooLarge

from soakwatch.core.errors import StoreError, StoreUnavailable, UsageError
from soakwatch.core.tokens import variable_of
from soakwatch.scheduler.http_answer import says

LARGEST = 1_048_576
"""Bytes of one request's body."""

TRY_AGAIN = 30
"""Seconds after which it is worth to tell again what was not kept."""

logger = logging.getLogger(__name__)

Take = Callable[[bytes], str]
"""Keeps what a body says, and tells what that was.

Raises UsageError for what it cannot be, StoreUnavailable and StoreRefused where it is not kept.
"""


def taken(asked: Request, token: str, take: Take) -> Response:
    """Take what was sent, if who sent it knows `token`; nobody does where there is none."""
    refusal = _refusal(asked, token)
    if refusal is not None:
        return refusal
    try:
        return says(200, take(asked.get_data(cache=False)))
    except RequestEntityTooLarge:
        return says(413, f"a body may have {LARGEST:,} bytes")
    except UsageError as error:
        return says(400, str(error))
    except StoreError as error:
        logger.warning("%s was not taken: %s", asked.path, error)
        return _not_kept(error)


def _refusal(asked: Request, token: str) -> Response | None:
    if not token:
        return says(403, f"nobody may tell this daemon anything before it has a token; set {variable_of('http')}")
    if not _knows(asked, token):
        unknown = "the header Authorization must be `Bearer` and the token of [http]"
        return says(401, unknown, headers={"WWW-Authenticate": "Bearer"})
    if asked.content_length is None:
        return says(411, "a request must say how long its body is")
    return None


def _not_kept(error: StoreError) -> Response:
    if isinstance(error, StoreUnavailable):
        return says(503, "it could not be kept now; send it again", headers={"Retry-After": str(TRY_AGAIN)})
    return says(422, "it is refused for good where it would be kept; the daemon's log says why")


def _knows(asked: Request, token: str) -> bool:
    given = asked.headers.get("Authorization", "").encode("utf-8", errors="replace")
    return hmac.compare_digest(given, f"Bearer {token}".encode())
