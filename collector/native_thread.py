"""NativeThread: work that would stall the event loop, done beside it."""

from collections.abc import Callable
from typing import Any, TypeVar

from gevent.threadpool import ThreadPool

T = TypeVar("T")


class NativeThread:
    """One thread of the operating system; calls are done one after the other, while other greenlets go on."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._pool = ThreadPool(1)

    def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """Do `work(*arguments)` there and wait for it, letting other greenlets run. Raises what it raises."""
        # gevent would print the traceback of an exception that leaves the pool, so it comes out as a value
        value, error = self._pool.apply(_outcome, (work, arguments))
        if error is not None:
            raise error
        return value  # type: ignore[no-any-return]  # gevent's is untyped

    @property
    def busy(self) -> bool:
        """Whether a call is under way there, or waits for its turn."""
        return len(self._pool) > 0


def _outcome(work: Callable[..., T], arguments: tuple[Any, ...]) -> tuple[T | None, Exception | None]:
    try:
        return work(*arguments), None
    except Exception as error:  # noqa: BLE001  (raised again in the greenlet that waits for it)
        return None, error
