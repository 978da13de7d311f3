"""The connection to InfluxDB: requests through influxdb-client, with its troubles told in our words."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.domain.dialect import Dialect
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_client.service.write_service import WriteService

from soakwatch.core.errors import StoreUnavailable
from soakwatch.core.store_settings import StoreSection
from soakwatch.store.influx_errors import Purpose, translated

if TYPE_CHECKING:
    from urllib3 import HTTPResponse

_LEVEL = 3
"""Of compression: a tenth larger than at level 9, which influxdb-client takes, for a fifth of its time."""

_BLOCK = 1 << 20
"""Bytes of an answer that are looked at together."""

_PLAIN = Dialect(header=True, annotations=[], delimiter=",", date_time_format="RFC3339")


class InfluxConnection:
    """One server and organisation with one token, for one thread. Nothing is asked of the server before it is used."""

    def __init__(self, section: StoreSection) -> None:
        """Raises ConfigurationError where there is no token."""
        self._url, self.organisation = section.url.rstrip("/"), section.org
        # delivery tries again by itself, with back-off; `retries` of urllib3 would multiply its patience
        self.client = InfluxDBClient(
            self._url,
            section.read_token().get_secret_value(),
            org=section.org,
            timeout=round(section.timeout * 1000),
            retries=False,
        )
        self._writes = WriteService(self.client.api_client)

    @property
    def address(self) -> str:
        """The server and the organisation, for people."""
        return f"{self._url} (organisation {self.organisation!r})"

    def write(self, bucket: str, lines: bytes) -> None:
        """Write line protocol in one request. Raises StoreUnavailable and StoreRefused."""
        place = self.place(bucket)
        with translated(place, Purpose.WRITE):
            status = self.send(bucket, lines)
        if status != HTTPStatus.NO_CONTENT:
            raise StoreUnavailable(f"{place}: what answers there ({status}) is no InfluxDB; look at store.url")

    def send(self, bucket: str, lines: bytes) -> int:
        """Send line protocol in one request; the status of the answer. Raises what influxdb-client does."""
        # what WriteApi does when it is SYNCHRONOUS, which compresses at level 9 and does not tell the status
        _, status, _ = self._writes.post_write_with_http_info(
            *(self.organisation, bucket, gzip.compress(lines, _LEVEL)),
            content_encoding="gzip",
            content_type="text/plain; charset=utf-8",
            precision=WritePrecision.NS,
        )
        return int(status)

    def ask(self, bucket: str, query: str) -> Iterator[bytes]:
        """Ask a question in Flux about `bucket`; the answer comes as CSV without annotations, in blocks.

        Raises StoreUnavailable and StoreRefused.
        """
        with translated(self.place(bucket), Purpose.READ):
            answer: HTTPResponse = self.client.query_api().query_raw(query, dialect=_PLAIN)
            with _released(answer):
                # not `stream`: that hands out the server's own chunks, of a few hundred bytes each
                while block := answer.read(_BLOCK):
                    yield block

    def close(self) -> None:
        """Close all connections."""
        self.client.close()

    def place(self, bucket: str) -> str:
        """A bucket, for people."""
        return f"{self._url} (organisation {self.organisation!r}, bucket {bucket!r})"


@contextmanager
def _released(answer: "HTTPResponse") -> Iterator[None]:
    try:
        yield
    except BaseException:
        # the rest of the answer is not wanted: what was read halfway cannot serve for the next question
        answer.close()
        raise
    finally:
        answer.release_conn()
