"""Ledger text: any text as a column of every database, also one with NUL characters, which PostgreSQL does not take."""

import re
from typing import Any

from sqlalchemy import Text
from sqlalchemy.types import TypeDecorator

_NUL, _LITERAL = "\u2400", "\u241b"
"""The picture of NUL stands for it; what comes after the picture of an escape stands for itself."""

_TO_ENCODE = re.compile(f"[\0{_NUL}{_LITERAL}]")
_TO_DECODE = re.compile(f"{_LITERAL}(.)|{_NUL}")


def encode_nul(text: str) -> str:
    """Write `text` without NUL; what begins a text also begins what is written of it."""
    return _TO_ENCODE.sub(lambda found: _NUL if found[0] == "\0" else _LITERAL + found[0], text)


def decode_nul(code: str) -> str:
    """Read what `encode_nul` wrote."""
    return _TO_DECODE.sub(lambda found: found[1] or "\0", code)


class AnyText(TypeDecorator[str]):
    """A column that takes any text, but for halves of surrogate pairs, which have no UTF-8."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:  # noqa: ANN401, ARG002  (SQLAlchemy's)
        """To the database."""
        return None if value is None else encode_nul(value)

    def process_result_value(self, value: str | None, dialect: Any) -> str | None:  # noqa: ANN401, ARG002  (SQLAlchemy's)
        """From the database."""
        return None if value is None else decode_nul(value)
