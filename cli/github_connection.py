"""The connection to GitHub: from the configuration, and the environment of GitHub Actions."""

import os
from collections.abc import Callable

from pydantic import SecretStr

from soakwatch.core.configuration import Configuration
from soakwatch.core.errors import ConfigurationError
from soakwatch.core.github_settings import address, repository_name
from soakwatch.core.tokens import checked_token, read_token, variable_of
from soakwatch.reporter.github import Where
from soakwatch.reporter.page_links import Places, pages_of

_PUBLIC_API = "https://api.github.com"


def where_of(configuration: Configuration) -> Where:
    """Which repository, and by whose right; the token may be empty. Raises ConfigurationError."""
    section = configuration.github
    repository = section.repository or _from_environment("GITHUB_REPOSITORY", repository_name)
    if not repository:
        raise ConfigurationError(
            "which repository? Set github.repository, or GITHUB_REPOSITORY as in GitHub Actions, to owner/name"
        )
    api = section.api_url or _from_environment("GITHUB_API_URL", address) or _PUBLIC_API
    return Where(repository, api, _token(configuration), section.timeout)


def where_to_write(configuration: Configuration) -> Where:
    """Like `where_of`, with a token. Raises ConfigurationError."""
    where = where_of(configuration)
    if not where.token.get_secret_value():
        raise ConfigurationError(
            f"writing issues of {where.repository} needs a token; set GITHUB_TOKEN (or {variable_of('github')}) to one "
            "with the right `issues: write`, or github.token_file to a file that holds it"
        )
    return where


def places_of(configuration: Configuration, where: Where) -> Places:
    """Where the links of issues lead."""
    pages = _from_environment("GITHUB_SERVER_URL", address) or pages_of(where.api_url)
    return Places(configuration.grafana.url, f"{pages}/{where.repository}")


def _token(configuration: Configuration) -> SecretStr:
    section = configuration.github
    own = read_token(section.token, section.token_file, "github")
    if own.get_secret_value():
        return own
    return checked_token(os.environ.get("GITHUB_TOKEN", "").strip(), "environment variable GITHUB_TOKEN")


def _from_environment(variable: str, checked: Callable[[str], str]) -> str:
    try:
        return checked(os.environ.get(variable, "").strip())
    except ValueError as error:
        raise ConfigurationError(f"environment variable {variable}: {error}") from None
