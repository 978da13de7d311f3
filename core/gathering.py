"""Gathering: windows merged as they come, so that memory does not grow with their number."""

from dataclasses import dataclass, field

from soakwatch.core.window import Window, merge_windows

_AT_ONCE = 8
"""Windows that wait until they are merged: merging each alone would take several times as long."""


@dataclass(slots=True)
class Gathering:
    """Windows of which only the merge is wanted."""

    _parts: list[Window] = field(default_factory=list)

    def add(self, window: Window) -> None:
        """Add one more."""
        if len(self._parts) == _AT_ONCE:
            self._parts[:] = [merge_windows(self._parts)]
        self._parts.append(window)

    def merged(self) -> Window:
        """`merge_windows` of all that were added, of which there is at least one."""
        return merge_windows(self._parts)
