"""Buckets: where InfluxDB keeps what, and for how long."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import ceil, isfinite
from typing import Self

from soakwatch.core.retention import Retention

_SHORTEST = 3_600
"""Seconds that InfluxDB keeps points at least."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket by its name. `keep` is how many seconds it keeps points, None for ever."""

    name: str
    keep: int | None


@dataclass(frozen=True, slots=True)
class Buckets:
    """The four buckets of a store, as they should be.

    `raw` holds windows, errors, load, tallies, health and arrivals, `minutes` roll-ups of one minute, `ten_minutes`
    those of ten and what is kept of each run, `for_ever` runs, deploys and the positions of passes.
    """

    raw: Bucket
    minutes: Bucket
    ten_minutes: Bucket
    for_ever: Bucket

    @classmethod
    def of(cls, name: str, retention: Retention) -> Self:
        """The buckets of the store whose bucket is called `name`."""
        return cls(
            Bucket(f"{name}_raw", _whole(retention.raw)),
            Bucket(f"{name}_1m", _whole(retention.minutes)),
            Bucket(f"{name}_10m", _whole(retention.ten_minutes)),
            Bucket(name, None),
        )

    def __iter__(self) -> Iterator[Bucket]:
        """All four."""
        return iter((self.raw, self.minutes, self.ten_minutes, self.for_ever))


@dataclass(frozen=True, slots=True)
class BucketChange:
    """A bucket that should be `wanted`; `found` is what it is, None where there is none."""

    wanted: Bucket
    found: Bucket | None


def changes(wanted: Iterable[Bucket], found: Iterable[Bucket]) -> list[BucketChange]:
    """What is missing or keeps its points for another time than it should."""
    known = {bucket.name: bucket for bucket in found}
    return [BucketChange(bucket, known.get(bucket.name)) for bucket in wanted if known.get(bucket.name) != bucket]


def _whole(seconds: float) -> int | None:
    return max(_SHORTEST, ceil(seconds)) if isfinite(seconds) else None
