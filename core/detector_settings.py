"""Detector settings: what is watched for while tests run, and when it is not."""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, SecretStr, model_validator

from soakwatch.core.section import Section
from soakwatch.core.store_settings import OptionalPath


def _time_zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (KeyError, ValueError, OSError):
        raise ValueError("it must be a time zone such as 'UTC' or 'Europe/Berlin'") from None


TimeZone = Annotated[str, AfterValidator(_time_zone)]


def check_cron(expression: str) -> str:
    """The cron expression as it is. Raises ValueError that says how one looks."""
    # a load generator loads settings, too, and hardly ever one with a cron expression
    from cronsim import CronSim, CronSimError

    try:
        CronSim(expression, datetime.fromtimestamp(0, UTC))
    except CronSimError as error:
        raise ValueError(f"it must be a cron expression such as '0 3 * * 1-5' ({error})") from None
    return expression


Cron = Annotated[str, AfterValidator(check_cron)]

_LOOKED_AT = 100
"""Times in a row that a cron expression is looked at for: the shortest stretch between two comes sooner."""


def check_length(expression: str, minutes: float) -> None:
    """Raise ValueError where what takes so many `minutes` begins again before it is over.

    `* 3 * * *` is each minute from three to four, and hardly ever what was meant. In UTC, so that no day is shorter
    than another.
    """
    from cronsim import CronSim

    times = list(islice(CronSim(expression, datetime.fromtimestamp(0, UTC)), _LOOKED_AT))
    if any(later - earlier < timedelta(minutes=minutes) for earlier, later in pairwise(times)):
        raise ValueError(
            f"{expression!r} comes again before {minutes:g} minutes are over; give a shorter `duration`, or a `cron` "
            "that comes less often, such as '0 3 * * *'"
        )


class DetectorSection(Section):
    """[detector]: what counts as a regression over time."""

    time_scale: float = Field(
        1.0, gt=0, le=100, description="factor of all durations; less than 1 for rehearsals of minutes instead of weeks"
    )
    step: float = Field(
        0.0,
        ge=0,
        le=60,
        description="seconds of a step, no less than [collector] window; 0: a minute times time_scale, at least 10 s",
    )
    learning: float = Field(7.0, gt=0, description="days of data before the first verdict")
    history: float = Field(28.0, gt=0, le=366, description="days that a baseline looks back")
    time_zone: TimeZone = Field("UTC", description="whose days and weekends the load follows")
    false_incidents: float = Field(
        0.5, gt=0, le=1000, description="false incidents a month, over all series, that are worth what is found earlier"
    )
    min_effect: float = Field(0.05, gt=0, description="smallest relative change of a response time that is one")
    critical_effect: float = Field(0.50, gt=0, description="relative change from which it is critical")
    floor: float = Field(2.0, ge=0, description="smallest absolute change of a response time, in ms")
    min_error_change: float = Field(0.005, gt=0, lt=1, description="smallest change of the error rate, as a share")
    critical_error_change: float = Field(0.05, gt=0, lt=1, description="change of the error rate that is critical")
    max_load_difference: float = Field(0.2, gt=0, description="relative difference of users up to which load is alike")


class LedgerSection(Section):
    """[ledger]: where incidents, decisions and the positions of passes are kept."""

    path: OptionalPath = Field(
        None, description="the SQLite file [default: beside an SQLite store, else soakwatch-ledger.db]"
    )
    url: SecretStr = Field(
        SecretStr(""),
        description="PostgreSQL instead, for several daemons: not in this file, but in SOAKWATCH_LEDGER__URL",
    )


class MaintenanceSection(Section):
    """[[maintenance]]: when what happens is no incident, such as a nightly rebuild."""

    service: str = Field("*", description="pattern for the service")
    cron: Cron = Field(description="when it begins, such as '0 3 * * *', in the detector's time zone")
    duration: float = Field(gt=0, le=10_080, description="minutes that it takes")
    title: str = Field("", description="what it is")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        check_length(self.cron, self.duration)
        return self


class DueSection(Section):
    """[[due]]: a test that should run; if it does not begin, that is an incident."""

    test: str = Field(min_length=1, description="name of the test")
    cron: Cron = Field(description="when it should begin, such as '0 2 * * *', in the detector's time zone")
    within: float = Field(60.0, gt=0, le=10_080, description="minutes that it may be late")
