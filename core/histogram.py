"""Histogram: response times in exponential buckets, mergeable without loss."""

import re
from base64 import b64decode
from binascii import b2a_base64
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain, repeat
from math import ceil, isfinite, log2
from operator import mul, sub
from typing import Self

SCALE = 5
"""Buckets per power of two are 2 ** SCALE, as in OpenTelemetry's exponential histogram of this scale."""

BUCKETS_PER_OCTAVE = float(2**SCALE)
RELATIVE_ERROR = 2 ** (1 / 2 ** (SCALE + 1)) - 1
"""Largest relative error of a quantile: half a bucket on the log scale, 1.089 %."""

ENCODING_VERSION = 2

_VARINTS = 1
"""The version before, which may still be in stores and files."""

_SEVEN_BITS, _MORE_FOLLOWS = 0x7F, 0x80
_LARGEST_LENGTH = 100
"""Binary digits of the largest number that a code holds."""


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
        ends = list(accumulate(map(self.buckets.__getitem__, indexes), initial=self.zeros))
        return [self._at_rank(_rank(q, ends[-1]), indexes, ends) if ends[-1] else None for q in qs]

    def _at_rank(self, rank: int, indexes: list[int], ends: list[int]) -> float:
        return 0.0 if rank <= self.zeros else bucket_middle(indexes[bisect_left(ends, rank) - 1])

    def encode(self) -> str:
        """Write as base64 of a byte for the version, and bits.

        The bits are a 1, then Elias gamma codes (Elias 1975) of one more than the zeros, and for each bucket of the
        distance to the last one and of its count. Both are mostly small, so that a bucket takes less than a byte. The
        first bucket's distance, to 0, may be negative: it is written as its zigzag number, plus 1.
        """
        # kept, because the spool and the store both want it; functools.cached_property takes a lock before Python 3.12,
        # which costs more than the encoding where gevent has patched it
        text: str | None = self.__dict__.get("_text")
        if text is None:
            text = self.__dict__["_text"] = b2a_base64(self._bytes(), newline=False).decode("ascii")
        return text

    def _bytes(self) -> bytes:
        # a text of zeros and ones made by loops in C, and one conversion: this runs inside a load generator
        buckets = self.buckets if all(self.buckets.values()) else {i: n for i, n in self.buckets.items() if n}
        indexes = sorted(buckets)
        distances = chain(map(_zigzag_from_1, indexes[:1]), map(sub, indexes[1:], indexes))
        numbers = chain.from_iterable(zip(distances, map(buckets.__getitem__, indexes), strict=True))
        codes = map(_CODES.__getitem__, chain((self.zeros + 1,), numbers))
        bits = "1" + "".join(codes)
        return bytes((ENCODING_VERSION,)) + int(bits, 2).to_bytes((len(bits) + 7) // 8, "big")

    @classmethod
    def decode(cls, text: str) -> Self:
        """Read what `encode` wrote, also before version 2. Raises ValueError when `text` is something else."""
        data = b64decode(text, validate=True)
        match data[:1]:
            case b"\x01":
                zeros, *rest = _varints_in(data[1:]) or [-1]
                distances = [*map(_unzigzag, rest[::2])]
            case b"\x02":
                first, *rest = _gammas_in(data[1:]) or [0]
                zeros = first - 1
                distances = [*map(_unzigzag_from_1, rest[:1]), *rest[2::2]]
            case _:
                zeros, rest, distances = -1, [], []
        if zeros < 0 or len(rest) % 2:
            raise ValueError(f"not a histogram of encoding {_VARINTS} or {ENCODING_VERSION}: {text[:40]!r}")
        return cls(zeros, dict(zip(accumulate(distances), rest[1::2], strict=True)))

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


def _zigzag_from_1(number: int) -> int:
    return _zigzag(number) + 1


def _unzigzag_from_1(number: int) -> int:
    return _unzigzag(number - 1)


def _unzigzag(number: int) -> int:
    return number // 2 if number % 2 == 0 else -(number + 1) // 2


class _Codes(dict[int, str]):
    """The Elias gamma code of each number from 1: its binary digits, behind as many zeros as follow the first one."""

    def __missing__(self, number: int) -> str:
        digits = f"{number:b}"
        return "0" * (len(digits) - 1) + digits


_CODES = _Codes()
_CODES.update({number: _CODES[number] for number in range(1, 1024)})


class _Numbers(dict[str, int]):
    """The number of each code."""

    def __missing__(self, code: str) -> int:
        return int(code, 2)


_NUMBERS = _Numbers({code: number for number, code in _CODES.items()})
_CODE = re.compile("|".join("0" * zeros + "1" + "." * zeros for zeros in range(_LARGEST_LENGTH)))


def _gammas_in(data: bytes) -> list[int]:
    bits = f"{int.from_bytes(data, 'big'):b}"[1:]
    codes: list[str] = _CODE.findall(bits)
    if sum(map(len, codes)) != len(bits):
        raise ValueError("a histogram ends in the middle of a number")
    return [*map(_NUMBERS.__getitem__, codes)]


def _varints_in(data: bytes) -> list[int]:
    numbers = []
    number = shift = 0
    for byte in data:
        number |= (byte & _SEVEN_BITS) << shift
        if byte & _MORE_FOLLOWS:
            shift += 7
        else:
            numbers.append(number)
            number = shift = 0
    if shift:
        raise ValueError("a histogram ends in the middle of a number")
    return numbers
