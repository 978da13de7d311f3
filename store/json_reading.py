"""Reading JSON that people may have edited: nothing ambiguous passes, and every complaint has a line."""

import json
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from re import compile as pattern
from typing import Any, NoReturn

from soakwatch.core.errors import UsageError

Keys = tuple[str | int, ...]
"""The way to a value: keys of objects and indexes of lists."""

_WHITESPACE = pattern(r"[ \t\n\r]*")
_DEEPEST = 50
"""Levels that places are looked for in; none of our files has ten."""

_NO_NUMBERS = ("NaN", "Infinity", "-Infinity")


class _DuplicateKey(Exception):
    """An object has a key twice, and which one counts would be chance."""


class _NotFinite(Exception):
    """A number is NaN or infinite, which is not JSON."""


@dataclass(frozen=True, slots=True)
class JsonFile:
    """A file's `content`, and its `text` to find places in. `name` is how messages call it."""

    name: str
    text: str
    content: Any

    def place(self, keys: Keys) -> str:
        """`FILE:LINE` of the value at `keys`, or of the nearest that is there."""
        known = dict(_walk(self.text))
        while keys and keys not in known:
            keys = keys[:-1]
        return f"{self.name}:{_line(self.text, known[keys])}"


def read_json(path: Path) -> JsonFile:
    """Read and parse `path`. Raises UsageError as `parse_json`, and when it cannot be read or is not UTF-8."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{path}:{line}: not JSON: byte {error.start} is not UTF-8 text; UTF-8 was expected") from None
    return parse_json(text, str(path))


def parse_json(text: str, name: str) -> JsonFile:
    """Parse `text`, which messages call `name`.

    Raises UsageError that names the place: not JSON, cut off, a key twice in one object, NaN or infinite numbers.
    """
    if not text.strip():
        raise UsageError(f"{name}:1: empty; JSON was expected")
    try:
        return JsonFile(name, text, json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant))
    except json.JSONDecodeError as error:
        cut = "; the file seems to be cut off there" if error.pos >= len(text.rstrip()) else ""
        raise UsageError(f"{name}:{error.lineno}:{error.colno}: not JSON: {error.msg}{cut}") from None
    except _DuplicateKey:
        keys, at = _first_duplicate(text)
        raise UsageError(f"{name}:{_line(text, at)}: {spell(keys)} is there twice; keep one of them") from None
    except _NotFinite:
        keys, at = next(((keys, at) for keys, at in _walk(text) if text.startswith(_NO_NUMBERS, at)), ((), 0))
        raise UsageError(
            f"{name}:{_line(text, at)}: {spell(keys)}: JSON knows no NaN and no Infinity; a finite number was expected"
        ) from None
    except (RecursionError, ValueError):
        raise UsageError(f"{name}: nested deeper, or with longer numbers, than any file of soakwatch") from None


def spell(keys: Keys) -> str:
    """Write `keys` as people do: `runs[0].endpoints[3].mean`."""
    dotted = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)
    return dotted.removeprefix(".") or "the file"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise _DuplicateKey
    return members


def _refuse_constant(_: str) -> NoReturn:
    raise _NotFinite


def _first_duplicate(text: str) -> tuple[Keys, int]:
    seen: set[Keys] = set()
    for keys, at in _walk(text):
        if keys in seen:
            return keys, at
        seen.add(keys)
    return (), 0


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _walk(text: str) -> Iterator[tuple[Keys, int]]:
    """Every value of valid JSON and where it begins; the parser itself forgets that."""
    yield from _values(text, _solid(text, 0), ())


def _values(text: str, at: int, keys: Keys) -> Generator[tuple[Keys, int], None, int]:
    yield keys, at
    if text[at] not in "{[" or len(keys) == _DEEPEST:
        return json.JSONDecoder().raw_decode(text, at)[1]
    is_object = text[at] == "{"
    number = 0
    at = _solid(text, at + 1)
    while text[at] not in "}]":
        key: str | int = number
        if is_object:
            key, at = json.JSONDecoder().raw_decode(text, at)
            at = _solid(text, _solid(text, at) + 1)
        at = _solid(text, (yield from _values(text, at, (*keys, key))))
        at = _solid(text, at + 1) if text[at] == "," else at
        number += 1
    return at + 1


def _solid(text: str, at: int) -> int:
    found = _WHITESPACE.match(text, at)
    return found.end() if found else at
