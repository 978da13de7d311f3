"""Configuration: `soakwatch.toml`, overridden by `SOAKWATCH_...` environment variables."""

import json
import os
import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from enum import StrEnum
from math import inf
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from soakwatch.core.errors import ConfigurationError
from soakwatch.core.objective import Bound
from soakwatch.core.retention import Retention

FILE_NAME = "soakwatch.toml"
ENVIRONMENT_PREFIX = "SOAKWATCH_"
FILE_VARIABLE = "SOAKWATCH_CONFIG"
TOKEN_VARIABLE = "SOAKWATCH_STORE__TOKEN"  # noqa: S105  (where the token is, not a token)
RUN_FILE_VARIABLE = "SOAKWATCH_RUN_FILE"
"""Names a file to which Locust's launcher writes the id of its run when it ends."""

_NOT_KEYS = (FILE_VARIABLE, RUN_FILE_VARIABLE, "SOAKWATCH_TEST_")
"""Beginnings of environment variables of ours that are not keys of the file."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _without_credentials(url: str) -> str:
    try:
        parts = urlsplit(url)
        whole = parts.scheme in {"http", "https"} and parts.hostname and not set(url) & set("@?# \t\r\n")
    except ValueError:
        whole = False
    if not whole:
        raise ValueError("it must be an address such as 'http://localhost:8086', without user and password")
    return url.rstrip("/")


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


def _bucket(name: str) -> str:
    if not name or name.startswith("_") or not name.isprintable() or set(name) & set(' "\\'):
        raise ValueError("it must be a name without spaces, quotes and backslashes that does not begin with _")
    return name


OptionalPath = Annotated[Path | None, BeforeValidator(lambda path: None if path == "" else path)]
"""TOML has no word for nothing: the empty text means it."""


class StoreKind(StrEnum):
    """What keeps the windows."""

    SQLITE = "sqlite"
    INFLUXDB = "influxdb"


class StoreSection(_Section):
    """[store]: where windows are kept. `path` is for SQLite, what comes after it for InfluxDB 2."""

    kind: StoreKind = Field(StoreKind.SQLITE, description="sqlite (a file, for one machine) or influxdb")
    path: Path = Field(Path("soakwatch.db"), description="the SQLite file, relative to the working directory")
    url: Annotated[str, AfterValidator(_without_credentials)] = Field(
        "http://localhost:8086", description="where InfluxDB is"
    )
    org: str = Field("soakwatch", min_length=1, description="organisation in InfluxDB")
    bucket: Annotated[str, AfterValidator(_bucket)] = Field(
        "soakwatch", description="bucket; further ones end with _raw, _1m and _10m"
    )
    token: SecretStr = Field(
        SecretStr(""), description="not in this file, but in SOAKWATCH_STORE__TOKEN, or use token_file"
    )
    token_file: OptionalPath = Field(None, description="file that holds InfluxDB's token and nothing else")
    timeout: float = Field(10.0, gt=0, le=300, description="seconds that one request to InfluxDB may take")
    spool: OptionalPath = Field(
        None, description="folder where windows wait [default: beside the SQLite file; soakwatch.spool for InfluxDB]"
    )

    @property
    def address(self) -> str:
        """Where it is, for people; without any secret."""
        return str(self.path) if self.kind is StoreKind.SQLITE else f"{self.url} (bucket {self.bucket!r})"

    @property
    def spool_folder(self) -> Path:
        """Where windows wait that the store has not taken yet."""
        beside = Path(f"{self.path}.spool") if self.kind is StoreKind.SQLITE else Path("soakwatch.spool")
        return self.spool or beside

    def read_token(self) -> SecretStr:
        """InfluxDB's token: the given one, else what the token file holds.

        Raises ConfigurationError, which does not show it, when there is none or it cannot be one.
        """
        token, place = self.token.get_secret_value().strip(), f"environment variable {TOKEN_VARIABLE}"
        if not token and self.token_file is not None:
            token, place = _content_of(self.token_file), str(self.token_file)
        if not token:
            where = "set store.token_file to a file that holds it"
            raise ConfigurationError(f"InfluxDB at {self.url} needs a token; set {TOKEN_VARIABLE} to it, or {where}")
        if not (token.isascii() and token.isprintable()) or " " in token:
            raise ConfigurationError(
                f"{place}: this is no token; one has no spaces, line breaks or letters with accents"
            )
        return SecretStr(token)

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables by which a process in another folder finds the same store; not the token."""
        values = self.model_dump(mode="json", exclude={"token"}, exclude_none=True)
        paths = {"path": self.path, "token_file": self.token_file, "spool": self.spool_folder}
        values |= {key: str(path.absolute()) for key, path in paths.items() if path is not None}
        return {f"{ENVIRONMENT_PREFIX}STORE__{key.upper()}": str(value) for key, value in values.items()}

    def named(self, word: str | None) -> "StoreSection":
        """The store that `word` means on a command line: `influxdb`, or the path of an SQLite file; None is this one.

        A file of that name is meant by `./influxdb`. `spool` is of the configured store only: what waits for one store
        must not be delivered to another.
        """
        if word is None:
            return self
        influxdb = word == StoreKind.INFLUXDB
        there = {"kind": StoreKind.INFLUXDB} if influxdb else {"kind": StoreKind.SQLITE, "path": Path(word)}
        changed = any(getattr(self, key) != value for key, value in there.items())
        return self.model_copy(update={**there, "spool": None} if changed else there)


