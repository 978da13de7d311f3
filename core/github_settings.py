"""Settings of the surfaces: where issues go, who is asked to look at them, and where Grafana is."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from soakwatch.core.section import Section
from soakwatch.core.store_settings import OptionalPath

_REPOSITORY = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")


def address(url: str) -> str:
    """An address without credentials, or nothing. Raises ValueError."""
    if not url:
        return url
    try:
        parts = urlsplit(url)
        whole = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        whole = False
    if not whole or not url.isprintable() or set(url) & set('@?# "<>\\'):
        raise ValueError("it must be an address such as 'https://grafana.example.com', without user and password")
    return url.rstrip("/")


def repository_name(name: str) -> str:
    """Owner and name of a repository, or nothing. Raises ValueError."""
    if name and not _REPOSITORY.fullmatch(name):
        raise ValueError("it must be the owner and the name, such as 'octo-org/shop'")
    return name


Address = Annotated[str, AfterValidator(address)]


class GithubSection(Section):
    """[github]: where issues are kept. What is empty is taken from the environment, as it is in GitHub Actions."""

    repository: Annotated[str, AfterValidator(repository_name)] = Field(
        "", description="owner and name of the repository [default: GITHUB_REPOSITORY]"
    )
    api_url: Address = Field("", description="address of the API [default: GITHUB_API_URL, else that of github.com]")
    token: SecretStr = Field(
        SecretStr(""), description="not in this file, but in GITHUB_TOKEN or SOAKWATCH_GITHUB__TOKEN, or use token_file"
    )
    token_file: OptionalPath = Field(None, description="file that holds GitHub's token and nothing else")
    timeout: int = Field(15, ge=1, le=120, description="whole seconds that one request may take")
    max_new: int = Field(5, ge=1, le=50, description="new issues in one pass; what is more shares one summary issue")
    milestone: int = Field(0, ge=0, description="number of the milestone that issues get, 0 for none")


class AssigneeSection(Section):
    """[[assignee]]: who is asked to look at the issues of a service."""

    service: str = Field("*", description="pattern for the service")
    user: str = Field(min_length=1, description="login of somebody who can be assigned")


class GrafanaSection(Section):
    """[grafana]: where links in issues lead, and where dashboards and annotations are sent."""

    url: Address = Field("", description="address of Grafana, such as 'https://grafana.example.com'")
    token: SecretStr = Field(
        SecretStr(""), description="not in this file, but in SOAKWATCH_GRAFANA__TOKEN, or use token_file"
    )
    token_file: OptionalPath = Field(None, description="file that holds a service account's token and nothing else")
    timeout: int = Field(15, ge=1, le=120, description="whole seconds that one request may take")
    folder: str = Field("soakwatch", min_length=1, description="title of the folder that dashboards are published into")
