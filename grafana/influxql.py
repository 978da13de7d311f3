"""InfluxQL: asking InfluxDB 2 as Grafana does, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from textwrap import shorten
from typing import Any

import requests
from requests import exceptions as trouble

from soakwatch.core.errors import StoreRefused, StoreUnavailable
from soakwatch.core.store_settings import StoreSection

Cell = str | float | bool | None
"""One value of an answer."""

_LONGEST = 300
_PATIENCE = 60.0
"""Seconds for one query at least: a panel over months takes longer than a write, which store.timeout is meant for."""


@dataclass(frozen=True, slots=True)
class AnsweredSeries:
    """One series of an answer: its measurement, its tags where it was grouped by some, and its rows."""

    name: str
    columns: tuple[str, ...]
    values: tuple[tuple[Cell, ...], ...]
    tags: Mapping[str, str] = field(default_factory=dict)


class Influxql:
    """One server with one token; may be asked by several threads at once."""

    def __init__(self, section: StoreSection) -> None:
        """Raises ConfigurationError where there is no token."""
        self._section = section
        self._token = section.read_token().get_secret_value()
        self._session = requests.Session()

    def ask(self, query: str) -> tuple[AnsweredSeries, ...]:
        """Ask, and give the series of the first statement's answer; times are milliseconds since the epoch.

        Raises StoreUnavailable, and StoreRefused with InfluxDB's reason where the query is wrong.
        """
        try:
            # form data, as Grafana's POST: a query may be longer than an address
            answer = self._session.post(
                f"{self._section.url}/query",
                params={"db": self._section.bucket, "epoch": "ms"},
                data={"q": query},
                auth=self._with_token,
                timeout=max(self._section.timeout, _PATIENCE),
                allow_redirects=False,
            )
        except trouble.RequestException as error:
            raise StoreUnavailable(f"{self._section.address}: {_of_network(error)}") from None
        return self._read(answer)

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def _with_token(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        # as `auth`, because requests would put what a .netrc has for the host in the place of a header
        request.headers["Authorization"] = f"Token {self._token}"
        return request

    def _read(self, answer: requests.Response) -> tuple[AnsweredSeries, ...]:
        place = self._section.address
        try:
            document = answer.json()
            first = {} if document.get("error") else (document.get("results") or [{}])[0]
            said = document.get("error") or document.get("message") or first.get("error")
        except (ValueError, AttributeError, KeyError):
            raise StoreUnavailable(
                f"{place}: what answers there ({answer.status_code}) is no InfluxDB; look at store.url"
            ) from None
        if said or answer.status_code != HTTPStatus.OK:
            reason = shorten(str(said or answer.reason), _LONGEST, placeholder=" ...")
            raise _error(place, answer.status_code, reason)
        return tuple(_series(each) for each in first.get("series", ()))


def _series(document: dict[str, Any]) -> AnsweredSeries:
    return AnsweredSeries(
        document.get("name", ""),
        tuple(document["columns"]),
        tuple(map(tuple, document.get("values") or ())),
        document.get("tags") or {},
    )


def _error(place: str, status: int, reason: str) -> StoreUnavailable | StoreRefused:
    match status:
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return StoreUnavailable(
                f"{place}: the token may not read there ({reason}); set SOAKWATCH_STORE__TOKEN or store.token_file "
                "to one that may"
            )
        case HTTPStatus.OK | HTTPStatus.BAD_REQUEST | HTTPStatus.NOT_FOUND:
            return StoreRefused(f"{place}: the query is refused: {reason}")
    return StoreUnavailable(f"{place}: the server answers {status} ({reason}); look at its log")


def _of_network(error: trouble.RequestException) -> str:
    match error:
        case trouble.SSLError():
            return "no safe connection; mend the certificate, or store.url"
        case trouble.ConnectTimeout():
            return "no connection in time; is the server reachable from here?"
        case trouble.Timeout():
            return "no answer in time; ask for a shorter time, or look at the server's load"
        case trouble.ConnectionError():
            return "nothing answers there; start InfluxDB, or look at store.url"
    return "the connection broke; try again"