def _content_of(file: Path) -> str:
    try:
        content = file.read_text(encoding="ascii").strip()
    except OSError as error:
        raise ConfigurationError(f"{file}: the token file cannot be read: {error.strerror}") from None
    except ValueError:
        raise ConfigurationError(f"{file}: this is no file with a token; it holds more than ASCII") from None
    if not content:
        raise ConfigurationError(f"{file}: the token file is empty; write InfluxDB's token into it")
    return content


class RetentionSection(_Section):
    """[retention]: days that data is kept, 0 for ever. Runs and deploys are always kept."""

    raw: float = Field(7.0, ge=0, description="windows as they were measured")
    minutes: float = Field(30.0, ge=0, description="roll-ups of one minute")
    ten_minutes: float = Field(400.0, ge=0, description="roll-ups of ten minutes, and what is kept of each run")

    @property
    def seconds(self) -> Retention:
        """As a store takes it."""
        return Retention(*(days * 86_400 or inf for days in (self.raw, self.minutes, self.ten_minutes)))


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


class DeploySection(_Section):
    """[[deploy]]: where a service says its version; a change of it is kept as a deploy."""

    service: str = Field("*", min_length=1, description="the service; * for all of the environment")
    version_url: Annotated[SecretStr, AfterValidator(_version_url)] = Field(
        description="address that answers with the version, as text or in JSON"
    )
    version_field: str = Field("", description="where the version is in JSON, such as 'build.version'")
    commit_field: str = Field("", description="where the commit is in JSON, such as 'build.commit'")
    interval: float = Field(30.0, ge=1, le=86_400, description="seconds between two looks while a test runs")


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
    retention: RetentionSection = RetentionSection()
    collector: CollectorSection = CollectorSection()
    comparison: ComparisonSection = ComparisonSection()
    service: tuple[ServiceRule, ...] = ()
    objective: tuple[ObjectiveSection, ...] = ()
    require: tuple[RequireSection, ...] = ()
    deploy: tuple[DeploySection, ...] = ()


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
    return _validated(_read(file) if named or file.is_file() else {}, file)


def load_environment() -> Configuration:
    """The defaults as environment variables change them; no file is read. Raises ConfigurationError."""
    return _validated({}, Path(FILE_NAME))


def _validated(values: Mapping[str, Any], file: Path) -> Configuration:
    problems = [*_secrets_in(file, values), *_unknown_variables()]
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


def _secrets_in(file: Path, values: Mapping[str, Any]) -> Iterable[str]:
    store = values.get("store")
    if isinstance(store, Mapping) and store.get("token"):
        yield (
            f"{file}: store.token: a token does not belong into this file, which others read too; set {TOKEN_VARIABLE} "
            "to it, or set store.token_file to a file that holds it"
        )


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
                content = "" if key in {"store", "deploy"} else f", in {os.environ[variable]!r}"
                yield f"environment variable {variable}: not JSON: {error}{content}"


def _describe(detail: Any, file: Path, values: Mapping[str, Any]) -> str:  # noqa: ANN401  (pydantic's ErrorDetails)
    location: tuple[str | int, ...] = detail["loc"]
    place = _place(location, file, values)
    if detail["type"] == "extra_forbidden":
        key = str(location[-1])
        return f"{place}: unknown key{_suggestion(key, _keys_beside(location))}"
    if detail["type"] == "missing":
        return f"{place}: this key is needed"
    message = str(detail["msg"]).removeprefix("Value error, ")
    shown = "" if _may_be_secret(location, detail["input"]) else f", not {detail['input']!r}"
    return f"{place}: {message[0].lower()}{message[1:]}{shown}"


def _may_be_secret(location: tuple[str | int, ...], value: object) -> bool:
    if location == ("store",):
        return not isinstance(value, str) or "SOAKWATCH_STORE" in os.environ
    if location[0] == "deploy":  # its address may hold credentials
        return "://" in str(value)
    return location == ("store", "token") or (location == ("store", "url") and bool({"@", "?"} & set(str(value))))


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
