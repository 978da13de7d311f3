"""Configuration file: `soakwatch.toml`, overridden by `SOAKWATCH_...` environment variables."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from soakwatch.core.configuration import Configuration, contradictions
from soakwatch.core.configuration_errors import describe, secrets_in, unknown_variables, unreadable_variables
from soakwatch.core.environment_variables import ENVIRONMENT_PREFIX, FILE_VARIABLE
from soakwatch.core.errors import ConfigurationError

FILE_NAME = "soakwatch.toml"


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
    problems = [*secrets_in(file, values), *unknown_variables()]
    try:
        configuration = Configuration.model_validate(_Sources(**values).model_dump())
    except ValidationError as error:
        problems = [*(describe(detail, file, values) for detail in error.errors()), *problems]
    except SettingsError as error:
        problems = [*(list(unreadable_variables()) or [f"environment: {error}"]), *problems]
    if problems or (problems := contradictions(configuration)):
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
