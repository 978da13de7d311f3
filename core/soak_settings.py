"""Soak settings: the load that the daemon keeps running, without end or on a schedule."""

import re
from collections import Counter
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from soakwatch.core.detector_settings import check_cron, check_length
from soakwatch.core.rhythm import Cron, Rhythm
from soakwatch.core.section import Section
from soakwatch.core.settings import VersionUrl

FEWEST_SECONDS = 5.0
"""Between two rotations: a run must have begun before it can end."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def _name(text: str) -> str:
    if _NAME.fullmatch(text) is None:
        raise ValueError("it must be letters, digits, dots, dashes and underscores, such as 'staging-soak'")
    return text


def _one_path(path: str) -> str:
    if "," in path:
        raise ValueError("Locust takes a comma for the end of a file name; use a path without one")
    return path


def _number_as_text(value: object) -> object:
    return f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else value


def _rotation(text: str) -> str:
    if not text:
        return text
    try:
        seconds = float(text)
    except ValueError:
        return _cron_or_seconds(text)
    if not FEWEST_SECONDS <= seconds <= 366 * 86_400:
        raise ValueError(f"it must be at least {FEWEST_SECONDS:g} seconds and at most a year")
    return text


def _cron_or_seconds(text: str) -> str:
    try:
        return check_cron(text)
    except ValueError as error:
        raise ValueError(f"{error}, a number of seconds, or empty for never") from None


Rotation = Annotated[str, BeforeValidator(_number_as_text), AfterValidator(_rotation)]


class SoakSection(Section):
    """[[soak]]: load that the daemon keeps running, without end or on a schedule."""

    name: Annotated[str, AfterValidator(_name)] = Field(description="what people call it by")
    locustfile: Annotated[str, AfterValidator(_one_path)] = Field(min_length=1, description="the users")
    host: str = Field("", description="what is tested, such as 'https://staging.example.com' [default: the users' own]")
    test: str = Field("", description="name of the test in the store [default: that of the soak]")
    users: int = Field(ge=1, description="how many; of a scenario, at its peak")
    spawn_rate: float = Field(10.0, gt=0, description="users that begin each second, when the first run begins")
    user_classes: tuple[str, ...] = Field((), description="those that take part [default: all]")
    scenario: Literal["", "baseline", "api", "spike", "soak"] = Field(
        "", description="one of baseline, api, spike, soak, stretched over `duration` [default: all users all the time]"
    )
    processes: int = Field(0, ge=0, le=256, description="local workers beside a master; 0 is one plain process")
    expect_workers: int = Field(0, ge=0, le=10_000, description="workers that come from other machines")
    master_host: str = Field("*", min_length=1, description="where the master waits for workers from other machines")
    master_port: int = Field(5557, ge=1, le=65_534, description="on which port")
    cron: Annotated[str, AfterValidator(lambda text: text and check_cron(text))] = Field(
        "", description="when it begins, in the detector's time zone [default: at once, or by `soak start`]"
    )
    duration: float = Field(0.0, ge=0, le=527_040, description="minutes until it ends; 0 is never")
    rotate: Rotation = Field(
        "0 0 * * *", description="when a new run begins: cron expression or number of seconds; empty is never"
    )
    version_url: VersionUrl | None = Field(None, description="address that answers with the version of what is tested")
    version_field: str = Field("", description="where the version is in JSON, such as 'build.version'")
    log_limit: int = Field(10_485_760, ge=65_536, description="bytes of Locust's log; one older part is kept beside it")
    folder: str = Field("soakwatch-soak", min_length=1, description="takes a folder of each soak, with log and state")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.cron and not self.duration:
            raise ValueError("cron says when it begins; give `duration`, too, so that it ends before that comes again")
        if self.cron:
            check_length(self.cron, self.duration)
        if self.scenario and not self.duration:
            raise ValueError("a scenario has an end; give its length as `duration`, or leave `scenario` out")
        if self.processes and self.expect_workers:
            raise ValueError("workers are either local (`processes`) or from other machines (`expect_workers`)")
        if self.version_field and self.version_url is None:
            raise ValueError("version_field says where in an answer the version is; give `version_url`, too")
        return self

    @property
    def test_name(self) -> str:
        """Under which its runs are in the store."""
        return self.test or self.name

    @property
    def seconds(self) -> float | None:
        """How long it takes; None without end."""
        return self.duration * 60 or None

    @property
    def begins_by_itself(self) -> bool:
        """Whether it runs without end unless somebody stops it: it has neither a schedule nor an end."""
        return not (self.cron or self.duration)

    def schedule(self, time_zone: str) -> Rhythm | None:
        """When it begins; None where it has no schedule."""
        return Cron(self.cron, time_zone) if self.cron else None

    def rotation_after(self, began: float, time_zone: str) -> float | None:
        """When a run that `began` then ends for the next one; None for never."""
        if not self.rotate:
            return None
        try:
            return began + float(self.rotate)
        except ValueError:
            return Cron(self.rotate, time_zone).after(began)


def check_soaks(soaks: tuple[SoakSection, ...]) -> tuple[SoakSection, ...]:
    """The same. Raises ValueError where two of `soaks` would be in each other's way."""
    for what, values in (
        ("named", [one.name for one in soaks]),
        ("of the test", [one.test_name for one in soaks]),
        ("with a master on port", [str(one.master_port) for one in soaks if one.expect_workers]),
    ):
        twice = [value for value, times in Counter(values).items() if times > 1]
        if twice:
            raise ValueError(f"two [[soak]] entries are {what} {twice[0]!r}; each must be the only one")
    return soaks
