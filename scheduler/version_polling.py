"""Version polling: the daemon asks services for their versions, also while no test runs."""

from collections.abc import Callable, Sequence

from soakwatch.collector.version_watch import VersionWatch
from soakwatch.core.deploy import Deploy
from soakwatch.core.errors import StoreError, StoreUnavailable
from soakwatch.core.settings import DeploySection
from soakwatch.scheduler.job import Stopping
from soakwatch.store.contract import WindowStore


class VersionPolling:
    """Asks the address of one `[[deploy]]` section in each round; a version that is another one is a deploy."""

    def __init__(self, section: DeploySection, environment: str, clock: Callable[[], float]) -> None:
        """Ask nothing yet."""
        self._watch = VersionWatch(section, environment)
        self._clock = clock
        self._unkept: Deploy | None = None

    def look(self, store: WindowStore, _now: float, _stopping: Stopping) -> Sequence[str]:
        """Ask once, and keep what is news. Raises ServiceUnavailable, StoreError.

        What the store does not take now is kept first in the next round, as of the moment at which it was seen.
        """
        self._keep(store)
        self._unkept = self._watch.ask(self._clock)
        self._keep(store)
        return ()

    def _keep(self, store: WindowStore) -> None:
        if self._unkept is None:
            return
        try:
            store.write([self._unkept])
        except StoreUnavailable:
            raise
        except StoreError:
            self._unkept = None  # refused for good: it must not keep what comes later from being kept
            raise
        self._unkept = None
