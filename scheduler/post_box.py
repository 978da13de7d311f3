"""The post box: what the daemon was told over HTTP, kept where its jobs find it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from soakwatch.core.alert import Alert
from soakwatch.core.deploy import Deploy
from soakwatch.scheduler.alert_book import note_alerts
from soakwatch.store.contract import WindowStore
from soakwatch.store.ledger import Ledger


@dataclass(frozen=True, slots=True)
class PostBox:
    """Keeps alerts in `ledger`, and deploys in a store that is `opened` for each: a store is for one thread at a time.

    `hears` is told what came, in a sentence. Both methods raise StoreUnavailable where it is not kept now, and
    StoreRefused where it never will be.
    """

    ledger: Ledger
    opened: Callable[[], WindowStore]
    clock: Callable[[], float]
    hears: Callable[[str], None] = lambda _sentence: None

    def take_alerts(self, alerts: Sequence[Alert]) -> None:
        """Keep alerts; the pass over issues makes something of them."""
        with self.ledger.transaction() as work:
            note_alerts(work, alerts, self.clock())
        for alert in alerts:
            self.hears(f"told: {alert.name} {'fires' if alert.fires else 'is resolved'}")

    def take_deploy(self, deploy: Deploy) -> None:
        """Keep a deploy; marked again it is the same one."""
        with self.opened() as store:
            store.write([deploy])
        whose = "all services" if deploy.service == "*" else deploy.service
        self.hears(f"told: {deploy.label} of {whose} in {deploy.environment} was deployed")
