"""Setting up InfluxDB: its buckets and tokens, and what a token may do there."""

from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Self

from influxdb_client.domain.authorization import Authorization
from influxdb_client.domain.bucket import Bucket as ServerBucket
from influxdb_client.domain.bucket_retention_rules import BucketRetentionRules
from influxdb_client.domain.permission import Permission
from influxdb_client.domain.permission_resource import PermissionResource
from influxdb_client.rest import ApiException
from influxdb_client.service.ping_service import PingService
from pydantic import SecretStr

from soakwatch.core.errors import StoreUnavailable
from soakwatch.core.store_settings import StoreSection
from soakwatch.store.flux import literal
from soakwatch.store.influx_buckets import Bucket, BucketChange, Buckets
from soakwatch.store.influx_connection import InfluxConnection
from soakwatch.store.influx_errors import MISSING, Purpose, said, translated

_NOTHING = b"# whether this token may write here\n"
"""A comment: the server looks at the token's rights, and writes nothing."""

_HOUR, _DAY, _HALF_A_YEAR = 3_600, 86_400, 182 * 86_400


class Role(StrEnum):
    """Whom a token is for.

    A WRITER (load generators) writes everything but roll-ups of one minute, and reads raw windows, because the end of a
    run compares what is stored with what was counted. A DAEMON reads and writes all four buckets. A READER (dashboards)
    reads them and writes nothing. None can make or delete anything else.
    """

    WRITER = "writer"
    DAEMON = "daemon"
    READER = "reader"


@dataclass(frozen=True, slots=True)
class BucketRights:
    """What a token may do with one bucket. `exists` is False where there is no such bucket."""

    bucket: str
    exists: bool
    reads: bool
    writes: bool


class InfluxSetup:
    """A server as its administrator sees it.

    All methods raise StoreUnavailable and StoreRefused; the message says which right the token lacks where it lacks
    one.
    """

    def __init__(self, connection: InfluxConnection) -> None:
        """Use `connect` instead."""
        self._connection = connection
        self._client = connection.client

    @classmethod
    def connect(cls, section: StoreSection) -> Self:
        """Use the server and the token of `section`; asks the server nothing yet. Raises ConfigurationError."""
        return cls(InfluxConnection(section))

    def version(self) -> str:
        """Version of the server, such as `v2.7.12`; needs no token."""
        return str(self._ping().get("X-Influxdb-Version", "unknown"))

    def server_time(self) -> float:
        """The server's clock, whole seconds since the epoch; needs no token."""
        return parsedate_to_datetime(self._ping()["Date"]).timestamp()

    def _ping(self) -> Any:  # noqa: ANN401  (urllib3's headers)
        with translated(self._connection.address, Purpose.READ):
            _, _, headers = PingService(self._client.api_client).get_ping_with_http_info(_return_http_data_only=False)
        if "X-Influxdb-Version" not in headers:
            raise StoreUnavailable(f"{self._connection.address}: what answers there is no InfluxDB; look at store.url")
        return headers

    def existing(self, wanted: Iterable[Bucket]) -> list[Bucket]:
        """Those of `wanted` that exist, as they are; only what the token may read is seen."""
        found = (self._find(bucket.name) for bucket in wanted)
        return [Bucket(one.name, _kept(one)) for one in found if one is not None]

    def apply(self, change: BucketChange) -> None:
        """Make the bucket, or change how long it keeps points."""
        keep = change.wanted.keep
        rules = BucketRetentionRules("expire", keep or 0, _per_file(keep))
        with translated(self._connection.address, Purpose.ADMINISTER):
            there = self._find(change.wanted.name)
            if there is None:
                self._client.buckets_api().create_bucket(
                    bucket_name=change.wanted.name, org=self._organisation(), retention_rules=[rules]
                )
            else:
                there.retention_rules = [rules]
                self._client.buckets_api().update_bucket(there)

    def rights(self, buckets: Iterable[Bucket]) -> list[BucketRights]:
        """What the token may do with each of `buckets`, found by trying, without writing anything."""
        return [self._rights(bucket.name) for bucket in buckets]

    def _rights(self, bucket: str) -> BucketRights:
        with translated(self._connection.place(bucket), Purpose.WRITE):
            writing = self._answer_to_nothing(bucket)
        return BucketRights(
            bucket,
            exists=writing != HTTPStatus.NOT_FOUND,
            reads=self._may_read(bucket),
            writes=writing == HTTPStatus.NO_CONTENT,
        )

    def _answer_to_nothing(self, bucket: str) -> int:
        try:
            return self._connection.send(bucket, _NOTHING)
        except ApiException as error:
            if error.status in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND} and "organization" not in said(error):
                return int(error.status)
            raise

    def _may_read(self, bucket: str) -> bool:
        query = f"from(bucket: {literal(bucket)}) |> range(start: time(v: 0), stop: time(v: 1)) |> limit(n: 1)"
        with translated(self._connection.place(bucket), Purpose.READ):
            try:
                self._client.query_api().query_raw(query).drain_conn()
            except ApiException as error:
                if error.status in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.UNAUTHORIZED}:
                    return False
                raise
        return True

    def create_token(self, role: Role, buckets: Buckets) -> SecretStr:
        """Make a token with the rights of `role` and nothing else. All `buckets` exist."""
        reads, writes = {
            Role.WRITER: ([buckets.raw], [buckets.raw, buckets.ten_minutes, buckets.for_ever]),
            Role.DAEMON: (list(buckets), list(buckets)),
            Role.READER: (list(buckets), []),
        }[role]
        with translated(self._connection.address, Purpose.ADMINISTER):
            organisation = self._organisation()
            permissions = [
                self._permission(action, bucket, organisation)
                for action, those in (("read", reads), ("write", writes))
                for bucket in those
            ]
            made = self._client.authorizations_api().create_authorization(
                authorization=Authorization(
                    org_id=organisation,
                    permissions=permissions,
                    description=f"soakwatch {role} ({buckets.for_ever.name})",
                )
            )
        return SecretStr(made.token)

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def __enter__(self) -> Self:
        """Use as a context manager that closes."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def _find(self, name: str) -> ServerBucket | None:
        with translated(self._connection.place(name), Purpose.ADMINISTER):
            try:
                found = self._client.buckets_api().find_buckets(name=name, org=self._connection.organisation).buckets
            except ApiException as error:
                if error.status == HTTPStatus.NOT_FOUND and "bucket" in said(error):
                    return None
                raise
        return found[0] if found else None

    def _organisation(self) -> str:
        """The organisation's id."""
        found = self._client.organizations_api().find_organizations(org=self._connection.organisation)
        if not found:
            raise StoreUnavailable(f"{self._connection.address}: {MISSING[Purpose.ADMINISTER]}")
        return str(found[0].id)

    def _permission(self, action: str, bucket: Bucket, organisation: str) -> Permission:
        there = self._find(bucket.name)
        if there is None:
            raise StoreUnavailable(f"{self._connection.place(bucket.name)}: {MISSING[Purpose.WRITE]}")
        return Permission(action, PermissionResource(type="buckets", id=there.id, org_id=organisation))


def _per_file(keep: int | None) -> int:
    """Seconds that InfluxDB keeps in one of its files (a shard), as it would choose for a new bucket."""
    if keep is None or keep >= _HALF_A_YEAR:
        return 7 * _DAY
    return _DAY if keep >= 2 * _DAY else _HOUR


def _kept(bucket: ServerBucket) -> int | None:
    rules = [rule.every_seconds for rule in bucket.retention_rules or [] if rule.every_seconds]
    return int(rules[0]) if rules else None
