"""The Locust plugin: `import soakwatch.collector.plugin` in a locustfile starts streaming.

Importing it only registers listeners; greenlets, files and connections begin with Locust's `init` event, in each
process for itself. Importing it twice, also from two places, counts once.
"""

import importlib
import sys
from typing import Any

import locust
from locust.env import Environment
from locust.event import Events
from locust.runners import Runner, WorkerRunner

from soakwatch.collector.guard import quietly
from soakwatch.collector.leader import LeaderSession
from soakwatch.collector.options import add_options, with_options
from soakwatch.collector.worker import WorkerSession
from soakwatch.core.configuration import Configuration
from soakwatch.core.configuration_file import load_configuration
from soakwatch.core.errors import ConfigurationError
from soakwatch.core.store_settings import StoreKind

_MARK = "soakwatch_installed"


def install(events: Events) -> None:
    """Register soakwatch with Locust's `events`, unless it is already."""
    if getattr(events, _MARK, False):
        return
    setattr(events, _MARK, True)
    events.init_command_line_parser.add_listener(add_options)
    events.init.add_listener(_start)


def _start(environment: Environment, runner: Runner | None, **_: Any) -> None:
    if runner is None:  # locust.run_single_user: somebody is debugging
        return
    try:
        configuration = load_configuration()
        with_options(configuration, environment.parsed_options)
        _prepare(configuration)
    except ConfigurationError as error:
        sys.stderr.write(f"soakwatch: the configuration is wrong, so Locust does not start\n{error}\n")
        sys.exit(error.exit_code)
    session = WorkerSession if isinstance(runner, WorkerRunner) else LeaderSession
    quietly(lambda: session(environment, runner, configuration).start())()


def _prepare(configuration: Configuration) -> None:
    if configuration.store.kind is StoreKind.INFLUXDB:
        configuration.store.read_token()
        # now rather than in the middle of the load: it brings numpy, which takes a third of a second
        importlib.import_module("soakwatch.store.influxdb")


install(locust.events)
