"""Troubles with InfluxDB, told in our words: stable from try to try, and never with a token or headers in them."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus
from http.client import HTTPException
from textwrap import shorten

from influxdb_client.client.exceptions import InfluxDBError
from influxdb_client.rest import ApiException
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from soakwatch.core.errors import StoreError, StoreRefused, StoreUnavailable

_LONGEST = 300
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T[\d:.]+Z?")
_REFUSED = {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}
_NO_ORGANISATION = "organization name"
_UNKNOWN_TOKEN = {"unauthorized access", "Unauthorized"}


class Purpose(StrEnum):
    """What was asked of a bucket or of the server; reads as the end of `the token may not ...`."""

    WRITE = "write there"
    READ = "read there"
    ADMINISTER = "do that"


_ANOTHER_ONE = (
    "`soakwatch init --tokens` makes one that may; set SOAKWATCH_STORE__TOKEN or store.token_file to a token "
    "with that right"
)
_OTHER_TOKEN = {
    Purpose.WRITE: _ANOTHER_ONE,
    Purpose.READ: _ANOTHER_ONE,
    Purpose.ADMINISTER: "set SOAKWATCH_STORE__TOKEN or store.token_file to an operator's or an all-access token for it",
}
_NO_BUCKET = (
    "there is no such bucket or organisation, or the token does not see it; "
    "`soakwatch init --store influxdb` makes the buckets"
)
MISSING = {
    Purpose.WRITE: _NO_BUCKET,
    Purpose.READ: _NO_BUCKET,
    Purpose.ADMINISTER: "there is no such organisation, or the token does not see it; look at store.org, or "
    f"{_OTHER_TOKEN[Purpose.ADMINISTER]}",
}
"""What is said when something is not there, for each purpose."""


@contextmanager
def translated(place: str, purpose: Purpose) -> Iterator[None]:
    """Turn what influxdb-client and the network raise into our errors, which begin with `place`."""
    # never `from error`: influxdb-client puts the headers of an answer into its errors
    try:
        yield
    except ApiException as error:
        raise _of_answer(place, purpose, error) from None
    except InfluxDBError:
        raise StoreUnavailable(f"{place}: {MISSING[purpose]}") from None
    except (HTTPError, HTTPException, OSError) as error:
        raise StoreUnavailable(f"{place}: {_of_network(error)}") from None


def said(error: ApiException) -> str:
    """What the server said, in one line, without times."""
    text = str(error.message if error.body else error.reason)
    return shorten(_TIME.sub("...", text), _LONGEST, placeholder=" ...")


def _of_answer(place: str, purpose: Purpose, error: ApiException) -> StoreError:
    if error.status in _REFUSED and not _is_from_influxdb(error):
        answer = f"{error.status}: {said(error)}"
        return StoreUnavailable(f"{place}: what answers there ({answer}) is no InfluxDB; look at store.url")
    if error.status in _REFUSED and _NO_ORGANISATION not in said(error):
        return StoreRefused(f"{place}: refused for good ({error.status}): {said(error)}")
    return StoreUnavailable(f"{place}: {_sentence(purpose, error)}", _retry_after(error))


def _is_from_influxdb(error: ApiException) -> bool:
    """Whether it is InfluxDB that refuses, which says why as JSON: a port with TLS answers 400 as well.

    A body that is too large for a proxy in between stays too large.
    """
    if error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return True
    try:
        return "code" in json.loads(error.body)
    except (TypeError, ValueError):
        return False


def _sentence(purpose: Purpose, error: ApiException) -> str:
    match error.status:
        case HTTPStatus.UNAUTHORIZED if said(error) in _UNKNOWN_TOKEN:
            return "the server does not know the token; set SOAKWATCH_STORE__TOKEN or store.token_file to another one"
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return f"the token may not {purpose} ({said(error)}); {_OTHER_TOKEN[purpose]}"
        case HTTPStatus.NOT_FOUND | HTTPStatus.BAD_REQUEST:
            return MISSING[purpose]
        case HTTPStatus.TOO_MANY_REQUESTS:
            return "the server asks for fewer requests (429); it is tried again later"
        case 0 | None:
            return f"no safe connection: {said(error)}; mend the certificate, or store.url"
    return f"the server answers {_phrase(error.status)}; look at its log"


def _of_network(error: Exception) -> str:
    match error:
        case NameResolutionError():
            return "the host's name is not known; look at store.url"
        case NewConnectionError():
            return "nothing answers there; start InfluxDB, or look at store.url"
        case ConnectTimeoutError():
            return "no connection in time; is the server reachable from here?"
        case ReadTimeoutError() | TimeoutError():
            return "no answer in time; is the server overloaded? (store.timeout)"
        case SSLError():
            return "no safe connection; mend the certificate, or store.url"
        case _:
            return "the connection broke; it is tried again later"


def _phrase(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _retry_after(error: ApiException) -> float | None:
    """Seconds that the server asked to be left alone: the header has a number, or a date."""
    text = str(error.retry_after or "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    try:
        # by the server's own clock: ours may be another
        wait = parsedate_to_datetime(text) - parsedate_to_datetime(error.headers["Date"])
    except (KeyError, TypeError, ValueError):
        return None
    return max(0.0, wait.total_seconds())
