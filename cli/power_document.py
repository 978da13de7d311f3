"""The document that `power --json` prints."""

from collections.abc import Iterable
from datetime import datetime
from math import isfinite
from typing import Final, Literal, Self

from pydantic import Field

from soakwatch.core.record import Record
from soakwatch.detector.power import TIMES_THE_LOAD, EndpointPower
from soakwatch.detector.power_search import SHARE
from soakwatch.detector.power_slowdown import MOST, Sight
from soakwatch.reporter.incidents_json import utc_moment
from soakwatch.reporter.verdicts_json import Number, Text

SCHEMA: Final = 1
"""Grows when a reader of the old form would misunderstand the new one; new keys alone do not count."""


class SightRecord(Record):
    """The smallest change that is found within an hour, and within a day; null where none that was tried is.

    A slowdown is a ratio minus one (0.2 is 20 % slower), failures are a share of all requests.
    """

    within_1h: Number
    within_24h: Number

    @classmethod
    def of(cls, sight: Sight | None) -> Self | None:
        """Make the record of `sight`."""
        if sight is None:
            return None
        hour, day = (size if isfinite(size) else None for size in (sight.hour, sight.day))
        return cls(within_1h=hour, within_24h=day)


class EndpointPowerRecord(Record):
    """What would be found of one endpoint; null where that is unknown, for the `reason`.

    `requests_per_minute` are those of the last day, `usual_error_rate` is the share of requests that usually fails.
    """

    environment: Text
    test: Text
    service: Text
    method: Text
    endpoint: Text
    requests_per_minute: Number
    usual_error_rate: Number
    slowdown: SightRecord | None
    slowdown_at_twice_the_load: SightRecord | None
    error_rate: SightRecord | None
    error_rate_at_twice_the_load: SightRecord | None
    reason: Text

    @classmethod
    def of(cls, power: EndpointPower) -> Self:
        """Make the record of `power`."""
        series = power.series
        return cls(
            environment=series.environment,
            test=series.test,
            service=series.service,
            method=series.method,
            endpoint=series.endpoint,
            requests_per_minute=power.requests,
            usual_error_rate=power.failing,
            slowdown=SightRecord.of(power.slowdown),
            slowdown_at_twice_the_load=SightRecord.of(power.slowdown_doubled),
            error_rate=SightRecord.of(power.errors),
            error_rate_at_twice_the_load=SightRecord.of(power.errors_doubled),
            reason=power.reason,
        )


class PowerDocument(Record):
    """The smallest slowdown and error rate of each endpoint that this soak would find, with `probability`, in time.

    By what was known at `until`. The largest slowdown that was tried is `largest_slowdown`.
    """

    schema_version: Literal[1] = Field(SCHEMA, alias="schema")
    until: datetime
    probability: Number
    times_the_load: Number
    largest_slowdown: Number
    endpoints: tuple[EndpointPowerRecord, ...]


def power_document(powers: Iterable[EndpointPower], until: float) -> PowerDocument:
    """Make the document of `powers`, as known at `until`."""
    return PowerDocument(
        until=utc_moment(until),
        probability=SHARE,
        times_the_load=TIMES_THE_LOAD,
        largest_slowdown=MOST,
        endpoints=tuple(map(EndpointPowerRecord.of, powers)),
    )
