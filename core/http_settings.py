"""HTTP settings: where the daemon answers, and who may tell it something there."""

from pydantic import Field, SecretStr

from soakwatch.core.errors import ConfigurationError
from soakwatch.core.section import Section
from soakwatch.core.store_settings import OptionalPath
from soakwatch.core.tokens import read_token, variable_of

FEWEST_CHARACTERS = 16
"""Of a token: what is shorter can be guessed."""


class HttpSection(Section):
    """[http]: where the daemon answers: its health, its metrics, alerts of Grafana, and deploys that are told it."""

    host: str = Field("127.0.0.1", min_length=1, description="address to listen on; 0.0.0.0 for all of this machine's")
    port: int = Field(9178, ge=0, le=65_535, description="port to listen on, 0 for one that is free")
    token: SecretStr = Field(
        SecretStr(""), description="not in this file, but in SOAKWATCH_HTTP__TOKEN, or use token_file"
    )
    token_file: OptionalPath = Field(
        None, description="file that holds the token that Grafana and pipelines send, and nothing else"
    )


def http_token(section: HttpSection) -> str:
    """What those must know who tell the daemon something; empty where nobody may.

    Raises ConfigurationError, which does not show it, for one that could be guessed.
    """
    token = read_token(section.token, section.token_file, "http").get_secret_value()
    if token and len(token) < FEWEST_CHARACTERS:
        raise ConfigurationError(
            f"[http] needs a token of {FEWEST_CHARACTERS} characters or more; set {variable_of('http')} or "
            "http.token_file, and give Grafana the same one"
        )
    return token
