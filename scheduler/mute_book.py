"""The mute book: what people asked to be muted, as the ledger keeps it, by id."""

import secrets
from contextlib import suppress
from dataclasses import replace

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from soakwatch.core.errors import UsageError
from soakwatch.core.mute import Mute
from soakwatch.store.ledger import LedgerReading, LedgerTransaction

_PREFIX = "mute "
_KEPT = 400 * 86_400.0
"""Seconds after its end for which a mute is known: a detector that begins anew looks back for a year at most."""

_RECORD = TypeAdapter(Mute)


def known_mutes(ledger: LedgerReading) -> list[Mute]:
    """All that are known, also those that are over or yet to begin; by their beginning. Raises StoreUnavailable."""
    found = []
    for record in ledger.remembered(_PREFIX).values():
        with suppress(ValidationError):  # a later version's
            found.append(_RECORD.validate_json(record))
    return sorted(found, key=lambda one: (one.span, one.id))


def note_mute(work: LedgerTransaction, mute: Mute) -> Mute:
    """Keep a mute, under an id that no other has; forget those that ended long ago. Gives it with its id.

    Raises UsageError for names and reasons that are no text.
    """
    known = known_mutes(work)
    taken = {one.id for one in known}
    while not mute.id or mute.id in taken:
        mute = replace(mute, id=secrets.token_hex(4))
    work.forget(f"{_PREFIX}{one.id}" for one in known if one.span.end < mute.asked - _KEPT)
    _keep(work, mute)
    return mute


def end_mute(work: LedgerTransaction, beginning: str, now: float) -> Mute:
    """End the mute whose id begins so; one that has not begun is forgotten. Gives it as it is then.

    Raises UsageError where there is none, more than one, or one that is over.
    """
    mute = _named(work, beginning, now)
    if mute.span.start >= now:
        work.forget([f"{_PREFIX}{mute.id}"])
    else:
        _keep(work, mute.ended(now))
    return mute.ended(now)


def _named(ledger: LedgerReading, beginning: str, now: float) -> Mute:
    there = [one for one in known_mutes(ledger) if not one.is_over(now)]
    found = [one for one in there if beginning.strip() and one.id.startswith(beginning.strip().lower())]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"{len(found)} mutes begin with {beginning!r}; write more of it")
    names = ", ".join(one.id for one in there) or "none"
    raise UsageError(f"there is no mute {beginning!r} that is not over; there are: {names}")


def _keep(work: LedgerTransaction, mute: Mute) -> None:
    try:
        record = _RECORD.dump_json(mute)
    except PydanticSerializationError:  # a command line may hold any bytes
        raise UsageError("service, environment, reason and name must be text in UTF-8") from None
    work.remember({f"{_PREFIX}{mute.id}": record})
