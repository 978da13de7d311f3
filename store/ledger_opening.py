"""Opening: from the configuration to a ledger."""

from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from soakwatch.core.configuration import Configuration
from soakwatch.core.errors import ConfigurationError, StoreUnavailable
from soakwatch.core.store_settings import StoreKind
from soakwatch.store.ledger import Ledger
from soakwatch.store.ledger_database import LedgerDatabase
from soakwatch.store.ledger_postgresql import postgresql_database
from soakwatch.store.ledger_sqlite import make_ledger_file, sqlite_database
from soakwatch.store.sql_ledger import SqlLedger

_VARIABLE = "SOAKWATCH_LEDGER__URL"


def has_ledger(configuration: Configuration) -> bool:
    """Whether there may be one: a file that is there, or a database. Raises ConfigurationError."""
    place = place_of(configuration)
    return not isinstance(place, Path) or place.exists()


def open_ledger(configuration: Configuration) -> Ledger:
    """Open the configured ledger, which exists. Raises StoreUnavailable and ConfigurationError."""
    place = place_of(configuration)
    if not has_ledger(configuration):
        raise StoreUnavailable(f"there is no ledger at {place} yet; `soakwatch watch` makes one")
    return SqlLedger.open(_database(place))


def create_ledger(configuration: Configuration) -> Ledger:
    """Open the configured ledger, made where there is none. Raises StoreUnavailable and ConfigurationError."""
    place = place_of(configuration)
    if isinstance(place, Path):
        make_ledger_file(place)
    return SqlLedger.create(_database(place))


def place_of(configuration: Configuration) -> Path | URL:
    """Where the configured ledger is: a file, or a database of PostgreSQL. Raises ConfigurationError."""
    section, store = configuration.ledger, configuration.store
    url = section.url.get_secret_value()
    if url:
        return _place_in(url)
    if section.path is not None:
        return section.path
    beside = store.path if store.kind is StoreKind.SQLITE else Path("soakwatch.db")
    return beside.with_name(f"{beside.stem}-ledger{beside.suffix}")


def _database(place: Path | URL) -> LedgerDatabase:
    return sqlite_database(place) if isinstance(place, Path) else postgresql_database(place)


def _place_in(url: str) -> Path | URL:
    parts = _parsed(url)
    if parts is None or parts.drivername not in {"postgresql", "sqlite"} or not parts.database:
        raise ConfigurationError(
            f"{_VARIABLE}: it must be postgresql://user@host/database, or sqlite:/// and the path of a file"
        )
    if parts.drivername == "sqlite":
        return Path(parts.database)
    # a password with @, / or : in it makes its rest the host or the database, which messages show
    if url.count("@") > 1 or ("@" in url and parts.username is None):
        raise ConfigurationError(
            f"{_VARIABLE}: only one @ can be in it, before the host; in user and password write %40 for an @, %2F for "
            "a slash and %3A for a colon"
        )
    return parts


def _parsed(url: str) -> URL | None:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):  # which show parts of it
        return None
