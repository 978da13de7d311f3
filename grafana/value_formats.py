"""Formats of a variable's value, such as `${name:regex}`.

As the format registry of Grafana's scenes (packages/scenes/src/variables/interpolation/formatRegistry.ts) and, for a
query without a format, `interpolateQueryExpr` of its InfluxDB data source (public/app/plugins/datasource/influxdb/
datasource.ts).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

Value = str | tuple[str, ...]
"""A list where several may be chosen, also when it is one."""

Format = Callable[["Choice", str], str]
"""Writes what was chosen for the variable of this name."""

_SPECIAL = re.compile(r"[\\^$*+?.()|\[\]{}/]")
_NUMBER = re.compile(r"\s*[+-]?(Infinity|\d|\.\d)", re.ASCII)
_BETWEEN_SLASHES = re.compile(r"(?<=/).+?(?=/)")


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen for a variable.

    `multi` says whether several may be; `verbatim` that it is a variable's own text for All, which no format touches.
    `text` is what people see, where that is something else.
    """

    value: Value
    multi: bool = False
    verbatim: bool = False
    text: str = ""

    @property
    def values(self) -> tuple[str, ...]:
        """All that was chosen."""
        return (self.value,) if isinstance(self.value, str) else self.value


def escaped_regex(text: str) -> str:
    """A regular expression that matches `text`; a slash is escaped too."""
    return _SPECIAL.sub(r"\\\g<0>", text)


def _regex(choice: Choice) -> str:
    escaped = [escaped_regex(value) for value in choice.values]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


def _glob(choice: Choice) -> str:
    return choice.values[0] if len(choice.values) == 1 else f"{{{','.join(choice.values)}}}"


def _quoted(choice: Choice, quote: str) -> str:
    return ",".join(f"{quote}{value.replace(quote, chr(92) + quote)}{quote}" for value in choice.values)


def _percent(choice: Choice) -> str:
    text = choice.value if isinstance(choice.value, str) else f"{{{','.join(choice.value)}}}"
    return quote(text, safe="-_.~")


_FORMATS: dict[str, Callable[[Choice], str]] = {
    "regex": _regex,
    "raw": lambda choice: ",".join(choice.values),
    "pipe": lambda choice: "|".join(choice.values),
    "csv": lambda choice: ",".join(choice.values),
    "singlequote": lambda choice: _quoted(choice, "'"),
    "doublequote": lambda choice: _quoted(choice, '"'),
    "percentencode": _percent,
    "glob": _glob,
    "text": lambda choice: choice.text or " + ".join(choice.values),
}


def format_called(name: str) -> Format:
    """The format of this name; `glob`, as in Grafana, where there is no such."""
    chosen = _FORMATS.get(name, _glob)

    def form(choice: Choice, _: str) -> str:
        # its text is for people; the rest of Grafana's formats leave it as it is
        if choice.verbatim and name not in {"text", "percentencode"}:
            return "".join(choice.values)
        return chosen(choice)

    return form


def format_of_query(query: str) -> Format:
    """How Grafana's InfluxDB data source writes a variable without a format in `query`.

    One that several values may be chosen for becomes `(a|b)`, each escaped for a regular expression. Others are escaped
    only where `$name` (not `${name}`) stands somewhere between two slashes of its line. What begins like a number never
    is.
    """

    def form(choice: Choice, name: str) -> str:
        value = choice.value
        if choice.verbatim:
            return "".join(choice.values)
        if isinstance(value, str) and _NUMBER.match(value):
            return value
        if choice.multi or _is_between_slashes(name, query):
            return escaped_regex(value) if isinstance(value, str) else f"({'|'.join(map(escaped_regex, value))})"
        return ",".join(choice.values)

    return form


def _is_between_slashes(name: str, query: str) -> bool:
    if not re.search(rf"/\^?.*\${re.escape(name)}.*\$?/", query):
        return False
    return any(_compiles(part) for part in _BETWEEN_SLASHES.findall(query))


def _compiles(expression: str) -> bool:
    try:
        re.compile(expression)
    except re.error:
        return False
    return True
