"""Version polling: the daemon asks services for their versions, also while no test runs."""

from collections.abc import Callable, Sequence

from soakwatch.collector.version_watch import VersionWatch
from soakwatch.core.settings import DeploySection
from soakwatch.scheduler.job import Stopping
from soakwatch.store.contract import WindowStore


class VersionPolling:
    """Asks the address of one `[[deploy]]` section in each round; a version that is another one is a deploy."""

    def __init__(self, section: DeploySection, environment: str, clock: Callable[[], float]) -> None:
        """Ask nothing yet."""
        self._watch = VersionWatch(section, environment)
        self._clock = clock

    def look(self, store: WindowStore, _now: float, _stopping: Stopping) -> Sequence[str]:
        """Ask once, and keep what is news. Raises ServiceUnavailable, StoreError."""
        deploy = self._watch.ask(self._clock)
        if deploy is not None:
            store.write([deploy])
        return ()
