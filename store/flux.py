"""Flux: the questions that the store asks, in which a name can never be anything but a name."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

from soakwatch.core.span import Span
from soakwatch.store.nanoseconds import bounded_nanoseconds
from soakwatch.store.text_codec import encode_text

ALWAYS = Span(-inf, inf)

TIME, VALUE, FIELD = "_time", "_value", "_field"

_SPECIAL = re.compile(r'[\x00-\x1f\x7f"\\$]')


def literal(text: str) -> str:
    """A string literal that stands for `text`: quotes, backslashes and the dollar of `${...}` as their codes."""
    return '"' + _SPECIAL.sub(lambda found: f"\\x{ord(found[0]):02x}", text) + '"'


@dataclass(frozen=True, slots=True)
class Selection:
    """Which points are asked for: those of `measurement` in `span`, with one of the given texts in each of `tags`.

    Only `fields` of them are read.
    """

    bucket: str
    measurement: str
    fields: Sequence[str]
    tags: Mapping[str, Sequence[str]] = field(default_factory=dict)
    span: Span = ALWAYS

    def query(self, keep: Sequence[str], selector: str = "") -> str:
        """The question in Flux; of each row of the answer the columns `keep` remain.

        `selector` is what the server picks or adds up of each series and field: `last`, `first` or `sum`.
        """
        steps = [
            f"from(bucket: {literal(self.bucket)})",
            f"range(start: {_moment(self.span.start)}, stop: {_moment(self.span.end)})",
            f"filter(fn: (r) => {self._condition()})",
            *([f"{selector}()"] if selector else []),
            f"keep(columns: [{', '.join(map(literal, keep))}])",
        ]
        return " |> ".join(steps)

    def _condition(self) -> str:
        texts = {tag: [encode_text(text) for text in allowed] for tag, allowed in self.tags.items()}
        wanted = {"_measurement": [self.measurement], FIELD: self.fields, **texts}
        return " and ".join(_one_of(column, allowed) for column, allowed in wanted.items())


def _one_of(column: str, allowed: Sequence[str]) -> str:
    return "(" + " or ".join(f"r[{literal(column)}] == {literal(text)}" for text in allowed) + ")"


def _moment(seconds: float) -> str:
    return f"time(v: {bounded_nanoseconds(seconds)})"
