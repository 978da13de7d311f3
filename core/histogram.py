"""Histogram: response times in exponential buckets, mergeable without loss."""

import base64
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, repeat
from math import ceil, isfinite, log2
from operator import mul
from typing import Self

SCALE = 5
"""Buckets per power of two are 2 ** SCALE, as in OpenTelemetry's exponential histogram of this scale."""

BUCKETS_PER_OCTAVE = float(2**SCALE)
RELATIVE_ERROR = 2 ** (1 / 2 ** (SCALE + 1)) - 1
"""Largest relative error of a quantile: half a bucket on the log scale, 1.089 %."""

ENCODING_VERSION = 1

_SIX_BITS, _SEVEN_BITS, _MORE_FOLLOWS = 0x3F, 0x7F, 0x80


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

    @property
    def count(self) -> int:
        """How many times are in it."""
        return self.zeros + sum(self.buckets.values())

    def quantile(self, q: float) -> float | None:
        """Order statistic of rank ceil(q n), within 1.1 %; None when the histogram is empty.

        Raises ValueError when q is not within [0, 1]; q = 0 is the smallest value.
        """
        return self.quantiles((q,))[0]

    def quantiles(self, qs: Sequence[float]) -> list[float | None]:
        """`quantile` of each of `qs`, for little more than the price of one."""
        indexes = sorted(self.buckets)
        # the rank of the last value in each bucket
        ends = list(accumulate([self.buckets[index] for index in indexes], initial=self.zeros))
        return [self._at_rank(_rank(q, ends[-1]), indexes, ends) if ends[-1] else None for q in qs]

    def _at_rank(self, rank: int, indexes: list[int], ends: list[int]) -> float:
        return 0.0 if rank <= self.zeros else bucket_middle(indexes[bisect_left(ends, rank) - 1])

    def encode(self) -> str:
        """Write as base64 of varints: version, zeros, then the distance to the next bucket and its count in turn."""
        # kept, because the spool and the store both want it; functools.cached_property takes a lock before Python 3.12,
        # which costs more than the encoding where gevent has patched it
        text: str | None = self.__dict__.get("_text")
        if text is None:
            text = self.__dict__["_text"] = base64.b64encode(self._bytes()).decode("ascii")
        return text

    def _bytes(self) -> bytes:
        # one loop rather than three small generators: this runs inside a load generator
        data = bytearray((ENCODING_VERSION,))
        _append_varint(data, self.zeros)
        last = 0
        for index, count in sorted(self.buckets.items()):
            distance = index - last
            last = index
            # most distances and counts fit into seven bits
            if 0 <= distance <= _SIX_BITS and count <= _SEVEN_BITS:
                data.append(2 * distance)
                data.append(count)
            else:
                _append_varint(data, _zigzag(distance))
                _append_varint(data, count)
        return bytes(data)

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


def _rank(q: float, count: int) -> int:
    if not 0 <= q <= 1:
        raise ValueError(f"a quantile is between 0 and 1, not {q}")
    return max(1, ceil(q * count))


def bucket_middle(index: int) -> float:
    """Geometric middle of bucket `index`, in the unit of the values; never beyond the largest float."""
    return float(2.0 ** min((index - 0.5) / BUCKETS_PER_OCTAVE, 1023.999))


def _zigzag(number: int) -> int:
    return number * 2 if number >= 0 else -number * 2 - 1


def _unzigzag(number: int) -> int:
    return number // 2 if number % 2 == 0 else -(number + 1) // 2


def _append_varint(data: bytearray, number: int) -> None:
    while number > _SEVEN_BITS:
        data.append(number & _SEVEN_BITS | _MORE_FOLLOWS)
        number >>= 7
    data.append(number)


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
