"""Records of pinned runs: the distributions of each endpoint, block by block."""

from collections.abc import Sequence
from functools import cached_property
from math import isclose
from typing import Any, Literal, Self

from pydantic import model_validator

from soakwatch.core.histogram import Histogram
from soakwatch.core.run_summary import Block, PinnedEndpoint, PinnedRun
from soakwatch.core.series import Series
from soakwatch.store.record_types import Amount, Count, Flag, HistogramText, Record
from soakwatch.store.run_records import (
    EndpointFields,
    ErrorRecord,
    RunFields,
    by_name,
    identity_of,
    metadata_of,
    require_own,
    require_unique,
)


class BlocksRecord(Record):
    """The blocks of an endpoint, in order of time: each list has one value for each block.

    `success_sum` (milliseconds) and `hist` are of the successes; a histogram is base64 of a byte 2 and bits: a 1, then
    Elias gamma codes of one more than the responses in zero time, and for each bucket in turn of the distance of its
    index to the last one's (of the first: its zigzag number, plus 1) and of its count. Bucket i holds times from
    2^((i-1)/32) to 2^(i/32) ms. Files of before have byte 1, and varints.
    """

    requests: tuple[Count, ...]
    failures: tuple[Count, ...]
    success_sum: tuple[Amount, ...]
    hist: tuple[HistogramText, ...]

    @model_validator(mode="after")
    def _all_lists_are_equally_long(self) -> Self:
        lengths = {name: len(getattr(self, name)) for name in type(self).model_fields}
        if len(set(lengths.values())) > 1:
            listed = ", ".join(f"{name} {length}" for name, length in lengths.items())
            raise ValueError(f"lists of one length were expected, one value for each block, not {listed}")
        return self

    @model_validator(mode="after")
    def _every_count_fits(self) -> Self:
        for number, block in enumerate(self.decoded):
            if block.failures + block.hist.count > block.requests:
                raise ValueError(
                    f"block {number} has {block.requests} requests, but {block.failures} failures and "
                    f"{block.hist.count} times of successes"
                )
        return self

    @classmethod
    def of(cls, blocks: Sequence[Block]) -> Self:
        """Make the record of `blocks`."""
        return cls(
            requests=tuple(block.requests for block in blocks),
            failures=tuple(block.failures for block in blocks),
            # the rest of a subtraction may be a hair below zero
            success_sum=tuple(max(block.success_sum, 0.0) for block in blocks),
            hist=tuple(block.hist.encode() for block in blocks),
        )

    @cached_property
    def decoded(self) -> tuple[Block, ...]:
        """What `of` was given."""
        hists = map(Histogram.decode, self.hist)
        return tuple(map(Block, self.requests, self.failures, self.success_sum, hists))


class PinnedEndpointRecord(EndpointFields):
    """One endpoint with its distributions.

    `blocks` are what counts, made of so many `windows` with requests. All other numbers follow from the blocks, and are
    there for people who look at a difference: `mean`, `p50`, `p95` and `p99` are milliseconds of the successes, six
    significant digits, null where there was none.
    """

    mean: Amount | None
    p50: Amount | None
    p95: Amount | None
    p99: Amount | None
    errors: tuple[ErrorRecord, ...]
    windows: Count
    blocks: BlocksRecord

    @model_validator(mode="after")
    def _figures_follow_from_the_blocks(self) -> Self:
        for name, right in _figures(self.blocks.decoded).items():
            found = getattr(self, name)
            if not _agree(found, right):
                raise ValueError(
                    f"{self.name}: {name} is {found}, but its blocks say {right}; it follows from the blocks, "
                    "so pin the run anew instead of changing it"
                )
        return self

    @classmethod
    def of(cls, series: Series, pinned: PinnedEndpoint) -> Self:
        """Make the record of an endpoint."""
        return cls(
            **identity_of(series),
            **_figures(pinned.blocks),
            errors=tuple(map(ErrorRecord.of, pinned.errors)),
            windows=pinned.windows,
            blocks=BlocksRecord.of(pinned.blocks),
        )

    def to_pinned(self) -> PinnedEndpoint:
        """What `of` was given."""
        return PinnedEndpoint(self.blocks.decoded, self.windows, tuple(error.to_error() for error in self.errors))


class GeneratorRecord(Record):
    """The load generator: its mean users, whether it kept up, and the delays of its event loop (a histogram of ms)."""

    users: Amount | None
    saturated: Flag
    late: HistogramText


class PinnedRecord(RunFields):
    """A run of the store, condensed to blocks that can be tested: `seconds` are covered by each of them."""

    basis: Literal["distributions"]
    generator: GeneratorRecord
    seconds: tuple[Amount, ...]
    endpoints: tuple[PinnedEndpointRecord, ...]

    @model_validator(mode="after")
    def _no_endpoint_is_there_twice(self) -> Self:
        require_unique(self.endpoints)
        return self

    @model_validator(mode="after")
    def _every_endpoint_has_every_block(self) -> Self:
        for number, one in enumerate(self.endpoints):
            if len(one.blocks.requests) != len(self.seconds):
                raise ValueError(
                    f"endpoints[{number}] ({one.name}) has {len(one.blocks.requests)} blocks; "
                    f"{len(self.seconds)} were expected, as many as 'seconds' has"
                )
        return self

    @classmethod
    def of(cls, summary: PinnedRun) -> Self:
        """Make the record of `summary`. Raises ValueError when it has series of another test or environment."""
        require_own(summary.endpoints, summary.run)
        in_order = sorted(summary.endpoints.items(), key=by_name)
        return cls(
            **metadata_of(summary.run),
            basis="distributions",
            generator=GeneratorRecord(users=summary.users, saturated=summary.saturated, late=summary.late.encode()),
            seconds=tuple(summary.seconds),
            endpoints=tuple(PinnedEndpointRecord.of(series, pinned) for series, pinned in in_order),
        )

    def to_summary(self) -> PinnedRun:
        """What `of` was given."""
        generator = self.generator
        return PinnedRun(
            self.to_run(),
            self.seconds,
            generator.users,
            generator.saturated,
            Histogram.decode(generator.late),
            {one.series_of(self.environment, self.test): one.to_pinned() for one in self.endpoints},
        )


def _figures(blocks: Sequence[Block]) -> dict[str, Any]:
    hist = Histogram.merge(block.hist for block in blocks)
    p50, p95, p99 = map(_significant, hist.quantiles((0.5, 0.95, 0.99)))
    return {
        "requests": sum(block.requests for block in blocks),
        "failures": sum(block.failures for block in blocks),
        "mean": _significant(sum(block.success_sum for block in blocks) / hist.count) if hist.count else None,
        "p50": p50,
        "p95": p95,
        "p99": p99,
    }


def _significant(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")


def _agree(found: float | None, right: float | None) -> bool:
    if isinstance(found, float) and isinstance(right, float):
        return isclose(found, right, rel_tol=1e-4)
    return found == right
