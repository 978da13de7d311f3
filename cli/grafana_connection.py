"""The connection to Grafana: from the configuration."""

from collections.abc import Iterator
from contextlib import contextmanager

from soakwatch.core.configuration import Configuration
from soakwatch.core.errors import ConfigurationError
from soakwatch.core.tokens import read_token, variable_of
from soakwatch.grafana.api import GrafanaApi, Where


def grafana_of(configuration: Configuration) -> Where:
    """Which Grafana, and by whose right. Raises ConfigurationError."""
    section = configuration.grafana
    if not section.url:
        raise ConfigurationError(
            "which Grafana? Set grafana.url (SOAKWATCH_GRAFANA__URL) to its address, such as 'https://grafana.example.com'"
        )
    token = read_token(section.token, section.token_file, "grafana")
    if not token.get_secret_value():
        raise ConfigurationError(
            f"Grafana at {section.url} needs a token; set {variable_of('grafana')} to that of a service account "
            "with the role Editor, or grafana.token_file to a file that holds it"
        )
    return Where(section.url, token, section.timeout)


def has_token(configuration: Configuration) -> bool:
    """Whether anything may be written to Grafana. Raises ConfigurationError."""
    section = configuration.grafana
    return bool(read_token(section.token, section.token_file, "grafana").get_secret_value())


@contextmanager
def connected(configuration: Configuration) -> Iterator[GrafanaApi]:
    """The way to Grafana; nothing is asked yet. Raises ConfigurationError."""
    api = GrafanaApi(grafana_of(configuration))
    try:
        yield api
    finally:
        api.close()
