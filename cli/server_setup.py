"""Server setup: the buckets and tokens that `soakwatch init --store influxdb` makes."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from soakwatch.core.configuration import Configuration
from soakwatch.core.errors import UsageError
from soakwatch.store.influx_buckets import Bucket, BucketChange, Buckets, changes
from soakwatch.store.influx_projection import InfluxProjection
from soakwatch.store.influx_setup import InfluxSetup, Role

_DAY = 86_400

FOR_WHOM = {
    Role.WRITER: "load generators, which write windows and runs",
    Role.DAEMON: "roll-ups, comparisons and reports, which read and write all",
    Role.READER: "dashboards, which read all and write nothing",
}


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is to be done beside making what is missing. Tokens go to files in `tokens`; None makes no tokens."""

    update_retention: bool = False
    tokens: Path | None = None
    dry_run: bool = False


def set_up(configuration: Configuration, wishes: Wishes) -> Iterator[str]:
    """Make what is missing on the server; gives a sentence for each thing when it is done, or would be.

    Raises ConfigurationError, UsageError, and StoreUnavailable that says which right the token lacks.
    """
    buckets = Buckets.of(configuration.store.bucket, configuration.retention.seconds)
    with InfluxSetup.connect(configuration.store) as server:
        planned = changes(buckets, server.existing(buckets))
        if not planned:
            yield f"all buckets are there as they should be: {', '.join(bucket.name for bucket in buckets)}"
        for change in planned:
            if (change.found is None or wishes.update_retention) and not wishes.dry_run:
                server.apply(change)
            yield describe(change, wishes)
        if wishes.tokens is not None:
            for role in Role:
                yield _token(server, role, buckets, wishes)
    if not wishes.dry_run:
        with InfluxProjection.connect(configuration.store, configuration.retention.seconds) as projection:
            # nothing but what dashboards choose their resolution by: they show runs before any daemon is there
            projection.write([])


def describe(change: BucketChange, wishes: Wishes) -> str:
    """What happens to a bucket, as a sentence."""
    wanted, found = change.wanted, change.found
    would = "would have " if wishes.dry_run else ""
    if found is None:
        return f"{would}made bucket {wanted.name!r}, which keeps points {_length(wanted)}"
    if wishes.update_retention:
        loss = "; what is older is deleted" if _is_shorter(wanted, found) else ""
        return f"{would}changed bucket {wanted.name!r}: it keeps points {_length(wanted)}, not {_length(found)}{loss}"
    return f"{difference(change)}; left as it is, as --update-retention was not given"


def difference(change: BucketChange) -> str:
    """How long a bucket keeps points, how long it should, and what changing that costs."""
    wanted, found = change.wanted, change.found or change.wanted
    loss = ", which would delete what is older" if _is_shorter(wanted, found) else ""
    return f"bucket {wanted.name!r} keeps points {_length(found)}, and should {_length(wanted)}{loss}"


def _is_shorter(wanted: Bucket, found: Bucket) -> bool:
    return wanted.keep is not None and (found.keep is None or wanted.keep < found.keep)


def _length(bucket: Bucket) -> str:
    return "for ever" if bucket.keep is None else f"{bucket.keep / _DAY:g} days"


def _token(server: InfluxSetup, role: Role, buckets: Buckets, wishes: Wishes) -> str:
    file = (wishes.tokens or Path()) / f"soakwatch-{role}.token"
    if file.exists():
        return f"{file} is there already, and was left alone; delete it, and its token in InfluxDB, to make another"
    if not wishes.dry_run:
        _write_secret(file, lambda: server.create_token(role, buckets).get_secret_value())
    would = "would have written" if wishes.dry_run else "wrote"
    use = "give it to Grafana" if role is Role.READER else "name it as store.token_file"
    return f"{would} {file}, a token for {FOR_WHOM[role]}; {use}"


def _write_secret(file: Path, make: Callable[[], str]) -> None:
    # the file comes first: a token that nobody has written down could not be found again to be revoked
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as opened:
            opened.write(f"{make()}\n")
    except BaseException:
        with suppress(OSError):
            file.unlink()
        raise
