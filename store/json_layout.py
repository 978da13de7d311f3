"""The layout of JSON that is kept under version control: small differences stay small, and visible."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence

_INDENT = "  "
_PERHAPS_INVISIBLE = re.compile(r"[^\x20-\x7e]")

JsonValue = str | float | int | bool | None | Mapping[str, "JsonValue"] | Sequence["JsonValue"]


def lay_out(content: JsonValue) -> str:
    """Write `content` with a line for each key, but lists of plain values on one line; ends with a line break.

    Numbers are written so that they read back equal. Characters that a reviewer could not see (control characters,
    marks that turn the direction of writing, halves of surrogate pairs) are escaped, others stay readable.
    Raises ValueError for NaN and infinite numbers, for which JSON has no word.
    """
    return _laid_out(content, "") + "\n"


def _laid_out(value: JsonValue, margin: str) -> str:
    if isinstance(value, Mapping):
        members = (f"{_plain(key)}: {_laid_out(member, margin + _INDENT)}" for key, member in value.items())
        return _enclosed("{", members, "}", margin)
    if isinstance(value, Sequence) and not isinstance(value, str):
        if any(isinstance(member, Mapping | list | tuple) for member in value):
            return _enclosed("[", (_laid_out(member, margin + _INDENT) for member in value), "]", margin)
        return f"[{', '.join(map(_plain, value))}]"
    return _plain(value)


def _enclosed(opening: str, lines: Iterable[str], closing: str, margin: str) -> str:
    inside = f",\n{margin}{_INDENT}".join(lines)
    return f"{opening}\n{margin}{_INDENT}{inside}\n{margin}{closing}" if inside else f"{opening}{closing}"


def _plain(value: object) -> str:
    return _PERHAPS_INVISIBLE.sub(_shown, json.dumps(value, ensure_ascii=False, allow_nan=False))


def _shown(character: re.Match[str]) -> str:
    return character[0] if character[0].isprintable() else json.dumps(character[0])[1:-1]
