"""Settings: the sections of the configuration but for the store's."""

from math import inf
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from soakwatch.core.objective import Bound
from soakwatch.core.retention import Retention
from soakwatch.core.section import Section


def _version_url(url: SecretStr) -> SecretStr:
    try:
        parts = urlsplit(text := url.get_secret_value())
        whole = (
            parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0 and not set(text) & set(" \t\r\n")
        )
    except ValueError:
        whole = False
    if not whole:
        raise ValueError("it must be an address such as 'https://staging.example.com/version'")
    return url


VersionUrl = Annotated[SecretStr, AfterValidator(_version_url)]


class RetentionSection(Section):
    """[retention]: days that data is kept, 0 for ever. Runs and deploys are always kept."""

    raw: float = Field(7.0, ge=0, description="windows as they were measured")
    minutes: float = Field(30.0, ge=0, description="roll-ups of one minute")
    ten_minutes: float = Field(400.0, ge=0, description="roll-ups of ten minutes, and what is kept of each run")

    @property
    def seconds(self) -> Retention:
        """As a store takes it."""
        return Retention(*(days * 86_400 or inf for days in (self.raw, self.minutes, self.ten_minutes)))


class CollectorSection(Section):
    """[collector]: how requests become windows."""

    window: float = Field(10.0, ge=0.5, le=300, description="width of a window in seconds")
    max_series: int = Field(
        2000, ge=1, le=100_000, description="series of one process; more go to the endpoint 'other'"
    )
    max_error_kinds: int = Field(20, ge=1, le=1000, description="kinds of errors of one series in one window")
    spool_limit: int = Field(268_435_456, ge=65_536, description="bytes that one process may keep on disk unsent")
    quit_wait: float = Field(
        10.0, ge=0, le=300, description="seconds that the end of a run waits for its workers' data"
    )


class ServiceRule(Section):
    """[[service]]: requests that match all patterns given (shell wildcards) belong to the service `name`."""

    name: str = Field(min_length=1, description="the service")
    method: str = Field("*", description="pattern for the request's method or type")
    endpoint: str = Field("*", description="pattern for the request's name")
    host: str = Field("*", description="pattern for the host under test")


class ObjectiveSection(Section):
    """[[objective]]: an absolute bound for every series that matches (shell wildcards)."""

    service: str = Field("*", description="pattern for the service")
    endpoint: str = Field("*", description="pattern for the endpoint")
    bound: Annotated[str, AfterValidator(lambda text: str(Bound.parse(text)))] = Field(
        description="such as 'p95 < 300 ms' or 'errors < 0.5 %'",
    )


class RequireSection(Section):
    """[[require]]: series whose `unknown` makes the exit code 4."""

    service: str = Field("*", description="pattern for the service")
    endpoint: str = Field("*", description="pattern for the endpoint")
    metric: str = Field("*", description="pattern for the metric; short runs know too little of p99")


class DeploySection(Section):
    """[[deploy]]: where a service says its version; a change of it is kept as a deploy."""

    service: str = Field("*", min_length=1, description="the service; * for all of the environment")
    version_url: VersionUrl = Field(description="address that answers with the version, as text or in JSON")
    version_field: str = Field("", description="where the version is in JSON, such as 'build.version'")
    commit_field: str = Field("", description="where the commit is in JSON, such as 'build.commit'")
    interval: float = Field(30.0, ge=1, le=86_400, description="seconds between two looks while a test runs")


class ComparisonSection(Section):
    """[comparison]: what counts as a regression between runs."""

    min_effect: float = Field(0.10, gt=0, description="smallest relative change of a response time that is one")
    critical_effect: float = Field(0.50, gt=0, description="relative change from which it is critical")
    floor: float = Field(5.0, ge=0, description="smallest absolute change of a response time, in ms")
    min_error_change: float = Field(0.005, gt=0, lt=1, description="smallest change of the error rate, as a share")
    critical_error_change: float = Field(0.05, gt=0, lt=1, description="change of the error rate that is critical")
    alpha: float = Field(0.01, gt=0, lt=0.5, description="adjusted p-value below which a change is believed")
    run_to_run: float = Field(
        0.03, ge=0, description="how much a level differs between equal runs (log sd, 0.03 = 3 %)"
    )
    min_requests: int = Field(50, ge=2, description="fewer requests than this in either run are too few to compare")
    min_windows: int = Field(6, ge=3, description="fewer windows than this in either run are too few to compare")
    max_load_difference: float = Field(0.2, gt=0, description="relative difference of users up to which load is alike")
