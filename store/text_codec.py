"""Text codec: any text in a form that InfluxDB keeps, that people can read, and that leads back to the text."""

import re

_PICTURES = 0x2400
"""Unicode has a picture of each control character: a line break is `␊`."""

_LITERAL = "\u241b"
"""What comes after this stands for itself."""

_SYMBOLS = {
    **{chr(code): chr(_PICTURES + code) for code in range(0x20)},
    "\x1b": "\u238b",  # its picture is taken: it says that what follows stands for itself
    "\x7f": "\u2421",
    "\\": "\u29f5",
}
_EMPTY = "\u2422"
"""InfluxDB has no empty tags."""

_CHARACTERS = {symbol: character for character, symbol in _SYMBOLS.items()}
_CODES = {
    **_SYMBOLS,
    **{symbol: _LITERAL + symbol for symbol in (*_CHARACTERS, _EMPTY, _LITERAL)},
    "~": _LITERAL + "~",
}
# InfluxDB's own files put #!~# between the tags and the field
_TO_ENCODE = re.compile(f"[{re.escape(''.join(_SYMBOLS))}{''.join(_CHARACTERS)}{_EMPTY}{_LITERAL}]|(?<=#!)~(?=#)")
_TO_DECODE = re.compile(f"{_LITERAL}(.)|[{''.join(_CHARACTERS)}]")


def encode_text(text: str) -> str:
    """Write `text` without control characters and backslashes, and never empty."""
    return _TO_ENCODE.sub(_code, text) if text else _EMPTY


def decode_text(code: str) -> str:
    """Read what `encode_text` wrote."""
    return "" if code == _EMPTY else _TO_DECODE.sub(_meaning, code)


def _code(found: re.Match[str]) -> str:
    return _CODES[found[0]]


def _meaning(found: re.Match[str]) -> str:
    return found[1] or _CHARACTERS[found[0]]
