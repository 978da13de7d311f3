"""The soak book: what people want of each soak, and where each one runs, as the ledger keeps it."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from soakwatch.store.ledger import LedgerReading, LedgerTransaction

_WISH, _PLACE = "soak wish ", "soak place "

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Wish:
    """Somebody wanted at `at`, in seconds since the epoch, that a soak runs, or that it does not."""

    wanted: bool
    at: float


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """A soak may be under way on `machine` up to `until`, also when the daemon there says nothing more."""

    machine: str
    until: float


_WISHES, _PLACES = TypeAdapter(Wish), TypeAdapter(Whereabouts)


def wishes(ledger: LedgerReading) -> dict[str, Wish]:
    """The last wish about each soak of which anybody wanted anything, by name. Raises StoreUnavailable."""
    return _read(ledger, _WISH, _WISHES)


def note_wish(work: LedgerTransaction, name: str, wish: Wish) -> None:
    """Keep what is wanted of a soak; the daemon obeys soon."""
    work.remember({f"{_WISH}{name}": _WISHES.dump_json(wish)})


def whereabouts(ledger: LedgerReading) -> dict[str, Whereabouts]:
    """Where soaks may be under way, by name. Raises StoreUnavailable."""
    return _read(ledger, _PLACE, _PLACES)


def note_whereabouts(work: LedgerTransaction, name: str, place: Whereabouts) -> None:
    """Keep where a soak is."""
    work.remember({f"{_PLACE}{name}": _PLACES.dump_json(place)})


def forget_whereabouts(work: LedgerTransaction, name: str) -> None:
    """Note that it has ended."""
    work.forget([f"{_PLACE}{name}"])


def _read(ledger: LedgerReading, prefix: str, form: TypeAdapter[_T]) -> dict[str, _T]:
    known: dict[str, _T] = {}
    records: Mapping[str, bytes] = ledger.remembered(prefix)
    for name, record in records.items():
        with suppress(ValidationError):  # a later version's
            known[name.removeprefix(prefix)] = form.validate_json(record)
    return known
