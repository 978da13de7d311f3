"""Configuration: `soakwatch.toml`, overridden by `SOAKWATCH_...` environment variables."""

import json
import os
import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from soakwatch.core.errors import ConfigurationError
from soakwatch.core.objective import Bound

FILE_NAME = "soakwatch.toml"
ENVIRONMENT_PREFIX = "SOAKWATCH_"
FILE_VARIABLE = "SOAKWATCH_CONFIG"
_NOT_KEYS = (FILE_VARIABLE, "SOAKWATCH_TEST_")
"""Beginnings of environment variables of ours that are not keys of the file."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StoreSection(_Section):
    """[store]: where windows are kept."""

    path: Path = Field(Path("soakwatch.db"), description="the SQLite file, relative to the working directory")


class CollectorSection(_Section):
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


class ServiceRule(_Section):
    """[[service]]: requests that match all patterns given (shell wildcards) belong to the service `name`."""

    name: str = Field(min_length=1, description="the service")
    method: str = Field("*", description="pattern for the request's method or type")
    endpoint: str = Field("*", description="pattern for the request's name")
    host: str = Field("*", description="pattern for the host under test")


class ObjectiveSection(_Section):
    """[[objective]]: an absolute bound for every series that matches (shell wildcards)."""

    service: str = Field("*", description="pattern for the service")
    endpoint: str = Field("*", description="pattern for the endpoint")
    bound: Annotated[str, AfterValidator(lambda text: str(Bound.parse(text)))] = Field(
        description="such as 'p95 < 300 ms' or 'errors < 0.5 %'",
    )


class RequireSection(_Section):
    """[[require]]: series whose `unknown` makes the exit code 4."""

    service: str = Field("*", description="pattern for the service")
    endpoint: str = Field("*", description="pattern for the endpoint")
    metric: str = Field("*", description="pattern for the metric; short runs know too little of p99")


class ComparisonSection(_Section):
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


class Configuration(_Section):
    """All settings; a value is valid when it is here. `load_configuration` makes one."""

    environment: str = Field("default", min_length=1, description="what is tested: staging, perf, ...")
    test: str = Field("", description="name of the test; empty: the locustfile's name")
    version: str = Field("", description="version of what is tested")
    commit: str = Field("", description="commit of what is tested")
    store: StoreSection = StoreSection()
    collector: CollectorSection = CollectorSection()
    comparison: ComparisonSection = ComparisonSection()
    service: tuple[ServiceRule, ...] = ()
    objective: tuple[ObjectiveSection, ...] = ()
    require: tuple[RequireSection, ...] = ()


class _Sources(Configuration, BaseSettings):
    """The same from its sources: what pydantic gives as keyword arguments is the file, the environment counts more."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, env_ignore_empty=True
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  (pydantic's signature)
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  (the same)
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  (the same)
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment before file: what pydantic gives as keyword arguments is the file."""
        return env_settings, init_settings


def load_configuration(path: Path | None = None) -> Configuration:
    """Read `path`, else the file that SOAKWATCH_CONFIG names, else `soakwatch.toml` here if there is one.

    Environment variables override the file. Raises ConfigurationError that names every wrong key or value, its place,
    and what would be right.
    """
    named = path or (Path(os.environ[FILE_VARIABLE]) if os.environ.get(FILE_VARIABLE) else None)
    file = named or Path(FILE_NAME)
    values = _read(file) if named or file.is_file() else {}
    problems = list(_unknown_variables())
    try:
        configuration = Configuration.model_validate(_Sources(**values).model_dump())
    except ValidationError as error:
        problems = [*(_describe(detail, file, values) for detail in error.errors()), *problems]
    except SettingsError as error:
        problems = [*(list(_unreadable_variables()) or [f"environment: {error}"]), *problems]
    if problems:
        raise ConfigurationError("\n".join(problems))
    return configuration


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(f"{file}: no such file; `soakwatch init` writes one") from None
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ConfigurationError(f"{file}: not TOML: {error}") from None


def _unknown_variables() -> Iterable[str]:
    known = Configuration.model_fields
    for variable in os.environ:
        if variable.startswith(ENVIRONMENT_PREFIX) and not variable.startswith(_NOT_KEYS):
            key = variable.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")[0]
            if key not in known:
                yield f"environment variable {variable}: unknown key {key!r}{_suggestion(key, known)}"


def _unreadable_variables() -> Iterable[str]:
    # a whole section or list in one variable is JSON, and pydantic names neither the variable nor the place
    for key in Configuration.model_fields:
        variable = f"{ENVIRONMENT_PREFIX}{key.upper()}"
        try:
            json.loads(os.environ.get(variable) or "null")
        except ValueError as error:
            if not isinstance(Configuration.model_fields[key].default, str):
                yield f"environment variable {variable}: not JSON: {error}, in {os.environ[variable]!r}"


def _describe(detail: Any, file: Path, values: Mapping[str, Any]) -> str:  # noqa: ANN401  (pydantic's ErrorDetails)
    location: tuple[str | int, ...] = detail["loc"]
    place = _place(location, file, values)
    if detail["type"] == "extra_forbidden":
        key = str(location[-1])
        return f"{place}: unknown key{_suggestion(key, _keys_beside(location))}"
    if detail["type"] == "missing":
        return f"{place}: this key is needed"
    message = str(detail["msg"]).removeprefix("Value error, ")
    return f"{place}: {message[0].lower()}{message[1:]}, not {detail['input']!r}"


def _place(location: tuple[str | int, ...], file: Path, values: Mapping[str, Any]) -> str:
    dotted = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).removeprefix(".")
    variable = ENVIRONMENT_PREFIX + "__".join(map(str, location)).upper()
    if variable in os.environ:
        return f"environment variable {variable}"
    whole = f"{ENVIRONMENT_PREFIX}{location[0]}".upper()
    if whole in os.environ and not _has(values, location):
        return f"environment variable {whole}: {dotted}"
    return f"{file}: {dotted}"


def _has(values: Any, location: tuple[str | int, ...]) -> bool:  # noqa: ANN401  (what TOML holds)
    for part in location:
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def _keys_beside(location: tuple[str | int, ...]) -> Iterable[str]:
    model: Any = Configuration
    for part in location[:-1]:
        if isinstance(part, str):
            annotation = model.model_fields[part].annotation
            model = annotation if isinstance(annotation, type) else annotation.__args__[0]
    return list(model.model_fields)


def _suggestion(key: str, known: Iterable[str]) -> str:
    close = get_close_matches(key, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(known)}"
