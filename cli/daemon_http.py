"""The daemon's HTTP, put together from the configuration."""

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from soakwatch.cli.terminal import notes, printable
from soakwatch.collector.spool import Spool
from soakwatch.core.configuration import Configuration
from soakwatch.core.http_settings import http_token
from soakwatch.scheduler.daemon_app import daemon_app
from soakwatch.scheduler.daemon_report import DaemonReport
from soakwatch.scheduler.daemon_view import DaemonView, DetectionCounts
from soakwatch.scheduler.http_server import DaemonServer
from soakwatch.scheduler.post_box import PostBox
from soakwatch.store.ledger import Ledger
from soakwatch.store.opening import create_store


def daemon_server(
    configuration: Configuration,
    ledger: Ledger,
    report: Callable[[], DaemonReport],
    detected: Callable[[], DetectionCounts | None] = lambda: None,
    lease_trouble: Callable[[], str] = lambda: "",
) -> DaemonServer:
    """Listen where `[http]` says; it answers while the block of the server lasts.

    What is told goes to `ledger` and the configured store, and is said on standard error. The callables are those of
    `DaemonView`. Raises UsageError where that cannot be listened on, ConfigurationError for a token that is none.
    """
    box = PostBox(ledger, partial(create_store, configuration), time.time, _say)
    view = DaemonView(
        report,
        box.take_alerts,
        box.take_deploy,
        configuration.environment,
        detected=detected,
        spooled=lambda: _spooled(configuration.store.spool_folder),
        lease_trouble=lease_trouble,
    )
    section = configuration.http
    return DaemonServer(section.host, section.port, daemon_app(view, http_token(section), time.time))


def _spooled(folder: Path) -> int | None:
    try:
        return Spool.size_of_all(folder)
    except OSError:
        return None


def _say(sentence: str) -> None:
    notes.print(printable(sentence, longest=sys.maxsize), soft_wrap=True)
