"""Lasting work: what a job works with, opened when it is first needed and kept from round to round."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from typing import Generic, TypeVar

from soakwatch.core.errors import SoakwatchError
from soakwatch.scheduler.job import Stopped, Stopping

T = TypeVar("T")


class LastingWork(Generic[T]):
    """Does `work` with what `open_` opens. After trouble it is opened anew: whatever was wrong is not kept."""

    def __init__(
        self,
        open_: Callable[[], AbstractContextManager[T]],
        work: Callable[[T, float, Stopping], Sequence[str]],
    ) -> None:
        """Open nothing yet."""
        self._open = open_
        self._work = work
        self._kept: T | None = None
        self._opened = ExitStack()

    def __call__(self, now: float, stopping: Stopping) -> Sequence[str]:
        """Do what is due. Raises what opening and working raise."""
        if self._kept is None:
            self._kept = self._opened.enter_context(self._open())
        try:
            return self._work(self._kept, now, stopping)
        except Stopped:
            raise
        except Exception:
            self.close()
            raise

    def close(self) -> None:
        """Let go of what is open."""
        self._kept = None
        with suppress(SoakwatchError):
            self._opened.close()
