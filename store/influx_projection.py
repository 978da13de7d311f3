"""The projection for Grafana: what was decided, in the buckets of an InfluxDB 2 server."""

from collections import defaultdict
from collections.abc import Sequence

from soakwatch.core.errors import StoreRefused
from soakwatch.core.judgement import Judgement, ServiceVerdict
from soakwatch.core.pass_account import PassAccount
from soakwatch.core.retention import Retention
from soakwatch.core.shown_incident import ShownIncident
from soakwatch.core.store_settings import StoreSection
from soakwatch.store.influx_buckets import Bucket, Buckets
from soakwatch.store.influx_connection import InfluxConnection
from soakwatch.store.projected_lines import projected_line, resolution_lines
from soakwatch.store.projection import Projected, Projection

_AT_ONCE = 5_000
"""Points of one request, of some 250 bytes each."""


class InfluxProjection(Projection):
    """Writes to the server and the buckets of a store. Each object is for one thread at a time."""

    def __init__(self, connection: InfluxConnection, buckets: Buckets) -> None:
        """Use `connect` instead."""
        self._connection = connection
        self._buckets = buckets
        self._has_resolutions = False

    @classmethod
    def connect(cls, section: StoreSection, retention: Retention) -> "InfluxProjection":
        """Use the server of `section`; asks it nothing yet. Raises ConfigurationError where there is no token."""
        return cls(InfluxConnection(section), Buckets.of(section.bucket, retention))

    def write(self, points: Sequence[Projected]) -> None:
        """Show `points`; at the first time also what dashboards choose their resolution by."""
        if not self._has_resolutions:
            self._connection.write(self._buckets.for_ever.name, "\n".join(resolution_lines()).encode())
            self._has_resolutions = True
        for start in range(0, len(points), _AT_ONCE):
            self._write(points[start : start + _AT_ONCE])

    def _write(self, points: Sequence[Projected]) -> None:
        lines: defaultdict[str, list[bytes]] = defaultdict(list)
        for point in points:
            try:
                lines[self._bucket_of(point).name].append(projected_line(point).encode())
            except ValueError as error:
                raise StoreRefused(f"{self._connection.address}: this cannot be shown: {error}") from error
        for bucket, of_bucket in lines.items():
            self._connection.write(bucket, b"\n".join(of_bucket))

    def _bucket_of(self, point: Projected) -> Bucket:
        match point:
            case PassAccount():
                return self._buckets.raw
            case Judgement() | ServiceVerdict() | ShownIncident():
                return self._buckets.ten_minutes
            case _:
                return self._buckets.for_ever

    def close(self) -> None:
        """Close all connections."""
        self._connection.close()
