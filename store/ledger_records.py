"""Ledger records: incidents and rulings as JSON, which later versions may add fields to."""

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, TypeVar

from pydantic import TypeAdapter, ValidationError

from soakwatch.core.incident import Incident, Ruling

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")

_INCIDENT = TypeAdapter(Incident)
_RULING = TypeAdapter(Ruling)


def encode_incident(incident: Incident) -> str:
    """Write all but its ruling, in ASCII."""
    return _encode(replace(incident, ruling=None))


def encode_ruling(ruling: Ruling) -> str:
    """Write all of it, in ASCII."""
    return _encode(ruling)


def decode_incident(record: str, ruling: str | None) -> Incident:
    """Read an incident, and what was decided about it last. Raises ValueError when they are something else.

    Fields that were not known when it was written have their defaults.
    """
    incident = _decode(_INCIDENT, record)
    return incident if ruling is None else replace(incident, ruling=decode_ruling(ruling))


def decode_ruling(record: str) -> Ruling:
    """Read a ruling. Raises ValueError when it is something else."""
    return _decode(_RULING, record)


def _encode(value: "DataclassInstance") -> str:
    # not by the adapter, which writes numbers that are none or infinite as null
    return json.dumps(asdict(value), separators=(",", ":"))


def _decode(adapter: TypeAdapter[T], record: str) -> T:
    try:
        return adapter.validate_python(json.loads(record))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"{place}: {first['msg']}") from error
