"""`soakwatch issues webhook`: Grafana's alerts become issues too."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from soakwatch.cli.issue_sync import ApplyOption, opened_keeping, tell_change
from soakwatch.cli.options import ConfigOption, StoreOption, with_store
from soakwatch.cli.terminal import notes, printable
from soakwatch.core.configuration import Configuration
from soakwatch.core.configuration_file import load_configuration
from soakwatch.core.errors import ConfigurationError, SoakwatchError, UsageError
from soakwatch.core.tokens import read_token, variable_of

if TYPE_CHECKING:
    from soakwatch.core.alert import Alert
    from soakwatch.scheduler.accounting import Accounting
    from soakwatch.scheduler.issue_keeping import IssueKeeping

_EVERY = 60.0
_FEWEST_CHARACTERS = 16
"""Of a token: what is shorter can be guessed."""


def webhook(apply: ApplyOption = False, config: ConfigOption = None, store: StoreOption = None) -> None:
    """Take the alerts of Grafana, and keep the issues each minute, until SIGINT or SIGTERM.

    In Grafana it is a contact point of the kind Webhook, with the address that is printed and the authorization header
    `Bearer` and the token. An alert that carries the label `soakwatch_incident` adds to the issue of that incident;
    others get issues of their own. Listens on this machine only, unless [webhook] says otherwise. Without --apply it
    takes alerts, but only tells what it would write to GitHub; where no repository is configured either, it only takes
    them, and they are in the ledger for when there is one.

    Example:

        SOAKWATCH_WEBHOOK__TOKEN=... soakwatch issues webhook --apply
    """
    from soakwatch.scheduler.alert_book import note_alerts
    from soakwatch.scheduler.alert_receiver import AlertReceiver, receiving
    from soakwatch.scheduler.watch import Watch
    from soakwatch.store.ledger_opening import open_ledger

    configuration = with_store(load_configuration(config), store)
    section, token = configuration.webhook, _token(configuration)
    with _opened_keeper(configuration, apply=apply) as keep, open_ledger(configuration) as ledger:

        def take(alerts: "Sequence[Alert]") -> None:
            now = time.time()
            with ledger.transaction() as work:
                note_alerts(work, alerts, now)
            for alert in alerts:
                verb = "fires" if alert.fires else "is resolved"
                notes.print(printable(f"told: {alert.name} {verb}", longest=sys.maxsize), soft_wrap=True)

        with AlertReceiver(section.host, section.port, receiving(token, take, time.time)) as receiver:
            notes.print(f"listening on {receiver.address}", markup=False, soft_wrap=True)
            Watch(keep, _EVERY, 0.0).run()
    notes.print("stopped")


@contextmanager
def _opened_keeper(configuration: Configuration, *, apply: bool) -> Iterator[Callable[[Callable[[], bool]], None]]:
    """What is done each minute about the issues."""
    from soakwatch.cli.github_connection import repository_of
    from soakwatch.scheduler.accounting import Accounting
    from soakwatch.store.opening import open_projection

    if not apply and not repository_of(configuration):
        notes.print(
            "no repository is configured, so alerts are only taken; issues need github.repository", markup=False
        )
        yield lambda _stopping: None
        return
    with opened_keeping(configuration, writes=apply) as (keeping, _), open_projection(configuration) as projection:
        accounting = Accounting(projection, configuration.environment)
        yield _Keeper(keeping, accounting if apply else None).keep


class _Keeper:
    """Keeps the issues; a trouble that lasts is told once."""

    def __init__(self, keeping: "IssueKeeping", accounting: "Accounting | None") -> None:
        """Without an account of what is written nothing is written."""
        self._keeping = keeping
        self._accounting = accounting
        self._told: Sequence[str] = ()

    def keep(self, _stopping: Callable[[], bool]) -> None:
        """One pass; only wrong usage or configuration is raised."""
        from soakwatch.reporter.change_words import describe

        now = time.time()
        try:
            if self._accounting is not None:
                self._tell(self._keeping.keep(now, self._accounting, tell_change).trouble, "red")
            else:
                self._tell([f"would {describe(change)}" for change in self._keeping.look(now).changes])
        except UsageError:
            raise
        except SoakwatchError as error:
            self._tell([str(error)], "red")

    def _tell(self, lines: Sequence[str], style: str = "default") -> None:
        for line in lines:
            if line not in self._told:
                notes.print(printable(line, longest=sys.maxsize), soft_wrap=True, style=style)
        self._told = lines


def _token(configuration: Configuration) -> str:
    section = configuration.webhook
    token = read_token(section.token, section.token_file, "webhook").get_secret_value()
    if len(token) < _FEWEST_CHARACTERS:
        raise ConfigurationError(
            f"[webhook] needs a token of {_FEWEST_CHARACTERS} characters or more; set {variable_of('webhook')} or "
            "webhook.token_file, and give Grafana the same one"
        )
    return token
