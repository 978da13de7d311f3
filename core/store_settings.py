"""Store settings: which store, where it is, and the token for it."""

import json
import re
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from soakwatch.core.environment_variables import ENVIRONMENT_PREFIX, TOKEN_VARIABLE
from soakwatch.core.errors import ConfigurationError
from soakwatch.core.section import Section
from soakwatch.core.tokens import read_token


def _without_credentials(url: str) -> str:
    try:
        parts = urlsplit(url)
        addressed = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        whole = addressed and not set(url) & set("@?# \t\r\n")
    except ValueError:
        whole = False
    if not whole:
        raise ValueError("it must be an address such as 'http://localhost:8086', without user and password")
    return url.rstrip("/")


def _bucket(name: str) -> str:
    if not name or name.startswith("_") or not name.isprintable() or set(name) & set(' "\\'):
        raise ValueError("it must be a name without spaces, quotes and backslashes that does not begin with _")
    return name


OptionalPath = Annotated[Path | None, BeforeValidator(lambda path: None if path == "" else path)]
"""TOML has no word for nothing: the empty text means it."""

_PORTS = {"http": 80, "https": 443}


class StoreKind(StrEnum):
    """What keeps the windows."""

    SQLITE = "sqlite"
    INFLUXDB = "influxdb"


class StoreSection(Section):
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
        None, description="folder where windows wait [default: beside the SQLite file; one for each InfluxDB bucket]"
    )

    @property
    def address(self) -> str:
        """Where it is, for people; without any secret."""
        return str(self.path) if self.kind is StoreKind.SQLITE else f"{self.url} (bucket {self.bucket!r})"

    @property
    def spool_folder(self) -> Path:
        """Where windows wait that the store has not taken yet; each store has its own, unless `spool` names one."""
        beside = Path(f"{self.path}.spool") if self.kind is StoreKind.SQLITE else _spool_of(self)
        return self.spool or beside

    def read_token(self) -> SecretStr:
        """InfluxDB's token: the given one, else what the token file holds.

        Raises ConfigurationError, which does not show it, when there is none or it cannot be one.
        """
        token = read_token(self.token, self.token_file, "store")
        if not token.get_secret_value():
            where = "set store.token_file to a file that holds it"
            raise ConfigurationError(f"InfluxDB at {self.url} needs a token; set {TOKEN_VARIABLE} to it, or {where}")
        return token

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


def _spool_of(store: StoreSection) -> Path:
    url = urlsplit(store.url)
    host = url.hostname or ""
    identity = json.dumps([url.scheme, host, url.port or _PORTS[url.scheme], url.path, store.org, store.bucket])
    readable = re.sub(r"[^A-Za-z0-9.]+", "_", f"{host}-{store.bucket}")[:60]
    # two stores may read alike: the digest tells them apart
    return Path(f"soakwatch.{readable}-{sha256(identity.encode()).hexdigest()[:8]}.spool")
