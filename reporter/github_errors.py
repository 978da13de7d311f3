"""GitHub's errors, in words that say what to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import requests
from github import GithubException, RateLimitExceededException

from soakwatch.core.errors import SurfaceError, SurfaceRefused, SurfaceUnavailable

_PATIENCE, MOST_PATIENCE = 60.0, 3_600.0
"""Seconds to wait where GitHub asks for patience without saying how much, as its documentation advises; and at most,
because it counts by the hour."""


class IssueGone(SurfaceRefused):
    """This issue was deleted, or moved to where we do not see it."""


class IssueRefused(SurfaceRefused):
    """GitHub does not take this page or comment, and may take others."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of GitHub: to do `what`, in words; `number` is the issue, None where it is about none."""

    what: str
    repository: str
    api_url: str
    number: int | None = None

    def __str__(self) -> str:
        """For the beginning of a sentence."""
        which = "" if self.number is None else f" (#{self.number})"
        return f"GitHub ({self.api_url}, {self.repository}), asked to {self.what}{which}"


def translated(error: Exception, asked: Asked) -> SurfaceError:
    """What `error`, of PyGithub or of the way there, means for whoever asked."""
    if isinstance(error, RateLimitExceededException) or _is_throttled(error):
        return _throttled(error, asked)
    if isinstance(error, GithubException):
        return _answered(error, asked)
    if isinstance(error, requests.RequestException):
        return _on_the_way(error, asked)
    return SurfaceUnavailable(f"{asked}, answered with something that is no answer of GitHub's API")


def _on_the_way(error: requests.RequestException, asked: Asked) -> SurfaceError:
    if isinstance(error, requests.TooManyRedirects):
        return _moved(asked)
    if isinstance(error, requests.Timeout):
        return SurfaceUnavailable(f"{asked}, did not answer in time; the next pass looks whether it was done")
    if isinstance(error, requests.exceptions.SSLError):
        return SurfaceRefused(f"{asked}, has no certificate that is trusted here; see REQUESTS_CA_BUNDLE")
    if isinstance(error, requests.ConnectionError):
        return SurfaceUnavailable(f"{asked}, cannot be reached; is {asked.api_url} right, and the network there?")
    return SurfaceUnavailable(f"{asked}, answered with something that is no answer of GitHub's API")


def _answered(error: GithubException, asked: Asked) -> SurfaceError:
    status, says = error.status, _message(error)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status < HTTPStatus.BAD_REQUEST:
        return SurfaceUnavailable(f"{asked}, has trouble of its own (HTTP {status}); a later pass tries again")
    if asked.number is not None and status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE} and "disabled" not in says:
        return IssueGone(f"{asked}, has no such issue any more: {says}")
    if status == HTTPStatus.UNPROCESSABLE_ENTITY or (status == HTTPStatus.FORBIDDEN and "locked" in says.lower()):
        return IssueRefused(f"{asked}, refuses it: {says}")
    return SurfaceRefused(f"{asked}{_refusal(status, says)}")


def _moved(asked: Asked) -> SurfaceError:
    if asked.number is not None:
        return IssueGone(f"{asked}, says that it was moved")
    return SurfaceRefused(
        f"{asked}, says that this is somewhere else now; set GITHUB_REPOSITORY (or GITHUB_API_URL) to the new place"
    )


def _refusal(status: int, says: str) -> str:
    """Why, and what is to be done; the end of a sentence."""
    if status == HTTPStatus.UNAUTHORIZED:
        return f", does not take the token: {says}. It may have expired; set GITHUB_TOKEN to one that is valid"
    if status == HTTPStatus.NOT_FOUND:
        return (
            ", has no such repository, or does not show it to this token; GITHUB_REPOSITORY (or github.repository) is "
            "owner/name, and the token needs the right to its issues"
        )
    if status == HTTPStatus.GONE:
        return ": issues are disabled there; switch them on in the repository's settings"
    if status == HTTPStatus.FORBIDDEN and "archived" in says.lower():
        return ", refuses: the repository is archived, so nothing can be written there; name another"
    if status == HTTPStatus.FORBIDDEN:
        return (
            f", refuses: {says}. The token needs the right to write issues; in a workflow that is "
            "`permissions: issues: write`"
        )
    return f", refuses it (HTTP {status}): {says}"


def _message(error: GithubException) -> str:
    data = error.data
    says = data.get("message") if isinstance(data, dict) else None
    details = data.get("errors") if isinstance(data, dict) else None
    return f"{says or 'no reason given'}{f' ({details})' if details else ''}"[:500].rstrip(".")


def _is_throttled(error: Exception) -> bool:
    if not isinstance(error, GithubException):
        return False
    headers = error.headers or {}
    refused = error.status in {HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}
    return error.status == HTTPStatus.TOO_MANY_REQUESTS or (refused and "retry-after" in headers)


def _throttled(error: Exception, asked: Asked) -> SurfaceUnavailable:
    headers = error.headers or {} if isinstance(error, GithubException) else {}
    seconds = _seconds_to_wait(headers)
    return SurfaceUnavailable(f"{asked}, wants to be left alone for {seconds:.0f} s: that was too much", seconds)


def _seconds_to_wait(headers: Mapping[str, str]) -> float:
    """As docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api says."""
    after, reset = (_whole(headers.get(name, "")) for name in ("retry-after", "x-ratelimit-reset"))
    if after is not None:
        return min(after, MOST_PATIENCE)
    if headers.get("x-ratelimit-remaining") == "0" and reset is not None and (now := _moment_of(headers)):
        return min(max(1.0, reset - now), MOST_PATIENCE)
    return _PATIENCE


def _whole(number: str) -> float | None:
    return float(number) if number.isascii() and number.isdigit() else None


def _moment_of(headers: Mapping[str, str]) -> float | None:
    """GitHub's own clock: ours may be wrong."""
    try:
        return parsedate_to_datetime(headers.get("date", "")).timestamp()
    except ValueError:
        return None
