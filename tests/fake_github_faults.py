"""Faults of GitHub: what it answers on a bad day."""

from collections.abc import Mapping

from fake_faults import Answer, Fault
from fake_github_json import refusal


def unavailable(status: int = 503, *, is_done: bool = False) -> Fault:
    """500, 502 or 503 from the servers in front, which is a page and no JSON."""
    page = b"<html><body>Unicorn! We had issues producing the response to your request.</body></html>"
    done = "after" if is_done else "before"
    return Fault(f"{status} {done}", is_done, answer=Answer(status, page, {"content-type": "text/html"}))


def rate_limited(reset: float) -> Fault:
    """The primary limit until `reset`, in seconds since 1970 (docs.github.com/en/rest/using-the-rest-api/rate-limits-
    for-the-rest-api, "Exceeding the rate limit"): 403 or 429, x-ratelimit-remaining 0.
    """
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-used": "5000", "x-ratelimit-reset": str(int(reset))}
    message = "API rate limit exceeded for user ID 7. If you reach out to GitHub Support for help, please tell them."
    return Fault("rate limited", is_done=False, answer=_refusal(403, message, headers))


def slowed_down(retry_after: int | None = 60, status: int = 403) -> Fault:
    """A secondary limit: 403 or 429, with retry-after or, None, without (the same page); too much at once."""
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    message = (
        "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. "
        "If you reach out to GitHub Support for help, please include the request ID."
    )
    return Fault("slowed down", is_done=False, answer=_refusal(status, message, headers))


def _refusal(status: int, message: str, headers: Mapping[str, str]) -> Answer:
    return Answer(status, refusal(status, message), headers)
