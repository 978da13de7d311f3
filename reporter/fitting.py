"""Fitting: a Markdown report cut to the room that a page has, what matters least first.

It works on the lines of a report, because of one that was read back there is nothing else. A name is never at the
beginning of a line of its own, so that the lines by which parts of a report are known are only ever ours.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Measure = Callable[[str], int]
"""How much room a text takes; never less for a longer one."""

_PARTS = (
    ("the verdicts for machines", re.compile(r"<!-- soakwatch:verdicts:.*?-->\n?", re.DOTALL)),
    ("what is the same", re.compile(r"<details>\n<summary>The same: .*?\n</details>\n\n?", re.DOTALL)),
    ("the charts", re.compile(r"^## How it went\n.*?(?=^## (?!#)|\Z)", re.DOTALL | re.MULTILINE)),
)
"""What goes as a whole, first things first."""

_ROWS = (
    ("verdicts that are no regressions", ("| unknown |", "| improved |", "| same |")),
    ("kinds of errors", ("| <code>", "| all endpoints of <code>")),
    ("smaller regressions", ("| **regressed**",)),
)
"""What goes row by row after that, from the end, and how such rows begin."""


@dataclass(frozen=True, slots=True)
class _Cut:
    """A report that something was taken from, and what."""

    text: str
    gone: tuple[str, ...] = ()

    def __str__(self) -> str:
        if not self.gone:
            return self.text
        title, _, rest = self.text.partition("\n")
        return f"{title}\n\n> Shortened, because the page has no more room. Left out: {', '.join(self.gone)}.\n{rest}"

    def without(self, name: str, part: re.Pattern[str]) -> "_Cut":
        """Take out a part as a whole, if it is there."""
        text = part.sub("", self.text)
        return self if text == self.text else _Cut(text, (*self.gone, name))

    def without_rows(self, name: str, beginnings: tuple[str, ...], fits: Callable[["_Cut"], bool]) -> "_Cut":
        """Take out rows that begin so, from the end: as few as it takes, or all of them."""
        lines = self.text.splitlines(keepends=True)
        rows = [number for number, line in enumerate(lines) if line.startswith(beginnings)]

        def take(count: int) -> _Cut:
            out = set(rows[len(rows) - count :])
            kept = "".join(line for number, line in enumerate(lines) if number not in out)
            return _Cut(kept, (*self.gone, f"{name} ({count:,})"))

        enough = bisect_left(range(1, len(rows) + 1), 1, key=lambda count: fits(take(count))) + 1
        return take(min(enough, len(rows))) if rows else self

    def beginning(self, fits: Callable[["_Cut"], bool]) -> "_Cut":
        """Keep as many whole lines from the beginning as fit; of the first line, if need be, a part."""

        def keep(length: int) -> _Cut:
            beginning = self.text[:length]
            return _Cut(beginning.rpartition("\n")[0] or beginning, (*self.gone, "the rest"))

        too_long = bisect_left(range(len(self.text) + 1), 1, key=lambda length: not fits(keep(length)))
        return keep(max(0, too_long - 1))


def fit(markdown: str, room: int, measure: Measure) -> str:
    """Give `markdown` as it is where `measure` of it is at most `room`; else what matters most, and what is missing.

    The verdicts for machines go first, then the table of what is the same, the charts, rows that name no regression,
    kinds of errors, the smaller regressions, and at last whatever comes last. Empty when nothing at all fits.
    """

    def fits(cut: _Cut) -> bool:
        return measure(str(cut)) <= room

    return next((str(cut) for cut in _cuts(_Cut(markdown), fits) if fits(cut)), "")


def _cuts(cut: _Cut, fits: Callable[[_Cut], bool]) -> Iterator[_Cut]:
    yield cut
    cut = _Cut(cut.text.replace("\r\n", "\n"))  # as GitHub gives back what it was given
    for name, part in _PARTS:
        cut = cut.without(name, part)
        yield cut
    for name, beginnings in _ROWS:
        cut = cut.without_rows(name, beginnings, fits)
        yield cut
    yield cut.beginning(fits)
