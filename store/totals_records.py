"""Records of runs as Locust's own files tell them: totals and percentiles of each endpoint."""

from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, model_validator

from soakwatch.core.run_summary import EndpointTotals, RunTotals
from soakwatch.core.series import Series
from soakwatch.store.record_types import Amount, Flag, Percent
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


def _ascending(percentiles: dict[str, float]) -> dict[str, float]:
    in_order = sorted((Decimal(percent), time) for percent, time in percentiles.items())
    for (lower, faster), (higher, slower) in pairwise(in_order):
        if lower == higher:
            raise ValueError(f"percentile {lower} is there twice")
        if faster > slower:
            raise ValueError(f"percentiles should not decrease, but {lower} is {faster} and {higher} is {slower}")
    return percentiles


class TotalsEndpointRecord(EndpointFields):
    """One endpoint as Locust's own files have it.

    Times are milliseconds, of successes and failures alike. `percentiles` maps percents of the responses to times, 0
    being the fastest and 100 the slowest; `rounded` says that they are as coarse as Locust makes them.
    """

    mean: Amount | None
    rounded: Flag
    percentiles: Annotated[dict[Percent, Amount], AfterValidator(_ascending)]
    errors: tuple[ErrorRecord, ...]

    @classmethod
    def of(cls, series: Series, totals: EndpointTotals) -> Self:
        """Make the record of an endpoint."""
        return cls(
            **identity_of(series),
            requests=totals.requests,
            failures=totals.failures,
            mean=totals.mean,
            rounded=totals.rounded,
            percentiles={percent_of(share): time for share, time in sorted(totals.percentiles.items())},
            errors=tuple(map(ErrorRecord.of, totals.errors)),
        )

    def to_totals(self) -> EndpointTotals:
        """What `of` was given."""
        return EndpointTotals(
            self.requests,
            self.failures,
            self.mean,
            dict(sorted((share_of(percent), time) for percent, time in self.percentiles.items())),
            self.rounded,
            tuple(error.to_error() for error in self.errors),
        )


class TotalsRecord(RunFields):
    """A run as Locust's own files tell it: totals and percentiles of each endpoint, warm-up included."""

    basis: Literal["percentiles"]
    endpoints: tuple[TotalsEndpointRecord, ...]

    @model_validator(mode="after")
    def _no_endpoint_is_there_twice(self) -> Self:
        require_unique(self.endpoints)
        return self

    @classmethod
    def of(cls, summary: RunTotals) -> Self:
        """Make the record of `summary`. Raises ValueError when it has series of another test or environment."""
        require_own(summary.endpoints, summary.run)
        in_order = sorted(summary.endpoints.items(), key=by_name)
        endpoints = tuple(TotalsEndpointRecord.of(series, totals) for series, totals in in_order)
        return cls(**metadata_of(summary.run), basis="percentiles", endpoints=endpoints)

    def to_summary(self) -> RunTotals:
        """What `of` was given."""
        endpoints = {one.series_of(self.environment, self.test): one.to_totals() for one in self.endpoints}
        return RunTotals(self.to_run(), endpoints)


def percent_of(share: float) -> str:
    """Write a share as percent, exactly: 0.999 is `99.9`."""
    percent = Decimal(repr(float(share))).scaleb(2)
    text = f"{percent:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def share_of(percent: str) -> float:
    """Read what `percent_of` wrote."""
    return float(Decimal(percent).scaleb(-2))
