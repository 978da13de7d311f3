"""The contract of a projection: what is written for dashboards only, and never read back."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from soakwatch.core.judgement import Judgement, ServiceVerdict
from soakwatch.core.pass_account import PassAccount
from soakwatch.core.shown_incident import Region, ShownIncident

Projected = Judgement | ServiceVerdict | ShownIncident | Region | PassAccount
"""What a projection takes. Each one's key is a function of what it describes: written twice, it is there once."""


class Projection(ABC):
    """Where dashboards find what was decided. Writing raises StoreUnavailable and StoreRefused."""

    @abstractmethod
    def write(self, points: Sequence[Projected]) -> None:
        """Show `points`."""

    @abstractmethod
    def close(self) -> None:
        """Let go of connections."""

    def __enter__(self) -> Self:
        """Use as a context manager that closes."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()


class NoDashboards(Projection):
    """Of a store that no dashboard reads: nothing is written."""

    def write(self, points: Sequence[Projected]) -> None:
        """Write nothing."""

    def close(self) -> None:
        """Nothing to let go of."""
