"""Delays: how long something took, also where it never came."""

from dataclasses import dataclass
from math import ceil, inf


@dataclass(frozen=True, slots=True)
class Delays:
    """How long each of several things took, in seconds; None for what did not happen."""

    values: tuple[float | None, ...]

    @property
    def happened(self) -> int:
        """How many did."""
        return sum(one is not None for one in self.values)

    def quantile(self, share: float) -> float | None:
        """The time after which `share` of all had happened; None where they never had."""
        if not self.values:
            return None
        in_order = sorted(inf if one is None else one for one in self.values)
        # rounded, so that a share such as 0.1 + 0.2 of ten is three of them
        value = in_order[max(0, ceil(round(share * len(in_order), 9)) - 1)]
        return None if value == inf else value

    def within(self, seconds: float) -> float:
        """Share of all that happened within `seconds`; 0 where there are none."""
        return sum(one is not None and one <= seconds for one in self.values) / max(len(self.values), 1)
