"""Tokens: secrets that come from the environment or a file of their own, and are never shown."""

from os.path import lexists
from pathlib import Path

from pydantic import SecretStr

from soakwatch.core.environment_variables import ENVIRONMENT_PREFIX
from soakwatch.core.errors import ConfigurationError


def read_token(given: SecretStr, file: Path | None, section: str) -> SecretStr:
    """The token of `section`: the given one, else what its token file holds; empty where there is neither.

    Raises ConfigurationError, which does not show it, when it cannot be one.
    """
    token, place = given.get_secret_value().strip(), f"environment variable {variable_of(section)}"
    if not token and file is not None:
        token, place = _content_of(file, section), str(file)
    return checked_token(token, place)


def checked_token(token: str, place: str) -> SecretStr:
    """The token that was found at `place`. Raises ConfigurationError, which does not show it, when it cannot be one."""
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise ConfigurationError(f"{place}: this is no token; one has no spaces, line breaks or letters with accents")
    return SecretStr(token)


def variable_of(section: str) -> str:
    """The environment variable for the token of `section`."""
    return f"{ENVIRONMENT_PREFIX}{section.upper()}__TOKEN"


def _content_of(file: Path, section: str) -> str:
    key = f"{section}.token_file ({variable_of(section)}_FILE)"
    try:
        content = file.read_text(encoding="ascii").strip()
    except OSError as error:
        if not lexists(file):  # it may be the token itself, which must not be shown
            where = f" in {file.parent.absolute()}" if file.parent.is_dir() else ""
            raise ConfigurationError(f"{key}: no such file{where}; name the file, not the token") from None
        raise ConfigurationError(f"{file}: the token file cannot be read: {error.strerror}") from None
    except ValueError:
        raise ConfigurationError(f"{file}: this is no file with a token; it holds more than ASCII") from None
    if not content:
        raise ConfigurationError(f"{file}: the token file is empty; write the token of [{section}] into it")
    return content
