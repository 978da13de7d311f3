"""Histogram: response times in exponential buckets, mergeable without loss."""

import base64
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, repeat
from math import ceil, isfinite, log2
from operator import mul
from typing import Self

SCALE = 5
"""Buckets per power of two are 2 ** SCALE, as in OpenTelemetry's exponential histogram of this scale."""

BUCKETS_PER_OCTAVE = float(2**SCALE)
RELATIVE_ERROR = 2 ** (1 / 2 ** (SCALE + 1)) - 1
"""Largest relative error of a quantile: half a bucket on the log scale, 1.089 %."""

ENCODING_VERSION = 1

_SEVEN_BITS, _MORE_FOLLOWS = 0x7F, 0x80


def bucket_indexes(times: Iterable[float]) -> Iterator[int]:
    """Bucket index of each of `times`, which are positive and finite; bucket i holds (2**((i-1)/32), 2**(i/32)].

    All the work is done by C loops of the standard library, because this runs inside a load generator.
    The iterator raises ValueError or OverflowError at a time that is zero, negative, NaN or infinite.
    """
    return map(ceil, map(mul, map(log2, times), repeat(BUCKETS_PER_OCTAVE)))


@dataclass(frozen=True)
class Histogram:
    """Counts of response times in base-2 exponential buckets at scale 5, immutable.

    Guarantee: `quantile(q)` is within 1.1 % of the exact order statistic of rank ceil(q n), for any sample of
    non-negative times, also after merging in any order from any split and after `encode` and `decode`. Bucket
    boundaries are those of OpenTelemetry's exponential histogram (scale 5) and of Prometheus' native histogram
    (schema 5): each is 2**(1/32) times the last, so the geometric middle of a bucket is within 2**(1/64) - 1 = 1.089 %
    of everything in it (compare Masson, Rim and Lee, "DDSketch", VLDB 2019, section 2).

    Zero has a bucket of its own and comes back as exactly 0. Values are milliseconds by convention, anything from the
    smallest to the largest float works. NaN, infinite and negative values are no response times: `of` leaves them out.
    """

    zeros: int = 0
    buckets: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, times: Iterable[float]) -> Self:
        """Make a histogram of `times`; NaN, infinite and negative ones are left out."""
        usable = [time for time in times if isfinite(time) and time >= 0]
        positive = [time for time in usable if time > 0]
        return cls(len(usable) - len(positive), Counter(bucket_indexes(positive)))

    @classmethod
    def merge(cls, parts: Iterable[Self]) -> Self:
        """Add up histograms; order and grouping do not matter."""
        zeros = 0
        buckets: Counter[int] = Counter()
        for part in parts:
            zeros += part.zeros
            buckets.update(part.buckets)
        return cls(zeros, buckets)

    @cached_property
    def count(self) -> int:
        """How many times are in it."""
        return self.zeros + sum(self.buckets.values())

    def quantile(self, q: float) -> float | None:
        """Order statistic of rank ceil(q n), within 1.1 %; None when the histogram is empty.

        Raises ValueError when q is not within [0, 1]; q = 0 is the smallest value.
        """
        if not 0 <= q <= 1:
            raise ValueError(f"a quantile is between 0 and 1, not {q}")
        if not self.count:
            return None
        rank = max(1, ceil(q * self.count))
        seen = self.zeros
        if seen >= rank:
            return 0.0
        for index in sorted(self.buckets):
            seen += self.buckets[index]
            if seen >= rank:
                return bucket_middle(index)
        raise AssertionError("the counts of the buckets add up to the count of the histogram")

    def encode(self) -> str:
        """Write as base64 of varints: version, zeros, then the distance to the next bucket and its count in turn."""
        return base64.b64encode(bytes(chain.from_iterable(map(_varint, self._numbers())))).decode("ascii")

    def _numbers(self) -> Iterator[int]:
        yield ENCODING_VERSION
        yield self.zeros
        last = 0
        for index, count in sorted(self.buckets.items()):
            yield _zigzag(index - last)
            yield count
            last = index

    @classmethod
    def decode(cls, text: str) -> Self:
        """Read what `encode` wrote. Raises ValueError when `text` is something else."""
        numbers = list(_numbers_in(base64.b64decode(text, validate=True)))
        match numbers:
            case [version, zeros, *rest] if version == ENCODING_VERSION and len(rest) % 2 == 0:
                pass
            case _:
                raise ValueError(f"not a histogram of encoding {ENCODING_VERSION}: {text[:40]!r}")
        buckets: dict[int, int] = {}
        index = 0
        for distance, count in zip(rest[::2], rest[1::2], strict=True):
            index += _unzigzag(distance)
            buckets[index] = count
        return cls(zeros, buckets)

    def __eq__(self, other: object) -> bool:
        """Compare by content; a bucket with count zero is no bucket."""
        if not isinstance(other, Histogram):
            return NotImplemented
        return self.zeros == other.zeros and Counter(self.buckets) == Counter(other.buckets)

    __hash__ = None  # type: ignore[assignment]  # the buckets are a mapping


def bucket_middle(index: int) -> float:
    """Geometric middle of bucket `index`, in the unit of the values; never beyond the largest float."""
    return float(2.0 ** min((index - 0.5) / BUCKETS_PER_OCTAVE, 1023.999))


def _zigzag(number: int) -> int:
    return number * 2 if number >= 0 else -number * 2 - 1


def _unzigzag(number: int) -> int:
    return number // 2 if number % 2 == 0 else -(number + 1) // 2


def _varint(number: int) -> Iterator[int]:
    while number > _SEVEN_BITS:
        yield number & _SEVEN_BITS | _MORE_FOLLOWS
        number >>= 7
    yield number


def _numbers_in(data: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in data:
        number |= (byte & _SEVEN_BITS) << shift
        if byte & _MORE_FOLLOWS:
            shift += 7
        else:
            yield number
            number = shift = 0
    if shift:
        raise ValueError("a histogram ends in the middle of a number")
