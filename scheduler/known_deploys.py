"""Known deploys: all that changed something, without asking for those of long ago each minute."""

from math import inf

from soakwatch.core.deploy import Deploy, changes
from soakwatch.core.span import Span
from soakwatch.store.contract import WindowStore


class KnownDeploys:
    """The deploys of a store; those before a moment are asked for once, and only their changes are kept.

    Each run names its version, so that there are as many deploys as runs, while few of them change anything. Without
    the old ones, the first run of a stretch would look like the deploy of its version.
    """

    def __init__(self, store: WindowStore) -> None:
        """Begin; nothing is read yet."""
        self._store = store
        self._old: list[Deploy] = []
        self._old_until = -inf

    def changes(self, now: float, recent: float) -> list[Deploy]:
        """All that are known at `now` and changed something; deploys since `recent` may still be marked later on.

        Raises StoreUnavailable.
        """
        if recent < self._old_until:  # the clock was set back: what was after is not known then
            self._old, self._old_until = [], -inf
        known = changes([*self._old, *self._store.deploys(Span(self._old_until, now))])
        self._old, self._old_until = [deploy for deploy in known if deploy.at < recent], recent
        return known
