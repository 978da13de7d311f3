"""StoreThread: a store whose work is done beside the event loop."""

from collections.abc import Callable
from math import inf
from typing import TypeVar

import gevent

from soakwatch.collector.native_thread import NativeThread
from soakwatch.core.errors import StoreUnavailable
from soakwatch.store.contract import WindowStore

T = TypeVar("T")

_CLOSING_TIME = 1.0
"""Seconds to close a store that is idle."""


class StoreThread:
    """A store, opened at its first use and again after it could not be reached, in a native thread of its own."""

    def __init__(self, open_store: Callable[[], WindowStore]) -> None:
        """Open nothing yet."""
        self._open_store = open_store
        self._store: WindowStore | None = None
        self._thread = NativeThread()

    def run(self, work: Callable[[WindowStore], T], seconds: float = inf) -> T:
        """Do `work` with the store. Raises what it raises, and StoreUnavailable when it is not done in `seconds`.

        What takes longer goes on in the thread, and what comes after it waits.
        """
        late = gevent.Timeout(None if seconds == inf else seconds)
        try:
            with late:
                result: T = self._thread.run(self._with_store, work)
                return result
        except gevent.Timeout as timeout:
            if timeout is not late:
                raise
            raise StoreUnavailable(f"the store did not answer within {seconds:g} s") from None

    def _with_store(self, work: Callable[[WindowStore], T]) -> T:
        if self._store is None:
            self._store = self._open_store()
        try:
            return work(self._store)
        except StoreUnavailable:
            self._store.close()
            self._store = None
            raise

    def close(self) -> None:
        """Close the store, unless it hangs: then it is left to the end of the process."""
        if self._store is not None and not self._thread.busy:
            with gevent.Timeout(_CLOSING_TIME, exception=False):
                self._thread.run(self._close)

    def _close(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            store.close()
