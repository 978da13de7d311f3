"""Grafana's errors, in words that say what to do."""

from dataclasses import dataclass
from http import HTTPStatus

import requests

from soakwatch.core.errors import SurfaceError, SurfaceRefused, SurfaceUnavailable

_PATIENCE = 60.0
"""Seconds to wait where Grafana, or what is in front of it, has had too many requests."""

_LONGEST = 300


class NotThere(SurfaceRefused):
    """There is nothing at this place, or nothing that this token may see."""


class Conflict(SurfaceRefused):
    """Somebody else has changed it, or made it, in the meantime."""


class NotTaken(SurfaceRefused):
    """Grafana does not take this one, and may take others."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of the Grafana at `url`: to do `what`, for which a service account needs `permission`."""

    what: str
    url: str
    permission: str

    def __str__(self) -> str:
        """For the beginning of a sentence."""
        return f"Grafana ({self.url}), asked to {self.what}"


@dataclass(frozen=True, slots=True)
class Said:
    """An answer that is an error; `response` is its JSON, or its text where it has none."""

    status: int
    response: object

    @property
    def is_of_grafana(self) -> bool:
        """Whether Grafana itself said it, and not a server before it."""
        return isinstance(self.response, dict) and bool(self.response.get("message"))

    @property
    def message(self) -> str:
        """Why, for the middle of a sentence, on one line."""
        said = self.response.get("message") if isinstance(self.response, dict) else None
        line = " ".join(str(said or "no reason given").split())
        return line[:_LONGEST].rstrip(".")


def translated(error: Said | Exception, asked: Asked) -> SurfaceError:
    """What `error`, an answer or a trouble on the way, means for whoever asked."""
    if isinstance(error, Said):
        return _answered(error, asked)
    if isinstance(error, requests.TooManyRedirects):
        return SurfaceRefused(
            f"{asked}, says that this is somewhere else; set grafana.url to where it is, with https and its path"
        )
    if isinstance(error, requests.Timeout):
        return SurfaceUnavailable(f"{asked}, did not answer in time; the next pass looks whether it was done")
    if isinstance(error, requests.exceptions.SSLError):
        return SurfaceRefused(f"{asked}, has no certificate that is trusted here; see REQUESTS_CA_BUNDLE")
    if isinstance(error, requests.ConnectionError):
        return SurfaceUnavailable(f"{asked}, cannot be reached; is {asked.url} right, and the network there?")
    return no_answer(asked)


def no_answer(asked: Asked) -> SurfaceUnavailable:
    """What is there speaks HTTP, and is no Grafana, or half of an answer came."""
    return SurfaceUnavailable(
        f"{asked}, answered with something that is no answer of Grafana's API; is grafana.url right?"
    )


def _answered(said: Said, asked: Asked) -> SurfaceError:
    if said.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return SurfaceUnavailable(f"{asked}, has trouble of its own (HTTP {said.status}); try again later")
    if said.status == HTTPStatus.TOO_MANY_REQUESTS:
        return SurfaceUnavailable(f"{asked}, wants to be left alone for {_PATIENCE:.0f} s", _PATIENCE)
    if said.status == HTTPStatus.UNAUTHORIZED:
        return SurfaceRefused(
            f"{asked}, does not take the token: {said.message}. Set SOAKWATCH_GRAFANA__TOKEN (or grafana.token_file) "
            "to the token of a service account of this Grafana that has not expired"
        )
    if said.status == HTTPStatus.FORBIDDEN:
        return SurfaceRefused(
            f"{asked}, refuses: {said.message}. The service account needs the permission {asked.permission}; "
            "the role Editor has it"
        )
    return _about_this_one(said, asked)


def _about_this_one(said: Said, asked: Asked) -> SurfaceError:
    if said.status == HTTPStatus.NOT_FOUND and said.is_of_grafana:
        return NotThere(f"{asked}, has no such thing: {said.message}; is grafana.url right, with its path?")
    if said.status == HTTPStatus.NOT_FOUND:
        return SurfaceRefused(f"{asked}, is not there (HTTP 404, not Grafana's); is grafana.url right, with its path?")
    if said.status in {HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED}:
        return Conflict(f"{asked}, refuses: {said.message}; somebody was quicker, so look at it and try again")
    return NotTaken(f"{asked}, refuses it (HTTP {said.status}): {said.message}")
