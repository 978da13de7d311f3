"""Parts of line protocol: how tags and the values of fields are written."""

from collections.abc import Mapping
from math import isfinite

from soakwatch.store.text_codec import encode_text

_LARGEST = 2**63 - 1
_ESCAPED = str.maketrans({",": "\\,", " ": "\\ ", "=": "\\="})


def tag_text(**tags: str) -> str:
    """Tags, with the comma before each; best given in the order of their names, in which the server keeps them."""
    return "".join(f",{name}={encode_text(text).translate(_ESCAPED)}" for name, text in tags.items())


def text_fields(fields: Mapping[str, str]) -> str:
    """Fields of texts."""
    return ",".join(f"{name}={quoted(text)}" for name, text in fields.items())


def quoted(text: str) -> str:
    """The value of a field that is a text."""
    return '"' + encode_text(text).replace('"', '\\"') + '"'


def integer(number: int) -> str:
    """The value of a field that is a whole number. Raises ValueError beyond 64 bits."""
    if not -_LARGEST <= number <= _LARGEST:
        raise ValueError(f"{number} is too large a number for InfluxDB")
    return f"{number:d}i"


def floating(number: float) -> str:
    """The value of a field that is a number. Raises ValueError for NaN and infinite ones."""
    if not isfinite(number):
        raise ValueError(f"{number} is no number for InfluxDB")
    return float.__repr__(float(number))


def boolean(value: object) -> str:
    """The value of a field that is true or false."""
    return "true" if value else "false"
