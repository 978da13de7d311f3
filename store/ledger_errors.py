"""Ledger errors: what SQLAlchemy and the databases raise, in our words and without any secret."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from soakwatch.core.errors import StoreRefused, StoreUnavailable
from soakwatch.store.sqlite_file import advice_on


@contextmanager
def translated(address: str) -> Iterator[None]:
    """Turn what comes out of the ledger at `address` into StoreRefused and StoreUnavailable."""
    try:
        yield
    except (exc.DataError, exc.IntegrityError, UnicodeEncodeError, OverflowError) as error:
        raise StoreRefused(f"{address}: this cannot be kept: {_first_line(error)}") from error
    except (exc.DBAPIError, exc.TimeoutError) as error:
        trouble = _first_line(error)
        raise StoreUnavailable(f"{address}: {trouble}{advice_on(trouble) or _advice(trouble)}") from error


def _first_line(error: Exception) -> str:
    # the driver's own words: SQLAlchemy's have the whole statement around them, PostgreSQL's next lines the values
    said = str(error.orig if isinstance(error, exc.DBAPIError) else error).strip()
    return said.splitlines()[0] if said else type(error).__name__


def _advice(trouble: str) -> str:
    known = {
        "lock timeout": "; another process is writing, try again",
        "permission denied": "; let this user read, write and create there",
        "relation": "; its tables are not those that soakwatch made, restore them",
        "does not exist": "; make it, or mend SOAKWATCH_LEDGER__URL",
        "authentication failed": "; mend SOAKWATCH_LEDGER__URL",
        "no password supplied": "; mend SOAKWATCH_LEDGER__URL",
        "unable to open": "; put it back, or let this user read and write it; `soakwatch watch` makes a new one",
        "no such table": "; it was emptied or replaced: put it back, or start `soakwatch watch` anew",
        "No space left": "; make room on its disk",
    }
    return next((advice for words, advice in known.items() if words in trouble), "")
