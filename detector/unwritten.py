"""Unwritten changes: what of the engine's memory has changed since it was last written to the ledger."""

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Unwritten:
    """`blocks` by their numbers, `rows` whose baselines changed, `groups` whose usual moves did, and the `series`.

    `examined` are the held levels of open incidents.
    """

    blocks: set[int] = field(default_factory=set)
    rows: set[int] = field(default_factory=set)
    groups: set[int] = field(default_factory=set)
    series: bool = False
    examined: bool = False

    def everything(self, rows: int, blocks: Iterable[int]) -> None:
        """The rows were numbered anew; nobody knows yet how much they usually move."""
        self.blocks = set(blocks)
        self.rows = set(range(rows))
        self.groups.clear()
        self.series = True

    def clear(self) -> None:
        """All is written."""
        self.blocks.clear()
        self.rows.clear()
        self.groups.clear()
        self.series = False
        self.examined = False
